//! Chunks on their way to the next function: where one fits into no message, its longest records fail, and the others go on.

use crate::component::services::MessageQueue;
use crate::model::error::{Error, ErrorCode};
use crate::model::message::Message;
use crate::model::record::Record;
use crate::model::run::Chunk;

/// Up to so many bytes in its texts, a chunk surely fits into a message: SQS admits a mebibyte, and it is packed.
const SURE: usize = 512 * 1024;

/// Sends a chunk to the next function. Where it is too long for a message, its longest records fail, and lose their text:
/// the others go on with theirs.
pub(super) async fn send(
    queue: &dyn MessageQueue,
    chunk: Chunk,
    items: u64,
    mut records: Vec<Record>,
    last: Option<&str>,
) -> Result<(), Error> {
    let message = |records| Message { items: Some(items), ..Message::new(chunk.clone(), records) };
    while records.iter().map(weight).sum::<usize>() > SURE {
        let spare = records.clone();
        match queue.send(vec![message(records)]).await {
            Err(error) if error.code == ErrorCode::MessageTooLong => records = shorter(spare, last),
            sent => return sent,
        }
    }
    queue.send(vec![message(records)]).await
}

/// How long a record is on its way.
fn weight(record: &Record) -> usize {
    /// Counts what is written into it.
    struct Length(usize);
    impl std::io::Write for Length {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut length = Length(0);
    serde_json::to_writer(&mut length, record).map_or(usize::MAX / 2, |()| length.0)
}

/// The same records, with a quarter less to carry.
fn shorter(mut records: Vec<Record>, last: Option<&str>) -> Vec<Record> {
    let mut order: Vec<(usize, usize)> =
        records.iter().map(weight).enumerate().map(|(place, weight)| (weight, place)).collect();
    order.sort_unstable_by(|one, other| other.cmp(one));
    let mut spare = order.iter().map(|(weight, _)| weight).sum::<usize>() / 4;
    for (weight, place) in order {
        let record = &mut records[place];
        let words = format!(
            "the text of `{}` is too long to be handed on in one message with the others of its chunk",
            record.item.key
        );
        (record.text, record.item.text) = (None, None);
        record.findings.clear();
        let stage = last.unwrap_or(&record.source).to_owned();
        record.fail(&stage, Error::permanent(ErrorCode::RecordTooLong, words));
        if weight >= spare {
            break;
        }
        spare -= weight;
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

    /// Takes messages as SQS does: up to a mebibyte on the wire.
    #[derive(Default)]
    struct Narrow {
        taken: Mutex<Vec<Message>>,
        refused: Mutex<usize>,
    }

    #[async_trait]
    impl MessageQueue for Narrow {
        async fn send(&self, messages: Vec<Message>) -> Result<(), Error> {
            for message in messages {
                message.to_wire().inspect_err(|_| *self.refused.lock().expect("no panic") += 1)?;
                self.taken.lock().expect("no panic").push(message);
            }
            Ok(())
        }

        async fn hide(&self, _: &str, _: Duration) -> Result<(), Error> {
            Ok(())
        }
    }

    /// A text that hardly packs.
    fn noise(bytes: usize, seed: u64) -> String {
        let mut state = seed;
        let letter = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + ((state >> 40) % 90) as u8)
        };
        (0..bytes).map(letter).collect()
    }

    #[tokio::test]
    async fn the_longest_records_of_a_chunk_that_fits_into_no_message_fail_and_the_others_go_on() {
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let record = |place: usize| {
            let bytes = if place < 3 { 600_000 } else { 1_000 };
            let text = Text { body: noise(bytes, place as u64), source: "text".into(), ..Text::default() };
            Record { text: Some(text), ..Record::new(run.as_str(), "s", Item::named(place.to_string())) }
        };
        let records: Vec<Record> = (0..100).map(record).collect();
        let queue = Narrow::default();
        let chunk = Chunk::new(&run, 0, &records);
        send(&queue, chunk.clone(), 100, records.clone(), Some("words")).await.expect("sent");
        let taken = queue.taken.lock().expect("no panic");
        assert_eq!((taken.len(), *queue.refused.lock().expect("no panic")), (1, 2));
        assert_eq!((&taken[0].chunk, taken[0].records.len()), (&chunk, 100));
        let failed: Vec<_> = taken[0].records.iter().filter(|record| record.failure.is_some()).collect();
        assert_eq!(failed.len(), 2);
        for record in failed {
            let failure = record.failure.as_ref().expect("a failure");
            assert_eq!((failure.stage.as_str(), failure.error.code.as_str()), ("words", "record_too_long"));
            assert_eq!(record.text, None);
        }
        assert!(taken[0].records.iter().zip(&records).all(|(sent, was)| sent.failure.is_some() || sent == was));
    }
}
