//! Runs, chunks and the messages that carry them; nothing in their names depends on the delivery, the clock or a text.

use std::fmt::{self, Write as _};
use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::{Timestamp, Unit};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::record::Record;

/// Items in a chunk, at most (`design`: one SQS message, one invocation, one object).
pub const CHUNK_ITEMS: usize = 100;

/// Bytes of a message, at most: SQS admits 1 MiB, and attributes count.
pub const CHUNK_BYTES: usize = 900 * 1024;

/// Messages of one call, at most
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>).
pub const SEND_MESSAGES: usize = 10;

/// Bytes of all messages of one call, at most: SQS admits 1 MiB, and the frame around each counts.
pub const SEND_BYTES: usize = 1_000 * 1024;

/// Bytes of a message as it goes over the wire, at most: what SQS admits.
pub const MESSAGE_BYTES: usize = 1024 * 1024;

/// Above so many bytes a message is packed: SQS bills each 64 KB, and packed texts take a third.
const PLAIN_BYTES: usize = 256 * 1024;

/// Bytes of a message that is unpacked, at most: memory is not whatever somebody sends.
const UNPACKED_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes of the keys that a producer writes down before it sends: DynamoDB admits 400 KB a row.
pub const PENDING_BYTES: usize = 200 * 1024;

/// One firing of the schedule, known by its scheduled time in UTC: `20261122T090000Z`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// Whether a text is written as [`RunId::at`] writes: it becomes part of the keys of objects, whoever sent it.
fn is_run(text: &str) -> bool {
    let digits = |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    let Some((day, time)) = text.strip_suffix('Z').and_then(|text| text.split_once('T')) else { return false };
    let (time, fraction) = time.split_once('.').map_or((time, None), |(time, fraction)| (time, Some(fraction)));
    digits(day, 8) && digits(time, 6) && fraction.is_none_or(|fraction| digits(fraction, 3))
}

impl TryFrom<String> for RunId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if is_run(&text) { Ok(Self(text)) } else { Err("a run is called as `20261122T090000Z` is") }
    }
}

impl From<RunId> for String {
    fn from(run: RunId) -> Self {
        run.0
    }
}

impl RunId {
    /// The run of a scheduled time, to the second, or to the millisecond where it has a fraction.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        let time = time.round(Unit::Millisecond).unwrap_or(time);
        let format = if time.subsec_nanosecond() == 0 { "%Y%m%dT%H%M%SZ" } else { "%Y%m%dT%H%M%S%.3fZ" };
        Self(time.strftime(format).to_string())
    }

    /// The run that a schedule names in its input.
    ///
    /// # Errors
    /// `run_unreadable` where the time is not one of RFC 3339.
    pub fn scheduled(time: &str) -> Result<Self, Error> {
        time.parse().map(Self::at).map_err(|error| {
            Error::permanent("run_unreadable", format!("`{time}` is not a time such as 2026-11-22T09:00:00Z: {error}"))
        })
    }

    /// The scheduled time.
    ///
    /// # Errors
    /// `run_unreadable`, which no run of ours can be.
    pub fn time(&self) -> Result<Timestamp, Error> {
        self.0.parse().map_err(|error| Error::permanent("run_unreadable", format!("run `{}`: {error}", self.0)))
    }

    /// The day of the run, as `2026-11-22`: the partition of its objects.
    #[must_use]
    pub fn date(&self) -> String {
        let part = |range| self.0.get(range).unwrap_or_default();
        format!("{}-{}-{}", part(0..4), part(4..6), part(6..8))
    }

    /// The id itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of a run that is written as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The run it belongs to.
    pub run: RunId,
    /// A hash of the run and of the keys of its items.
    #[serde(deserialize_with = "hash")]
    pub id: String,
    /// Its place among the chunks of its run, from zero.
    #[serde(default)]
    pub number: u64,
}

/// The id of a chunk as [`Chunk::of`] writes it: it becomes part of the keys of objects, too.
fn hash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    let fits = id.len() == 16 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if fits { Ok(id) } else { Err(D::Error::custom("a chunk is called by 16 hexadecimal digits")) }
}

impl Chunk {
    /// The chunk of these records, in this place of its run.
    #[must_use]
    pub fn of(run: &RunId, number: u64, records: &[Record]) -> Self {
        let mut hash = Sha256::new();
        hash.update(run.as_str());
        for record in records {
            // Lengths between, so that no two lists of keys read the same.
            for part in [&record.source, &record.item.key] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        let id = hash.finalize().iter().take(8).fold(String::new(), |mut id, byte| {
            let _ = write!(id, "{byte:02x}");
            id
        });
        Self { run: run.clone(), id, number }
    }

    /// The key of its object: `<prefix>/dt=<date of the run>/<run>-<chunk><ending>`.
    #[must_use]
    pub fn key(&self, prefix: &str, ending: &str) -> String {
        let prefix = prefix.trim_matches('/');
        let slash = if prefix.is_empty() { "" } else { "/" };
        format!("{prefix}{slash}dt={}/{}-{}{ending}", self.run.date(), self.run, self.id)
    }
}

/// What travels between functions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Version of this form, so that new code meets old messages in peace.
    pub version: u32,
    /// The chunk.
    pub chunk: Chunk,
    /// Its records.
    pub records: Vec<Record>,
}

impl Message {
    /// The version that this code writes.
    pub const VERSION: u32 = 1;

    /// A message with these records.
    #[must_use]
    pub fn new(chunk: Chunk, records: Vec<Record>) -> Self {
        Self { version: Self::VERSION, chunk, records }
    }

    /// The message as it goes over the wire: plain JSON, or packed where that is long.
    ///
    /// # Errors
    /// `message_too_long` where it fits into no message of SQS even so.
    pub fn wire(&self) -> Result<String, Error> {
        let unwritable = |error: &dyn fmt::Display| {
            Error::permanent("record_unwritable", format!("the chunk as a message: {error}"))
        };
        let mut body = serde_json::to_string(self).map_err(|error| unwritable(&error))?;
        if body.contains(NEVER) {
            // These two stand in texts only, and SQS refuses them as they are
            // (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
            body = body.replace(NEVER[0], "\\ufffe").replace(NEVER[1], "\\uffff");
        }
        if body.len() <= PLAIN_BYTES {
            return Ok(body);
        }
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        let packed =
            packer.write_all(body.as_bytes()).and_then(|()| packer.finish()).map_err(|error| unwritable(&error))?;
        let packed = Packed { version: self.version, packed: STANDARD.encode(packed) };
        let packed = serde_json::to_string(&packed).map_err(|error| unwritable(&error))?;
        // What is packed already becomes longer by Base64.
        let body = if packed.len() < body.len() { packed } else { body };
        if body.len() > MESSAGE_BYTES {
            let (records, bytes) = (self.records.len(), body.len());
            let words = format!(
                "{records} records take {bytes} bytes even when packed, and a message of SQS has {MESSAGE_BYTES} at most"
            );
            return Err(Error::permanent("message_too_long", words));
        }
        Ok(body)
    }

    /// Reads the body of a message.
    ///
    /// # Errors
    /// `message_unreadable`, `message_version`: poison, which no other try makes readable.
    pub fn read(body: &str) -> Result<Self, Error> {
        if is_packed(body) {
            let packed: Packed = parse(body)?;
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

/// The two characters that JSON leaves as they are and SQS refuses.
const NEVER: [char; 2] = ['\u{fffe}', '\u{ffff}'];

/// A long message on the wire.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Packed {
    version: u32,
    /// JSON, in gzip, in Base64.
    packed: String,
}

impl Packed {
    fn open(&self) -> Result<String, Error> {
        let unreadable =
            |words| Error::permanent("message_unreadable", format!("the message is not one of ours: {words}"));
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
        "message_version",
        format!("the message has version {version}, this function reads up to {}", Message::VERSION),
    ))
}

fn parse<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, Error> {
    serde_json::from_str(body).map_err(|error| {
        // The place and not serde's own words: they quote the message, and this sentence goes into logs.
        let what = if error.is_data() { "it is JSON of another form" } else { "it is not whole JSON" };
        let (line, column) = (error.line(), error.column());
        let words = format!("the message is not one of ours: {what} (line {line}, column {column})");
        Error::permanent("message_unreadable", words)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Item;

    fn records(keys: &[&str]) -> Vec<Record> {
        keys.iter().map(|key| Record::new("r", "s", Item::named(*key))).collect()
    }

    #[test]
    fn a_run_is_its_scheduled_time_in_utc() {
        let run = RunId::scheduled("2026-11-22T10:00:00+01:00").expect("a time");
        assert_eq!(run.as_str(), "20261122T090000Z");
        assert_eq!(run.date(), "2026-11-22");
        assert_eq!(run.time().expect("a time").to_string(), "2026-11-22T09:00:00Z");
        assert_eq!(RunId::scheduled("noon").expect_err("no time").code, "run_unreadable");
    }

    #[test]
    fn a_chunk_is_known_by_its_run_and_keys_and_by_nothing_else() {
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let mut changed = records(&["Apple", "Google"]);
        changed[0].item.title = Some("Apple Inc.".into());
        assert_eq!(Chunk::of(&run, 0, &records(&["Apple", "Google"])), Chunk::of(&run, 0, &changed));
        assert_ne!(
            Chunk::of(&run, 0, &records(&["Ap", "pleGoogle"])),
            Chunk::of(&run, 0, &records(&["Apple", "Google"]))
        );
    }

    #[test]
    fn a_newer_message_is_refused_and_not_misread() {
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let mut message = Message::new(Chunk::of(&run, 0, &[]), vec![]);
        message.version = 2;
        let body = serde_json::to_string(&message).expect("serializable");
        assert_eq!(Message::read(&body).expect_err("newer").code, "message_version");
        assert_eq!(Message::read("{").expect_err("poison").code, "message_unreadable");
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
            assert_eq!(Message::read(&body(odd, &id)).expect_err(odd).code, "message_unreadable");
        }
        for odd in ["", "../x", "0123456789abcdeg", "0123456789ABCDEF", "0123456789abcdef0"] {
            assert_eq!(Message::read(&body(run.as_str(), odd)).expect_err(odd).code, "message_unreadable");
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
        assert_eq!(Message::read(newer).expect_err("newer").code, "message_version");
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
