//! `fanggen dlq redrive` and `discard`: dead letters back to where they came from, or saved and deleted.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::super::args::GlobalArgs;
use super::super::block_on::block_on;
use super::super::error::{CommandError, CommandResult};
use super::super::output::{Style, ask, message, plural, print, to_json};
use super::QueueArgs;
use super::account::{DlqAccount, DlqFile};
use crate::not_deployed::NotDeployed;
use crate::operate::dead_letters::letter_file::LetterFile;
use crate::operate::dead_letters::rate::MessageRate;
use crate::operate::dead_letters::redrive::{LetterAction, Redrive, RedriveOptions, RedriveSummary};
use crate::operate::dead_letters::{DeadLetterQueue, DeadLettersError, LetterOrigin, OpenQueue};

/// Time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(5);

/// Move dead letters back to the queue that they came from
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen dlq redrive --env prod --dry-run          how many, by reason
  fanggen dlq redrive --queue worker --reason unreachable
  fanggen dlq redrive --reason 'not recorded' --max 100 --rate 2/s --yes
  fanggen dlq redrive --save moved.jsonl --yes      keep a copy of each message

Each message is sent to its queue, with its attributes, before it is deleted: after an interruption or an error none is \
lost, and the same command continues. If a message is moved twice, its results are still \
stored once. Messages that fail again meanwhile stay in the dead-letter queue.")]
pub struct RedriveArgs {
    #[command(flatten)]
    selection: LetterSelection,
    /// How fast: messages per second, minute or hour; each is a chunk of up to 100 items
    #[arg(long, value_name = "RATE", default_value = "10/s")]
    rate: MessageRate,
    /// Save each message to this new file, as JSON Lines, before it is moved
    #[arg(long, value_name = "LETTER_FILE")]
    save: Option<PathBuf>,
}

/// Delete dead letters, after saving them to a file
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen dlq discard --queue worker --save dead.jsonl
  fanggen dlq discard --reason message_unreadable --save unreadable.jsonl --yes

Each message is in the file, and on the disk, before it is deleted.")]
pub struct DiscardArgs {
    #[command(flatten)]
    selection: LetterSelection,
    /// Save each message to this new file, as JSON Lines
    #[arg(long, value_name = "LETTER_FILE")]
    save: PathBuf,
}

/// Which dead letters, and whether to ask.
#[derive(Clone, Debug, Args)]
struct LetterSelection {
    #[command(flatten)]
    queues: QueueArgs,
    /// Only those with this reason; `not recorded` for those that SQS moved
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// At most this many from each queue
    #[arg(short = 'n', long, visible_alias = "limit", value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    max: Option<u64>,
    /// Only count: move or delete nothing
    #[arg(long)]
    dry_run: bool,
    /// Answer yes to the prompt
    #[arg(short, long)]
    yes: bool,
}

/// What is done, and its words.
struct Job<'a> {
    selection: &'a LetterSelection,
    options: RedriveOptions,
    save: Option<&'a PathBuf>,
    moves: bool,
    done: &'static str,
}

impl RedriveArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let options = self.selection.options(Some(self.rate));
        let job = Job { selection: &self.selection, options, save: self.save.as_ref(), moves: true, done: "moved" };
        job.execute(global)
    }
}

impl DiscardArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        // Nothing is sent, so nobody has to bear it.
        let options = self.selection.options(None);
        let job = Job { selection: &self.selection, options, save: Some(&self.save), moves: false, done: "deleted" };
        job.execute(global)
    }
}

impl LetterSelection {
    fn options(&self, rate: Option<MessageRate>) -> RedriveOptions {
        RedriveOptions { reason: self.reason.clone(), rate, max: self.max }
    }
}

impl Job<'_> {
    fn execute(&self, global: &GlobalArgs) -> CommandResult {
        let file = DlqFile::load(&self.selection.queues, global)?;
        let (summaries, result) = block_on(self.run(&file, global))??;
        if global.json {
            print(&to_json(&json!({ "dry_run": self.selection.dry_run, "queues": summaries })));
        } else {
            summaries.iter().for_each(|summary| self.tell(summary));
        }
        result?;
        let failed = summaries.iter().any(|summary| summary.not_sent > 0 || summary.not_deleted > 0);
        if failed { Err(CommandError::Exit(1)) } else { Ok(()) }
    }

    async fn run(
        &self,
        file: &DlqFile,
        global: &GlobalArgs,
    ) -> Result<(Vec<RedriveSummary>, Result<(), DeadLettersError>), CommandError> {
        let account = DlqAccount::load(file, &self.selection.queues, global).await?;
        self.refuse_unmovable(&account)?;
        let mut open = account.open(account.queues.clone()).await?;
        open.retain(|queue| queue.counts.all() > 0);
        open.retain(|queue| {
            let is_movable = self.is_movable(&queue.queue);
            if !is_movable {
                self.tell_unmovable(queue, &account.environment);
            }
            is_movable
        });
        if open.is_empty() {
            message(&format!("no dead letters to be {} in environment `{}`", self.done, account.environment));
            return Ok((Vec::new(), Ok(())));
        }
        let actions = self.actions(&account, &open).await?;
        // Before the prompt: a file that cannot be written is no answer to a yes.
        let mut saved = match self.save.filter(|_| !self.selection.dry_run) {
            Some(path) => Some(LetterFile::create(path)?),
            None => None,
        };
        let (mut summaries, mut result) = (Vec::new(), self.confirm(&account, &open).await);
        for (queue, action) in open.iter().zip(actions) {
            if result.is_err() {
                break;
            }
            let (client, options, interrupt) = (&account.client, &self.options, &account.interrupt);
            let to = match (&action, &queue.queue.origin) {
                (LetterAction::Move(_), LetterOrigin::Queue(source)) => Some(source.clone()),
                _ => None,
            };
            let redrive = Redrive { client, queue, action, options, interrupt };
            let mut told = Instant::now();
            let progress = |done: u64| {
                if told.elapsed() > PROGRESS {
                    told = Instant::now();
                    message(&format!(
                        "{done} of about {} messages of `{}` {}",
                        queue.counts.all(),
                        queue.queue.of,
                        self.done
                    ));
                }
            };
            let (mut summary, ended) = redrive.run(saved.as_mut(), progress).await;
            summary.to = to;
            result = ended;
            summaries.push(summary);
        }
        saved.into_iter().for_each(LetterFile::remove_if_empty);
        if result.is_ok() && account.interrupt.raised() {
            let done = summaries.iter().map(|summary| summary.done).sum();
            result = Err(DeadLettersError::Stopped(done, self.done));
        }
        // A prompt that was declined has nothing to sum up.
        if summaries.is_empty() {
            result.map(|()| (summaries, Ok(()))).map_err(Into::into)
        } else {
            Ok((summaries, result))
        }
    }

    fn is_movable(&self, queue: &DeadLetterQueue) -> bool {
        !self.moves || matches!(queue.origin, LetterOrigin::Queue(_))
    }

    /// Failed invocations that were asked for by name, and cannot be moved.
    fn refuse_unmovable(&self, account: &DlqAccount) -> Result<(), DeadLettersError> {
        let fixed = account.queues.iter().find(|queue| !self.is_movable(queue));
        match fixed.filter(|_| !self.selection.queues.queues.is_empty()) {
            Some(queue) => {
                let (of, environment) = (queue.of.clone(), account.environment.clone());
                Err(DeadLettersError::NotMovable { of, environment })
            }
            None => Ok(()),
        }
    }

    fn tell_unmovable(&self, queue: &OpenQueue, environment: &str) {
        let of = &queue.queue.of;
        let many = plural(usize::try_from(queue.counts.all()).unwrap_or(usize::MAX), "failed invocation");
        message(&format!(
            "{}note{}: about {many} of `{of}` cannot be moved to a queue: `fanggen dlq show --env {environment} --queue {of}` \
             prints the command that invokes each again",
            Style::WARNING,
            Style::END
        ));
    }

    /// What is done with each queue: one call for the URL of each source.
    async fn actions(&self, account: &DlqAccount, open: &[OpenQueue]) -> Result<Vec<LetterAction>, CommandError> {
        let mut actions = Vec::new();
        for queue in open {
            actions.push(match &queue.queue.origin {
                _ if self.selection.dry_run => LetterAction::Count,
                LetterOrigin::Queue(source) if self.moves => {
                    let url = account.client.url(source).await;
                    let url = url.map_err(|error| DeadLettersError::from(error.on(source).by_operator()))?;
                    LetterAction::Move(url.ok_or_else(|| {
                        DeadLettersError::from(NotDeployed::new(&account.environment, "queue", source))
                    })?)
                }
                _ => LetterAction::Discard,
            });
        }
        Ok(actions)
    }

    async fn confirm(&self, account: &DlqAccount, open: &[OpenQueue]) -> Result<(), DeadLettersError> {
        if self.selection.yes || self.selection.dry_run {
            return Ok(());
        }
        let question = self.question(open);
        // On its own thread, so that Ctrl-C does not wait for the answer.
        let asked = tokio::task::spawn_blocking(move || ask(&question));
        let answer = tokio::select! {
            answer = asked => answer.unwrap_or(Some(false)),
            () = account.interrupt.wait() => Some(false),
        };
        match answer {
            Some(true) if !account.interrupt.raised() => Ok(()),
            Some(_) => Err(DeadLettersError::Declined(self.done)),
            None => Err(DeadLettersError::NoTerminal(self.done)),
        }
    }

    fn question(&self, open: &[OpenQueue]) -> String {
        let line = |queue: &OpenQueue| {
            let to = match &queue.queue.origin {
                LetterOrigin::Queue(source) if self.moves => format!(" to `{source}`"),
                _ => String::new(),
            };
            let many = plural(usize::try_from(queue.counts.all()).unwrap_or(usize::MAX), "message");
            format!("  about {many} of `{}`{to}\n", queue.queue.of)
        };
        let lines: String = open.iter().map(line).collect();
        let only = self.options.reason.as_ref().map(|reason| format!(", only those with reason `{reason}`"));
        let most = self.options.max.map(|max| format!(", at most {max} of each"));
        let only = only.into_iter().chain(most).collect::<String>();
        let save = self.save.map(|path| format!(", saved to `{}` first", path.display())).unwrap_or_default();
        let verb = if self.moves { "Move" } else { "Delete" };
        format!("{lines}\n{verb} these dead letters{only}{save}?")
    }

    /// The summary of a queue, for people.
    fn tell(&self, summary: &RedriveSummary) {
        let list = |counts: &std::collections::BTreeMap<String, u64>| {
            counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect::<Vec<_>>().join(", ")
        };
        let done = plural(usize::try_from(summary.done).unwrap_or(usize::MAX), "message");
        let reasons = if summary.reasons.is_empty() { String::new() } else { format!(" ({})", list(&summary.reasons)) };
        let to = summary.to.as_ref().map(|to| format!(" to `{to}`")).unwrap_or_default();
        let of = &summary.queue;
        if self.selection.dry_run {
            message(&format!("{done} of `{of}` would be {}{reasons} (dry run: nothing was {})", self.done, self.done));
        } else {
            message(&format!("{done} of `{of}` {}{to}{reasons}", self.done));
        }
        if !summary.skipped.is_empty() {
            message(&format!("  left, with another reason: {}", list(&summary.skipped)));
        }
        if summary.returned > 0 {
            message(&format!(
                "  {} failed again meanwhile, and left: `fanggen dlq show --queue {of}` says why",
                summary.returned
            ));
        }
        if summary.unread > 0 {
            message(&format!(
                "  about {} more could not be read, probably because they are being read elsewhere: run the same command again in \
                 a few minutes",
                summary.unread
            ));
        }
        let (error, end) = (Style::ERROR, Style::END);
        if summary.not_sent > 0 {
            message(&format!("  {error}{} rejected by SQS, and still dead letters{end}", summary.not_sent));
        }
        if summary.not_deleted > 0 {
            message(&format!(
                "  {error}{} {}, but not deleted{end}: they are still dead letters",
                summary.not_deleted,
                if self.moves { "sent" } else { "saved" }
            ));
        }
        summary.problems.iter().for_each(|problem| message(&format!("  {problem}")));
    }
}
