//! `fanggen dlq show`: some dead letters, with their reasons and the commands to type next.

use clap::Args;
use jiff::Timestamp;

use super::super::args::GlobalArgs;
use super::super::block_on::block_on;
use super::super::error::{CommandError, CommandResult};
use super::super::output::{Style, message, plural, print, to_json};
use super::QueueArgs;
use super::account::{DlqAccount, DlqFile};
use super::ls::age;
use crate::control_characters::without_controls;
use crate::deploy::aws::sqs::messages::BATCH;
use crate::operate::dead_letters::letter::{DeadLetter, NOT_RECORDED};
use crate::operate::dead_letters::reader::LetterReader;
use crate::operate::dead_letters::{DeadLettersError, OpenQueue};

/// How long a message that is shown stays hidden from others, in seconds, should it not be made visible again.
const HIDDEN_S: i32 = 60;
/// Characters of a body that are printed; `--json` has all.
const BODY: usize = 300;

/// Show dead letters, with their reasons and what to do about them
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen dlq show --env prod                     ten messages of each queue
  fanggen dlq show --queue worker -n 1
  fanggen dlq show --json -n 100 | jq -r '.[].body'

What is shown is a sample, in no order. It stays in its queue, and is visible to others again afterwards.")]
pub struct ShowArgs {
    #[command(flatten)]
    queues: QueueArgs,
    /// Messages of each queue to show
    #[arg(short = 'n', long, visible_alias = "max", value_name = "COUNT", default_value_t = 10)]
    limit: usize,
}

impl ShowArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = DlqFile::load(&self.queues, global)?;
        block_on(self.show(&file, global))?
    }

    async fn show(&self, file: &DlqFile, global: &GlobalArgs) -> Result<(), CommandError> {
        let account = DlqAccount::load(file, &self.queues, global).await?;
        let open = account.open(account.queues.clone()).await?;
        let mut all = Vec::new();
        for queue in &open {
            let letters = self.letters(&account, queue).await?;
            if !global.json {
                letters.iter().for_each(|letter| print(&text(letter, Timestamp::now())));
            }
            let (of, about) = (&queue.queue.of, queue.counts.all().max(letters.len() as u64));
            if about > 0 {
                let many = plural(usize::try_from(about).unwrap_or(usize::MAX), "message");
                message(&format!("{} of about {many} of `{of}`, visible again", letters.len()));
            }
            all.extend(letters);
        }
        if global.json {
            print(&to_json(&all));
        }
        account.interrupted()?;
        if all.is_empty() && open.iter().all(|queue| queue.counts.all() == 0) {
            message(&format!("no dead letters in environment `{}`", account.environment));
        }
        Ok(())
    }

    async fn letters(&self, account: &DlqAccount, queue: &OpenQueue) -> Result<Vec<DeadLetter>, DeadLettersError> {
        let mut reader = LetterReader::new(&account.client, &queue.url, HIDDEN_S, &account.interrupt);
        let mut letters = Vec::new();
        let mut read = Ok(());
        while letters.len() < self.limit {
            match reader.next((self.limit - letters.len()).min(BATCH)).await {
                Ok(messages) if messages.is_empty() => break,
                Ok(messages) => letters
                    .extend(messages.iter().map(|message| DeadLetter::of(&queue.queue, message, &account.environment))),
                Err(error) => {
                    read = Err(error);
                    break;
                }
            }
        }
        let shown = reader.show_again().await;
        read.and(shown).map_err(|error| error.on(&queue.queue.name))?;
        Ok(letters)
    }
}

/// A letter for people.
fn text(letter: &DeadLetter, now: Timestamp) -> String {
    let (dim, end) = (Style::DIM, Style::END);
    let reason = letter.reason.as_deref().unwrap_or(NOT_RECORDED);
    let mut lines =
        vec![format!("{}{reason}{end}  {} {dim}message {}{end}", Style::ERROR, letter.queue, letter.message_id)];
    let mut line = |name: &str, words: &str| lines.push(format!("  {dim}{name:<8}{end} {words}"));
    if letter.reason.is_none() {
        line(
            "why",
            "SQS moved it after ten failed deliveries: the function crashed, timed out, or could not move it itself",
        );
    }
    if let Some(earlier) = &letter.earlier_reason {
        line("earlier", &format!("{earlier}, after which it was moved back"));
    }
    if let Some(detail) = &letter.detail {
        line("detail", detail);
    }
    let sent = letter.sent.map(|sent| format!("{sent:.0}, {} ago, ", age(now, sent))).unwrap_or_default();
    let times = usize::try_from(letter.receives).unwrap_or(usize::MAX);
    line("sent", &format!("{sent}received {}", plural(times, "time")));
    if let Some(run) = &letter.run {
        let chunk = letter.chunk.as_ref().map(|chunk| format!(", chunk {chunk}")).unwrap_or_default();
        let records = letter.records.map(|records| format!(", {}", plural(records, "record"))).unwrap_or_default();
        line("run", &format!("{run}{chunk}{records}"));
    }
    if let Some(why) = letter.unreadable.as_ref().filter(|why| letter.detail.as_ref() != Some(why)) {
        line("body", why);
    }
    let shown: String = letter.body.chars().take(BODY).collect();
    let cut = if shown.len() < letter.body.len() { "…" } else { "" };
    line("body", &format!("{}{cut}", shown.replace('\n', " ")));
    letter.next.iter().for_each(|command| line("next", command));
    without_controls(&(lines.join("\n") + "\n")).into_owned()
}
