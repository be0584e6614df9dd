//! Moves dead letters to the queue that they come from, or deletes saved ones: a message is deleted only when it is elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::letter::LetterReason;
use super::letter_file::LetterFile;
use super::rate::MessageRate;
use super::reader::LetterReader;
use super::{DeadLettersError, OpenQueue};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::sqs::messages::{BATCH, BATCH_BYTES, MessagesClient, ReceivedMessage, RefusedEntry};
use crate::deploy::interrupt::Interrupt;

/// How long a message stays hidden while it is moved, in seconds.
const HIDDEN_S: i32 = 300;
/// How often an entry of a batch is tried that SQS refuses for a passing reason.
const ATTEMPTS: u32 = 4;
/// The wait before the second attempt; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// Different problems that are told.
const PROBLEMS: usize = 5;

/// What is done with dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetterAction {
    /// They are moved to the queue with this URL.
    Move(String),
    /// They are deleted, once they are saved.
    Discard,
    /// They are only counted.
    Count,
}

/// Which dead letters, and how fast.
#[derive(Clone, Debug)]
pub struct RedriveOptions {
    /// Only those with this reason.
    pub reason: Option<String>,
    /// How fast; as fast as possible otherwise.
    pub rate: Option<MessageRate>,
    /// At most so many of each queue.
    pub max: Option<u64>,
}

/// What became of the dead letters of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RedriveSummary {
    /// Whose failures they are.
    pub queue: String,
    /// The queue that they were moved to.
    pub to: Option<String>,
    /// Messages that were moved, deleted, or would be.
    pub done: u64,
    /// The same, by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Messages with another reason.
    pub skipped: BTreeMap<String, u64>,
    /// Messages that failed again while this ran.
    pub returned: u64,
    /// Messages that SQS did not take. They are still dead letters.
    pub not_sent: u64,
    /// Messages that were sent, and are dead letters as well.
    pub not_deleted: u64,
    /// Messages that could not be read, approximately: somebody else is reading them, or a response of SQS was lost.
    pub unread: u64,
    /// Why.
    pub problems: BTreeSet<String>,
}

impl RedriveSummary {
    /// All messages that were read.
    fn read(&self) -> u64 {
        self.done + self.skipped.values().sum::<u64>() + self.returned + self.not_sent
    }
}

/// Moves or deletes the dead letters of one queue.
pub struct Redrive<'a> {
    /// The client.
    pub client: &'a MessagesClient,
    /// The queue.
    pub queue: &'a OpenQueue,
    /// What is done.
    pub action: LetterAction,
    /// Which ones, and how fast.
    pub options: &'a RedriveOptions,
    /// Raised when the user wants to stop.
    pub interrupt: &'a Interrupt,
}

impl Redrive<'_> {
    /// Does it, and makes everything else visible again. The summary is told even if it ends with an error.
    pub async fn run(
        &self,
        mut file: Option<&mut LetterFile>,
        mut progress: impl FnMut(u64),
    ) -> (RedriveSummary, Result<(), DeadLettersError>) {
        let mut summary = RedriveSummary { queue: self.queue.queue.of.clone(), ..RedriveSummary::default() };
        let mut reader = LetterReader::new(self.client, &self.queue.url, HIDDEN_S, self.interrupt);
        let mut sent = SentBodies::default();
        let mut next = Instant::now();
        let result = loop {
            let left = self.options.max.map_or(u64::MAX, |max| max.saturating_sub(summary.done));
            let step = self.options.rate.map_or(BATCH, MessageRate::step);
            let step = step.min(usize::try_from(left).unwrap_or(usize::MAX));
            if step == 0 || self.interrupt.raised() {
                break Ok(());
            }
            let read = match reader.next(step).await {
                Ok(read) if read.is_empty() => {
                    summary.unread = self.queue.counts.all().saturating_sub(summary.read());
                    break Ok(());
                }
                Ok(read) => read,
                Err(error) => break Err(error.into()),
            };
            let chosen = self.choose(&read, &sent, &mut summary);
            if chosen.is_empty() {
                continue;
            }
            // One that is interrupted here goes back to where it was.
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = self.interrupt.wait() => break Ok(()),
            }
            next = next.max(Instant::now()) + self.options.rate.map(|rate| rate.time(chosen.len())).unwrap_or_default();
            if let Err(error) = self.settle(&chosen, &mut reader, file.as_deref_mut(), &mut sent, &mut summary).await {
                break Err(error);
            }
            progress(summary.done);
        };
        // What cannot be shown again now is visible when its time is over: an error before is the one to tell.
        let shown = reader.show_again().await.map_err(DeadLettersError::from);
        (summary, result.and(shown))
    }

    /// Those that are wanted. The others are held until the end, so that they are not read again and again.
    fn choose<'m>(
        &self,
        read: &'m [ReceivedMessage],
        sent: &SentBodies,
        summary: &mut RedriveSummary,
    ) -> Vec<&'m ReceivedMessage> {
        let mut chosen = Vec::new();
        for message in read {
            let reason = LetterReason::of(&self.queue.queue, message);
            if self.options.reason.as_ref().is_some_and(|wanted| wanted != reason.word()) {
                *summary.skipped.entry(reason.word().to_owned()).or_default() += 1;
            } else if matches!(self.action, LetterAction::Move(_)) && sent.contains(message) {
                // Moved a moment ago, it has failed again: moving it once more would never end.
                summary.returned += 1;
            } else {
                chosen.push(message);
            }
        }
        chosen
    }

    async fn settle(
        &self,
        chosen: &[&ReceivedMessage],
        reader: &mut LetterReader<'_>,
        file: Option<&mut LetterFile>,
        sent: &mut SentBodies,
        summary: &mut RedriveSummary,
    ) -> Result<(), DeadLettersError> {
        if let (Some(file), false) = (file, self.action == LetterAction::Count) {
            file.save(&self.queue.queue, chosen)?;
        }
        match &self.action {
            LetterAction::Count => {
                chosen.iter().for_each(|message| self.count(message, summary));
                Ok(())
            }
            LetterAction::Discard => self.delete(chosen, reader, summary).await,
            LetterAction::Move(url) => {
                for batch in batches(chosen) {
                    let taken = self.send(url, batch, summary).await?;
                    taken.iter().for_each(|message| sent.insert(message));
                    self.delete(&taken, reader, summary).await?;
                }
                Ok(())
            }
        }
    }

    fn count(&self, message: &ReceivedMessage, summary: &mut RedriveSummary) {
        summary.done += 1;
        let reason = LetterReason::of(&self.queue.queue, message);
        *summary.reasons.entry(reason.word().to_owned()).or_default() += 1;
    }

    /// Sends a batch, and gives those messages that SQS took.
    async fn send<'m>(
        &self,
        url: &str,
        batch: &[&'m ReceivedMessage],
        summary: &mut RedriveSummary,
    ) -> Result<Vec<&'m ReceivedMessage>, CallError> {
        let mut taken = Vec::new();
        let call = async |entries: &[&'m ReceivedMessage]| self.client.send(url, entries).await;
        let (refused, result) = with_retries(batch, FIRST_WAIT, call, |message| taken.push(message)).await;
        summary.not_sent += refused.len() as u64;
        refused.iter().for_each(|(_, reason)| note(summary, reason));
        // What SQS took before an error must be deleted, or it would be moved again.
        match result {
            Err(error) if taken.is_empty() => Err(error.by_operator()),
            Err(error) => {
                summary.not_sent += (batch.len() - refused.len() - taken.len()) as u64;
                note(summary, &error.to_string());
                Ok(taken)
            }
            Ok(()) => Ok(taken),
        }
    }

    /// Deletes messages that are elsewhere now.
    async fn delete(
        &self,
        messages: &[&ReceivedMessage],
        reader: &mut LetterReader<'_>,
        summary: &mut RedriveSummary,
    ) -> Result<(), DeadLettersError> {
        let call = async |entries: &[&ReceivedMessage]| {
            let receipts: Vec<&str> = entries.iter().map(|message| message.receipt.as_str()).collect();
            let mut refused = self.client.delete(&self.queue.url, &receipts).await?;
            // The response to an earlier attempt was lost. Should the message be there yet, it is read again, and deleted then.
            refused.retain(|entry| !entry.is_outdated);
            Ok(refused)
        };
        let mut gone = BTreeSet::new();
        let (refused, result) = with_retries(messages, FIRST_WAIT, call, |message| gone.extend([&message.id])).await;
        for message in messages {
            // Even if it could not be deleted: it must not be sent again.
            reader.settle(&message.id);
            self.count(message, summary);
            summary.not_deleted += u64::from(!gone.contains(&message.id));
        }
        refused.iter().for_each(|(_, reason)| note(summary, reason));
        Ok(result.map_err(CallError::by_operator)?)
    }
}

/// Calls with a batch, and again with those entries that were refused for a passing reason. Gives the entries that were
/// refused for good, and the error that ended it.
async fn with_retries<'m>(
    batch: &[&'m ReceivedMessage],
    mut wait: Duration,
    call: impl AsyncFn(&[&'m ReceivedMessage]) -> Result<Vec<RefusedEntry>, CallError>,
    mut done: impl FnMut(&'m ReceivedMessage),
) -> (Vec<(&'m ReceivedMessage, String)>, Result<(), CallError>) {
    let (mut left, mut refused) = (batch.to_vec(), Vec::new());
    for attempt in 1.. {
        if left.is_empty() {
            break;
        }
        let failed = match call(&left).await {
            Ok(failed) => failed,
            Err(error) => return (refused, Err(error)),
        };
        let failed: BTreeMap<usize, RefusedEntry> = failed.into_iter().map(|entry| (entry.index, entry)).collect();
        let mut again = Vec::new();
        for (index, message) in left.into_iter().enumerate() {
            match failed.get(&index) {
                None => done(message),
                Some(entry) if entry.is_passing && attempt < ATTEMPTS => again.push(message),
                Some(entry) => refused.push((message, entry.reason.clone())),
            }
        }
        left = again;
        if !left.is_empty() {
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }
    (refused, Ok(()))
}

/// Parts that one call can send.
fn batches<'b, 'm>(messages: &'b [&'m ReceivedMessage]) -> Vec<&'b [&'m ReceivedMessage]> {
    let (mut parts, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (index, message) in messages.iter().enumerate() {
        if bytes + message.bytes() > BATCH_BYTES && index > start {
            parts.push(&messages[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += message.bytes();
    }
    parts.push(&messages[start..]);
    parts
}

fn note(summary: &mut RedriveSummary, problem: &str) {
    if summary.problems.len() < PROBLEMS {
        summary.problems.insert(problem.to_owned());
    }
}

/// The bodies that were sent, as hashes: a message that fails again comes back with the same body under another id.
#[derive(Default)]
struct SentBodies {
    state: RandomState,
    hashes: BTreeSet<u64>,
}

impl SentBodies {
    fn insert(&mut self, message: &ReceivedMessage) {
        self.hashes.insert(self.state.hash_one(&message.body));
    }

    fn contains(&self, message: &ReceivedMessage) -> bool {
        self.hashes.contains(&self.state.hash_one(&message.body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn message(id: usize, bytes: usize) -> ReceivedMessage {
        ReceivedMessage {
            id: id.to_string(),
            receipt: String::new(),
            body: "x".repeat(bytes),
            attributes: BTreeMap::new(),
            sent: None,
            first_received: None,
            receives: 1,
            moved_from: None,
            trace: None,
        }
    }

    #[test]
    fn a_batch_is_no_longer_than_a_call_may_be() {
        let lengths = [400_000, 400_000, 248_576, 1, BATCH_BYTES, 5];
        let all: Vec<ReceivedMessage> = lengths.iter().enumerate().map(|(id, bytes)| message(id, *bytes)).collect();
        let all: Vec<&ReceivedMessage> = all.iter().collect();
        let counts: Vec<usize> = batches(&all).iter().map(|part| part.len()).collect();
        assert_eq!(counts, [3, 1, 1, 1]);
        assert_eq!(batches(&all[..1]).len(), 1);
    }

    #[tokio::test]
    async fn refused_entries_are_tried_again_and_given_up() {
        let all: Vec<ReceivedMessage> = (0..4).map(|id| message(id, 1)).collect();
        let all: Vec<&ReceivedMessage> = all.iter().collect();
        let calls = RefCell::new(Vec::new());
        let call = async |entries: &[&ReceivedMessage]| {
            calls.borrow_mut().push(entries.iter().map(|entry| entry.id.clone()).collect::<Vec<_>>().join(""));
            let entry =
                |index, is_passing| RefusedEntry { index, reason: "no".to_owned(), is_passing, is_outdated: false };
            // The second is never taken, the third is taken later, the fourth is refused for good.
            Ok(match calls.borrow().len() {
                1 => vec![entry(1, true), entry(2, true), entry(3, false)],
                _ => vec![entry(0, true)],
            })
        };
        let mut done = Vec::new();
        let (refused, result) = with_retries(&all, Duration::ZERO, call, |message| done.push(message.id.clone())).await;
        assert!(result.is_ok());
        assert_eq!(done, ["0", "2"]);
        assert_eq!(refused.iter().map(|(message, _)| message.id.as_str()).collect::<Vec<_>>(), ["3", "1"]);
        assert_eq!(*calls.borrow(), ["0123", "12", "1", "1"]);
    }
}
