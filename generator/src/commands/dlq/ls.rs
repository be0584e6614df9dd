//! `fanggen dlq ls`: how many dead letters there are, how old, and why.

use std::collections::BTreeMap;

use clap::Args;
use comfy_table::Table;
use futures_util::future::join_all;
use jiff::Timestamp;
use serde::Serialize;

use super::super::args::GlobalArgs;
use super::super::block_on::block_on;
use super::super::error::{CommandError, CommandResult};
use super::super::output::{message, print, to_json};
use super::super::run::STYLE;
use super::QueueArgs;
use super::account::{DlqAccount, DlqFile};
use crate::control_characters::without_controls;
use crate::deploy::aws::sqs::messages::BATCH;
use crate::operate::dead_letters::letter::LetterReason;
use crate::operate::dead_letters::reader::LetterReader;
use crate::operate::dead_letters::{DeadLettersError, OpenQueue};

/// How long a message that is looked at stays hidden from others, in seconds, should it not be made visible again.
const HIDDEN_S: i32 = 60;

/// Show each dead-letter queue: how many messages, how old, and why
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen dlq ls --env prod
  fanggen dlq ls --sample 0         counts only, without reading any messages
  fanggen dlq ls --sample 100 --json | jq '.[] | select(.messages > 0)'

The numbers are approximate, as SQS gives them. Ages and reasons are those of a sample, whose messages are \
visible again afterwards.")]
pub struct LsArgs {
    #[command(flatten)]
    queues: QueueArgs,
    /// Messages of each queue to read
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    sample: usize,
}

/// What is known of a queue.
#[derive(Serialize)]
struct QueueSummary {
    /// Whose failures it has.
    queue: String,
    name: String,
    /// Messages, approximately.
    messages: u64,
    /// Messages of these that somebody is reading.
    hidden: u64,
    /// Messages of the sample.
    read: usize,
    /// When the oldest of the sample was sent.
    oldest: Option<Timestamp>,
    /// The reasons in the sample.
    reasons: BTreeMap<String, u64>,
}

impl LsArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = DlqFile::load(&self.queues, global)?;
        let all = block_on(self.summaries(&file, global))??;
        if global.json {
            print(&to_json(&all));
            return Ok(());
        }
        print(&table(&all, Timestamp::now()));
        let messages: u64 = all.iter().map(|queue| queue.messages).sum();
        if messages == 0 && all.iter().all(|queue| queue.read == 0) {
            message(&format!("no dead letters in environment `{}`", file.environment));
            return Ok(());
        }
        let read: usize = all.iter().map(|queue| queue.read).sum();
        message(&format!(
            "ages and reasons are from {read} of about {messages} messages, which are visible again\n  `fanggen dlq show \
             --env {}` shows messages",
            file.environment
        ));
        Ok(())
    }

    async fn summaries(&self, file: &DlqFile, global: &GlobalArgs) -> Result<Vec<QueueSummary>, CommandError> {
        let account = DlqAccount::load(file, &self.queues, global).await?;
        let open = account.open(account.queues.clone()).await?;
        let all = join_all(open.iter().map(|queue| self.summary(&account, queue))).await;
        account.interrupted()?;
        Ok(all.into_iter().collect::<Result<_, _>>()?)
    }

    async fn summary(&self, account: &DlqAccount, queue: &OpenQueue) -> Result<QueueSummary, DeadLettersError> {
        let mut summary = QueueSummary {
            queue: queue.queue.of.clone(),
            name: queue.queue.name.clone(),
            messages: queue.counts.all(),
            hidden: queue.counts.hidden,
            read: 0,
            oldest: None,
            reasons: BTreeMap::new(),
        };
        // A queue that SQS takes for empty is not read: that would take a second.
        let wanted = if queue.counts.visible == 0 { 0 } else { self.sample };
        let mut reader = LetterReader::new(&account.client, &queue.url, HIDDEN_S, &account.interrupt);
        let mut read = Ok(());
        while summary.read < wanted && (summary.read as u64) < queue.counts.visible {
            match reader.next((wanted - summary.read).min(BATCH)).await {
                Ok(messages) if messages.is_empty() => break,
                Ok(messages) => {
                    for message in messages {
                        summary.read += 1;
                        summary.oldest = [summary.oldest, message.sent].into_iter().flatten().min();
                        let reason = LetterReason::of(&queue.queue, &message);
                        *summary.reasons.entry(reason.word().to_owned()).or_default() += 1;
                    }
                }
                Err(error) => {
                    read = Err(error);
                    break;
                }
            }
        }
        let shown = reader.show_again().await;
        read.and(shown).map_err(|error| error.on(&queue.queue.name))?;
        Ok(summary)
    }
}

fn table(all: &[QueueSummary], now: Timestamp) -> String {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(["dead letters of", "about", "oldest", "reasons"]);
    for queue in all {
        let reasons: Vec<String> = queue.reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let reasons = without_controls(&reasons.join(", ")).into_owned();
        let of = if (queue.read as u64) < queue.messages && queue.read > 0 {
            format!("{reasons} (of {} read)", queue.read)
        } else {
            reasons
        };
        let age = queue.oldest.map(|oldest| age(now, oldest)).unwrap_or_default();
        table.add_row([queue.queue.clone(), queue.messages.to_string(), age, of]);
    }
    table.trim_fmt()
}

/// How long ago, in its largest unit: `3 h`, `2 days`.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
