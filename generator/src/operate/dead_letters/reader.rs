//! Reads messages of a dead-letter queue without taking them: what is read and not moved or deleted is made visible again.

use std::collections::{BTreeMap, BTreeSet};

use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::sqs::messages::{BATCH, MessagesClient, ReceivedMessage};
use crate::deploy::interrupt::Interrupt;

/// A queue is read to its end when so many receives in a row find nothing new: each asks all servers of SQS, and yet a
/// message may be missed.
const EMPTY_RECEIVES: u32 = 2;

/// Reads a queue; each message is given once, though SQS may deliver it several times.
pub struct LetterReader<'a> {
    client: &'a MessagesClient,
    url: &'a str,
    /// How long a message stays hidden from others. If this process is killed, it is visible again after that.
    hidden_s: i32,
    interrupt: &'a Interrupt,
    /// The last receipts of the messages that are hidden, by id.
    held: BTreeMap<String, String>,
    /// What was sent elsewhere or saved, and deleted.
    settled: BTreeSet<String>,
    empty: u32,
}

impl<'a> LetterReader<'a> {
    /// A reader that hides messages for so many seconds.
    #[must_use]
    pub fn new(client: &'a MessagesClient, url: &'a str, hidden_s: i32, interrupt: &'a Interrupt) -> Self {
        Self { client, url, hidden_s, interrupt, held: BTreeMap::new(), settled: BTreeSet::new(), empty: 0 }
    }

    /// The next messages, at most so many; none at the end of the queue, and after an interrupt.
    ///
    /// # Errors
    /// A failed call.
    pub async fn next(&mut self, most: usize) -> Result<Vec<ReceivedMessage>, CallError> {
        while self.empty < EMPTY_RECEIVES && !self.interrupt.raised() {
            // Never abandoned: what a receive hides must be known here.
            let received = self.client.receive(self.url, most, self.hidden_s).await.map_err(CallError::by_operator)?;
            let (copies, received): (Vec<_>, Vec<_>) =
                received.into_iter().partition(|message| self.settled.contains(&message.id));
            if !copies.is_empty() {
                // It was moved already: deleting it failed, or SQS delivers it twice.
                let receipts: Vec<&str> = copies.iter().map(|copy| copy.receipt.as_str()).collect();
                self.client.delete(self.url, &receipts).await.map_err(CallError::by_operator)?;
            }
            let is_new =
                |message: &ReceivedMessage| self.held.insert(message.id.clone(), message.receipt.clone()).is_none();
            let new: Vec<ReceivedMessage> = received.into_iter().filter(is_new).collect();
            if !new.is_empty() {
                self.empty = 0;
                return Ok(new);
            }
            self.empty += 1;
        }
        Ok(Vec::new())
    }

    /// Notes that a message is now elsewhere, and is not to be made visible again.
    pub fn settle(&mut self, id: &str) {
        self.held.remove(id);
        self.settled.insert(id.to_owned());
    }

    /// Makes all messages visible again that were read and not settled.
    ///
    /// # Errors
    /// A failed call. They are visible again when their time is over.
    pub async fn show_again(&mut self) -> Result<(), CallError> {
        let receipts: Vec<String> = std::mem::take(&mut self.held).into_values().collect();
        for part in receipts.chunks(BATCH) {
            let part: Vec<&str> = part.iter().map(String::as_str).collect();
            // A refused receipt is one whose message is visible already.
            self.client.show_again(self.url, &part).await.map_err(CallError::by_operator)?;
        }
        Ok(())
    }
}
