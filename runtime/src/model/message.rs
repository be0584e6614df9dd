//! The messages that carry chunks between functions: versioned, packed where they are long, and never trusted.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::run::Chunk;
use crate::model::error::{Error, ErrorCode};
use crate::model::record::Record;

/// Bytes of a message as it goes over the wire, at most: what SQS admits.
pub const MESSAGE_BYTES: usize = 1024 * 1024;

/// Above so many bytes a message is packed: SQS bills each 64 KB, and packed texts take a third.
const PLAIN_BYTES: usize = 256 * 1024;

/// Bytes of a message that is unpacked, at most: memory is not whatever somebody sends.
const UNPACKED_BYTES: u64 = 64 * 1024 * 1024;

/// What travels between functions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Version of this form, so that new code meets old messages in peace.
    pub version: u32,
    /// The chunk.
    pub chunk: Chunk,
    /// Items that the run began it with, where a function has come between that may have let some go no further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
    /// Its records.
    pub records: Vec<Record>,
}

impl Message {
    /// The version that this code writes.
    pub const VERSION: u32 = 1;

    /// A message with these records.
    #[must_use]
    pub fn new(chunk: Chunk, records: Vec<Record>) -> Self {
        Self { version: Self::VERSION, chunk, items: None, records }
    }

    /// How many items it stands for.
    #[must_use]
    pub fn items(&self) -> u64 {
        let here =
            || self.records.iter().map(|record| (&record.source, &record.item.key)).collect::<BTreeSet<_>>().len();
        self.items.unwrap_or_else(|| here() as u64)
    }

    /// The message as it goes over the wire: plain JSON, or packed where that is long.
    ///
    /// # Errors
    /// `message_too_long` where it fits into no message of SQS even so.
    pub fn wire(&self) -> Result<String, Error> {
        let unwritable = |error: &dyn fmt::Display| {
            Error::permanent(ErrorCode::RecordUnwritable, format!("the chunk as a message: {error}"))
        };
        let body = admitted(serde_json::to_string(self).map_err(|error| unwritable(&error))?);
        if body.len() <= PLAIN_BYTES {
            return Ok(body);
        }
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        let packed =
            packer.write_all(body.as_bytes()).and_then(|()| packer.finish()).map_err(|error| unwritable(&error))?;
        let packed = CompressedMessage { version: self.version, packed: STANDARD.encode(packed) };
        let packed = serde_json::to_string(&packed).map_err(|error| unwritable(&error))?;
        // What is packed already becomes longer by Base64.
        let body = if packed.len() < body.len() { packed } else { body };
        if body.len() > MESSAGE_BYTES {
            let (records, bytes) = (self.records.len(), body.len());
            let words = format!(
                "{records} records take {bytes} bytes even when packed, and a message of SQS has {MESSAGE_BYTES} at most"
            );
            return Err(Error::permanent(ErrorCode::MessageTooLong, words));
        }
        Ok(body)
    }

    /// Reads the body of a message.
    ///
    /// # Errors
    /// `message_unreadable`, `message_version`: poison, which no other try makes readable.
    pub fn read(body: &str) -> Result<Self, Error> {
        if is_packed(body) {
            let packed: CompressedMessage = parse(body)?;
            check(packed.version)?;
            return Self::of_json(&packed.open()?);
        }
        Self::of_json(body)
    }

    fn of_json(body: &str) -> Result<Self, Error> {
        let message: Self = parse(body)?;
        check(message.version)?;
        Ok(message)
    }
}

/// The two characters that JSON leaves as they are and SQS refuses
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
const NEVER: [char; 2] = ['\u{fffe}', '\u{ffff}'];

/// JSON that SQS admits: the two stand in texts only, where they may be written otherwise.
pub(crate) fn admitted(json: String) -> String {
    if json.contains(NEVER) { json.replace(NEVER[0], "\\ufffe").replace(NEVER[1], "\\uffff") } else { json }
}

/// A long message on the wire.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CompressedMessage {
    version: u32,
    /// JSON, in gzip, in Base64.
    packed: String,
}

impl CompressedMessage {
    fn open(&self) -> Result<String, Error> {
        let unreadable =
            |words| Error::permanent(ErrorCode::MessageUnreadable, format!("the message is not one of ours: {words}"));
        let bytes = STANDARD.decode(&self.packed).map_err(|_| unreadable("what is packed is not Base64"))?;
        let mut body = String::new();
        let mut opened = GzDecoder::new(bytes.as_slice()).take(UNPACKED_BYTES + 1);
        opened.read_to_string(&mut body).map_err(|_| unreadable("what is packed is not whole gzip of a text"))?;
        if body.len() as u64 > UNPACKED_BYTES { Err(unreadable("what is packed has no end")) } else { Ok(body) }
    }
}

/// Whether this starts as a packed message does: a plain one has its chunk there.
fn is_packed(body: &str) -> bool {
    body.bytes()
        .take(64)
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect::<Vec<_>>()
        .windows(9)
        .any(|part| part == b"\"packed\":")
}

fn check(version: u32) -> Result<(), Error> {
    if version <= Message::VERSION {
        return Ok(());
    }
    Err(Error::permanent(
        ErrorCode::MessageVersion,
        format!("the message has version {version}, this function reads up to {}", Message::VERSION),
    ))
}

fn parse<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, Error> {
    serde_json::from_str(body).map_err(|error| {
        // The place and not serde's own words: they quote the message, and this sentence goes into logs.
        let what = if error.is_data() { "it is JSON of another form" } else { "it is not whole JSON" };
        let (line, column) = (error.line(), error.column());
        let words = format!("the message is not one of ours: {what} (line {line}, column {column})");
        Error::permanent(ErrorCode::MessageUnreadable, words)
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::model::record::Item;
    use crate::model::run::RunId;

    #[test]
    fn a_newer_message_is_refused_and_not_misread() {
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let mut message = Message::new(Chunk::of(&run, 0, &[]), vec![]);
        message.version = 2;
        let body = serde_json::to_string(&message).expect("serializable");
        assert_eq!(Message::read(&body).expect_err("newer").code, ErrorCode::MessageVersion);
        assert_eq!(Message::read("{").expect_err("poison").code, ErrorCode::MessageUnreadable);
    }

    #[test]
    fn a_message_cannot_choose_where_its_chunk_is_written() {
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let fraction = RunId::scheduled("2026-11-22T09:00:00.25Z").expect("a time");
        let body =
            |run: &str, id: &str| format!(r#"{{"version":1,"chunk":{{"run":"{run}","id":"{id}"}},"records":[]}}"#);
        let id = Chunk::of(&run, 0, &[]).id;
        for run in [&run, &fraction] {
            assert_eq!(Message::read(&body(run.as_str(), &id)).expect("ours").chunk.run, *run);
        }
        for odd in ["", "../../etc", "20261122T090000", "2026112aT090000Z", "20261122T090000.2Z", "20261122T090000Z/x"]
        {
            assert_eq!(Message::read(&body(odd, &id)).expect_err(odd).code, ErrorCode::MessageUnreadable);
        }
        for odd in ["", "../x", "0123456789abcdeg", "0123456789ABCDEF", "0123456789abcdef0"] {
            assert_eq!(Message::read(&body(run.as_str(), odd)).expect_err(odd).code, ErrorCode::MessageUnreadable);
        }
    }

    fn long(bytes: usize) -> Message {
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        // Digits of a walk: they pack to about half.
        let mut state = 1_u64;
        let mut text = String::new();
        while text.len() < bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let _ = write!(text, "{}", state >> 33);
        }
        let item = Item { text: Some(text), ..Item::named("Apple") };
        Message::new(Chunk::of(&run, 0, &[]), vec![Record::new(run.as_str(), "s", item)])
    }

    #[test]
    fn a_long_message_is_packed_and_read_as_it_was() {
        for (bytes, packed) in [(1_000, false), (300_000, true), (1_500_000, true)] {
            let message = long(bytes);
            let body = message.wire().expect("a body");
            assert_eq!(is_packed(&body), packed);
            assert!(body.len() <= bytes + 1_000);
            assert_eq!(Message::read(&body).expect("ours"), message);
        }
        let error = long(3_000_000).wire().expect_err("too long");
        assert_eq!((error.code.as_str(), error.transient), ("message_too_long", false));
    }

    #[test]
    fn what_is_packed_is_not_trusted() {
        let gzip = |body: &[u8]| {
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(body).and_then(|()| packer.finish()).expect("packed")
        };
        let packed = |bytes: &[u8]| format!(r#"{{"version":1, "packed": "{}"}}"#, STANDARD.encode(bytes));
        let bomb = gzip(&vec![b' '; 65 << 20]);
        assert!(bomb.len() < 1 << 20);
        let whole = gzip(b"{}");
        for (body, words) in [
            (r#"{"version":1,"packed":"?"}"#.to_owned(), "what is packed is not Base64"),
            (packed(b"x"), "what is packed is not whole gzip of a text"),
            (packed(&whole[..whole.len() - 4]), "what is packed is not whole gzip of a text"),
            (packed(&gzip(&[0xff])), "what is packed is not whole gzip of a text"),
            (packed(&bomb), "what is packed has no end"),
            (packed(&whole), "it is JSON of another form (line 1, column 2)"),
            (r#"{"version":1,"packed":7}"#.to_owned(), "it is JSON of another form (line 1, column 23)"),
        ] {
            let error = Message::read(&body).expect_err(words);
            assert_eq!(
                (error.code.as_str(), error.message),
                ("message_unreadable", format!("the message is not one of ours: {words}"))
            );
        }
        let newer = r#"{"version":2,"packed":""}"#;
        assert_eq!(Message::read(newer).expect_err("newer").code, ErrorCode::MessageVersion);
    }

    #[test]
    fn a_text_may_hold_what_sqs_refuses() {
        let mut message = long(10);
        message.records[0].item.text = Some("a\u{fffe}b\u{ffff}c\u{1}".into());
        let body = message.wire().expect("a body");
        assert!(!body.contains(NEVER) && !body.contains('\u{1}'));
        assert_eq!(Message::read(&body).expect("ours"), message);
    }

    #[test]
    fn a_refused_message_is_not_quoted() {
        let said = Message::read(r#"{"version":"my secret"}"#).expect_err("poison").message;
        assert_eq!(said, "the message is not one of ours: it is JSON of another form (line 1, column 22)");
    }
}
