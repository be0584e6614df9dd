//! Sends chunks to the next function. If a chunk does not fit in a message, its longest records fail.

use std::collections::BTreeMap;

use crate::component::services::MessageQueue;
use crate::model::error::{Error, ErrorCode};
use crate::model::message::Message;
use crate::model::record::Record;
use crate::model::run::Chunk;

/// A chunk with at most this many bytes always fits in a message: SQS allows 1 MiB, and long messages are compressed.
const ALWAYS_FITS: usize = 512 * 1024;

/// Sends a chunk to the next function. If it is too long for a message, its longest records fail and lose their text;
/// the others are sent unchanged. `last_stage` is the stage that the failures are attributed to.
pub(super) async fn send(
    queue: &dyn MessageQueue,
    chunk: Chunk,
    items: u64,
    dropped: BTreeMap<String, u64>,
    mut records: Vec<Record>,
    last_stage: Option<&str>,
) -> Result<(), Error> {
    let message =
        |records| Message { items: Some(items), dropped: dropped.clone(), ..Message::new(chunk.clone(), records) };
    while records.iter().map(json_len).sum::<usize>() > ALWAYS_FITS {
        let backup = records.clone();
        match queue.send(vec![message(records)]).await {
            Err(error) if error.code == ErrorCode::MessageTooLong => records = shorten(backup, last_stage),
            result => return result,
        }
    }
    queue.send(vec![message(records)]).await
}

/// The length of a record as JSON, in bytes.
fn json_len(record: &Record) -> usize {
    /// Counts the bytes that are written.
    struct ByteCounter(usize);
    impl std::io::Write for ByteCounter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = ByteCounter(0);
    serde_json::to_writer(&mut counter, record).map_or(usize::MAX / 2, |()| counter.0)
}

/// Fails the longest records, until the total length is at least a quarter smaller.
fn shorten(mut records: Vec<Record>, last_stage: Option<&str>) -> Vec<Record> {
    let mut by_length: Vec<(usize, usize)> =
        records.iter().map(json_len).enumerate().map(|(index, length)| (length, index)).collect();
    by_length.sort_unstable_by(|one, other| other.cmp(one));
    let mut excess = by_length.iter().map(|(length, _)| length).sum::<usize>() / 4;
    for (length, index) in by_length {
        let record = &mut records[index];
        let message =
            format!("the text of `{}` does not fit in a message with the other records of its chunk", record.item.key);
        (record.text, record.item.text) = (None, None);
        record.findings.clear();
        let stage = last_stage.unwrap_or(&record.source).to_owned();
        record.fail(&stage, Error::permanent(ErrorCode::RecordTooLong, message));
        if length >= excess {
            break;
        }
        excess -= length;
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::{Item, Text};
    use crate::model::run::RunId;
    use async_trait::async_trait;
    use std::sync::Mutex;
    use std::time::Duration;

    /// Accepts messages of up to 1 MiB on the wire, as SQS does.
    #[derive(Default)]
    struct LimitedQueue {
        accepted: Mutex<Vec<Message>>,
        rejected: Mutex<usize>,
    }

    #[async_trait]
    impl MessageQueue for LimitedQueue {
        async fn send(&self, messages: Vec<Message>) -> Result<(), Error> {
            for message in messages {
                message.to_wire().inspect_err(|_| *self.rejected.lock().expect("no panic") += 1)?;
                self.accepted.lock().expect("no panic").push(message);
            }
            Ok(())
        }

        async fn hide(&self, _: &str, _: Duration) -> Result<(), Error> {
            Ok(())
        }
    }

    /// A text that hardly compresses.
    fn noise(bytes: usize, seed: u64) -> String {
        let mut state = seed;
        let letter = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + ((state >> 40) % 90) as u8)
        };
        (0..bytes).map(letter).collect()
    }

    #[tokio::test]
    async fn only_the_longest_records_fail_when_a_chunk_does_not_fit_in_a_message() {
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let record = |index: usize| {
            let bytes = if index < 3 { 600_000 } else { 1_000 };
            let text = Text { body: noise(bytes, index as u64), source: "text".into(), ..Text::default() };
            Record { text: Some(text), ..Record::new(run.as_str(), "s", Item::named(index.to_string())) }
        };
        let records: Vec<Record> = (0..100).map(record).collect();
        let queue = LimitedQueue::default();
        let chunk = Chunk::new(&run, 0, &records);
        send(&queue, chunk.clone(), 100, BTreeMap::new(), records.clone(), Some("summary")).await.expect("sent");
        let accepted = queue.accepted.lock().expect("no panic");
        assert_eq!((accepted.len(), *queue.rejected.lock().expect("no panic")), (1, 2));
        assert_eq!((&accepted[0].chunk, accepted[0].records.len()), (&chunk, 100));
        let failed: Vec<_> = accepted[0].records.iter().filter(|record| record.failure.is_some()).collect();
        assert_eq!(failed.len(), 2);
        for record in failed {
            let failure = record.failure.as_ref().expect("a failure");
            assert_eq!((failure.stage.as_str(), failure.error.code.as_str()), ("summary", "record_too_long"));
            assert_eq!(record.text, None);
        }
        assert!(
            accepted[0].records.iter().zip(&records).all(|(sent, original)| sent.failure.is_some() || sent == original)
        );
    }
}
