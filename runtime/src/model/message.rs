//! The messages that carry chunks between functions: versioned, compressed if long, and validated when parsed.

use std::collections::{BTreeMap, BTreeSet};
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
use crate::model::replay::Replay;

/// Maximum bytes of a serialized message: the limit of SQS.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// Maximum bytes of an uncompressed message. SQS bills per 64 KB, and compressed texts take a third.
const MAX_PLAIN_BYTES: usize = 256 * 1024;

/// Maximum bytes of a decompressed message, so that a small message cannot exhaust the memory.
const MAX_DECOMPRESSED_BYTES: u64 = 64 * 1024 * 1024;

/// A message between functions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The version of the format.
    pub version: u32,
    /// The chunk.
    pub chunk: Chunk,
    /// The number of items that the chunk started with, if a function in between may have dropped some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
    /// How many records the stages of functions in between dropped.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<String, u64>,
    /// The replay that it belongs to, if its records are archived ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
    /// Its records.
    pub records: Vec<Record>,
}

impl Message {
    /// The version of messages of a run.
    pub const VERSION: u32 = 1;
    /// The version of messages of a replay. A function that does not know replays would take such a message for one of a run:
    /// it rejects the version instead.
    const REPLAY_VERSION: u32 = 2;

    /// A message with these records.
    #[must_use]
    pub fn new(chunk: Chunk, records: Vec<Record>) -> Self {
        Self { version: Self::VERSION, chunk, items: None, dropped: BTreeMap::new(), replay: None, records }
    }

    /// A message with archived records that are analysed again.
    #[must_use]
    pub fn replayed(chunk: Chunk, replay: Replay, records: Vec<Record>) -> Self {
        Self { version: Self::REPLAY_VERSION, replay: Some(replay), ..Self::new(chunk, records) }
    }

    /// The number of items that the chunk started with.
    #[must_use]
    pub fn items(&self) -> u64 {
        let distinct =
            || self.records.iter().map(|record| (&record.source, &record.item.key)).collect::<BTreeSet<_>>().len();
        self.items.unwrap_or_else(|| distinct() as u64)
    }

    /// Serializes the message as JSON, compressed if that is long.
    ///
    /// # Errors
    /// `message_too_long` if it exceeds the limit of SQS even when compressed.
    pub fn to_wire(&self) -> Result<String, Error> {
        let serialize_error = |error: &dyn fmt::Display| {
            Error::permanent(ErrorCode::RecordUnwritable, format!("cannot serialize the chunk: {error}"))
        };
        let body = escape_noncharacters(serde_json::to_string(self).map_err(|error| serialize_error(&error))?);
        if body.len() <= MAX_PLAIN_BYTES {
            return Ok(body);
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let gzip = encoder
            .write_all(body.as_bytes())
            .and_then(|()| encoder.finish())
            .map_err(|error| serialize_error(&error))?;
        let compressed = CompressedMessage { version: self.version, packed: STANDARD.encode(gzip) };
        let compressed = serde_json::to_string(&compressed).map_err(|error| serialize_error(&error))?;
        // Incompressible text becomes longer by Base64.
        let body = if compressed.len() < body.len() { compressed } else { body };
        if body.len() > MAX_MESSAGE_BYTES {
            let (records, bytes) = (self.records.len(), body.len());
            let message = format!(
                "the chunk of {records} records has {bytes} bytes when compressed; the limit of SQS is {MAX_MESSAGE_BYTES}"
            );
            return Err(Error::permanent(ErrorCode::MessageTooLong, message));
        }
        Ok(body)
    }

    /// Parses the body of a message.
    ///
    /// # Errors
    /// `message_unreadable` or `message_version`; both are permanent.
    pub fn from_wire(body: &str) -> Result<Self, Error> {
        if is_compressed(body) {
            let compressed: CompressedMessage = parse(body)?;
            check_version(compressed.version)?;
            return Self::from_json(&compressed.decompress()?);
        }
        Self::from_json(body)
    }

    fn from_json(body: &str) -> Result<Self, Error> {
        let message: Self = parse(body)?;
        check_version(message.version)?;
        Ok(message)
    }
}

/// The two noncharacters that JSON allows and SQS rejects
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
const NONCHARACTERS: [char; 2] = ['\u{fffe}', '\u{ffff}'];

/// Escapes the characters that SQS rejects. In JSON, they can only occur in strings.
pub(crate) fn escape_noncharacters(json: String) -> String {
    if json.contains(NONCHARACTERS) {
        json.replace(NONCHARACTERS[0], "\\ufffe").replace(NONCHARACTERS[1], "\\uffff")
    } else {
        json
    }
}

/// The serialized form of a long message.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CompressedMessage {
    version: u32,
    /// The message as JSON, compressed with gzip, encoded in Base64.
    packed: String,
}

impl CompressedMessage {
    fn decompress(&self) -> Result<String, Error> {
        let bytes = STANDARD.decode(&self.packed).map_err(|_| parse_error("`packed` is not valid Base64"))?;
        let mut body = String::new();
        let mut decoder = GzDecoder::new(bytes.as_slice()).take(MAX_DECOMPRESSED_BYTES + 1);
        decoder.read_to_string(&mut body).map_err(|_| parse_error("`packed` is not valid gzip of UTF-8 text"))?;
        if body.len() as u64 > MAX_DECOMPRESSED_BYTES {
            return Err(parse_error("`packed` is too large after decompression"));
        }
        Ok(body)
    }
}

/// Whether a body starts like a compressed message. A plain one has its chunk in this place.
fn is_compressed(body: &str) -> bool {
    body.bytes()
        .take(64)
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect::<Vec<_>>()
        .windows(9)
        .any(|part| part == b"\"packed\":")
}

fn check_version(version: u32) -> Result<(), Error> {
    if version <= Message::REPLAY_VERSION {
        return Ok(());
    }
    Err(Error::permanent(
        ErrorCode::MessageVersion,
        format!("the message has version {version}, but this function supports at most {}", Message::REPLAY_VERSION),
    ))
}

fn parse<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, Error> {
    serde_json::from_str(body).map_err(|error| {
        // Only the position: serde's own message quotes the content, which must not be logged.
        let reason = if error.is_data() { "the JSON has an unexpected structure" } else { "it is not valid JSON" };
        parse_error(&format!("{reason} (line {}, column {})", error.line(), error.column()))
    })
}

fn parse_error(reason: &str) -> Error {
    Error::permanent(ErrorCode::MessageUnreadable, format!("cannot parse the message: {reason}"))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::model::record::Item;
    use crate::model::run::RunId;

    #[test]
    fn a_message_of_a_newer_version_is_rejected() {
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let mut message = Message::new(Chunk::new(&run, 0, &[]), vec![]);
        message.version = 3;
        let body = serde_json::to_string(&message).expect("serializable");
        assert_eq!(Message::from_wire(&body).expect_err("newer").code, ErrorCode::MessageVersion);
        assert_eq!(Message::from_wire("{").expect_err("invalid").code, ErrorCode::MessageUnreadable);
    }

    #[test]
    fn run_and_chunk_ids_are_validated() {
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let fraction = RunId::scheduled("2026-11-22T09:00:00.25Z").expect("a time");
        let body =
            |run: &str, id: &str| format!(r#"{{"version":1,"chunk":{{"run":"{run}","id":"{id}"}},"records":[]}}"#);
        let id = Chunk::new(&run, 0, &[]).id;
        for run in [&run, &fraction] {
            assert_eq!(Message::from_wire(&body(run.as_str(), &id)).expect("valid").chunk.run, *run);
        }
        for invalid in
            ["", "../../etc", "20261122T090000", "2026112aT090000Z", "20261122T090000.2Z", "20261122T090000Z/x"]
        {
            assert_eq!(Message::from_wire(&body(invalid, &id)).expect_err(invalid).code, ErrorCode::MessageUnreadable);
        }
        for invalid in ["", "../x", "0123456789abcdeg", "0123456789ABCDEF", "0123456789abcdef0"] {
            assert_eq!(
                Message::from_wire(&body(run.as_str(), invalid)).expect_err(invalid).code,
                ErrorCode::MessageUnreadable
            );
        }
    }

    fn long(bytes: usize) -> Message {
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        // Pseudo-random digits, which compress to about half.
        let mut state = 1_u64;
        let mut text = String::new();
        while text.len() < bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let _ = write!(text, "{}", state >> 33);
        }
        let item = Item { text: Some(text), ..Item::named("Apple") };
        Message::new(Chunk::new(&run, 0, &[]), vec![Record::new(run.as_str(), "s", item)])
    }

    #[test]
    fn a_long_message_is_compressed_and_parsed_again() {
        for (bytes, compressed) in [(1_000, false), (300_000, true), (1_500_000, true)] {
            let message = long(bytes);
            let body = message.to_wire().expect("a body");
            assert_eq!(is_compressed(&body), compressed);
            assert!(body.len() <= bytes + 1_000);
            assert_eq!(Message::from_wire(&body).expect("valid"), message);
        }
        let error = long(3_000_000).to_wire().expect_err("too long");
        assert_eq!((error.code.as_str(), error.transient), ("message_too_long", false));
    }

    #[test]
    fn invalid_compressed_messages_are_rejected() {
        let gzip = |body: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(body).and_then(|()| encoder.finish()).expect("compressed")
        };
        let packed = |bytes: &[u8]| format!(r#"{{"version":1, "packed": "{}"}}"#, STANDARD.encode(bytes));
        let bomb = gzip(&vec![b' '; 65 << 20]);
        assert!(bomb.len() < 1 << 20);
        let empty = gzip(b"{}");
        for (body, reason) in [
            (r#"{"version":1,"packed":"?"}"#.to_owned(), "`packed` is not valid Base64"),
            (packed(b"x"), "`packed` is not valid gzip of UTF-8 text"),
            (packed(&empty[..empty.len() - 4]), "`packed` is not valid gzip of UTF-8 text"),
            (packed(&gzip(&[0xff])), "`packed` is not valid gzip of UTF-8 text"),
            (packed(&bomb), "`packed` is too large after decompression"),
            (packed(&empty), "the JSON has an unexpected structure (line 1, column 2)"),
            (r#"{"version":1,"packed":7}"#.to_owned(), "the JSON has an unexpected structure (line 1, column 23)"),
        ] {
            let error = Message::from_wire(&body).expect_err(reason);
            assert_eq!(
                (error.code.as_str(), error.message),
                ("message_unreadable", format!("cannot parse the message: {reason}"))
            );
        }
        let newer = r#"{"version":3,"packed":""}"#;
        assert_eq!(Message::from_wire(newer).expect_err("newer").code, ErrorCode::MessageVersion);
    }

    #[test]
    fn characters_that_sqs_rejects_are_escaped() {
        let mut message = long(10);
        message.records[0].item.text = Some("a\u{fffe}b\u{ffff}c\u{1}".into());
        let body = message.to_wire().expect("a body");
        assert!(!body.contains(NONCHARACTERS) && !body.contains('\u{1}'));
        assert_eq!(Message::from_wire(&body).expect("valid"), message);
    }

    #[test]
    fn an_invalid_message_is_not_quoted() {
        let message = Message::from_wire(r#"{"version":"my secret"}"#).expect_err("invalid").message;
        assert_eq!(message, "cannot parse the message: the JSON has an unexpected structure (line 1, column 22)");
    }
}
