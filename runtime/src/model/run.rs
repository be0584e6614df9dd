//! Runs and chunks; nothing in their names depends on the delivery, the clock or a text.

use std::fmt;

use jiff::{Timestamp, Unit};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::model::error::{Error, ErrorCode};
use crate::model::hash::{PartsHash, hex};
use crate::model::record::Record;

/// Items in a chunk, at most (`design`: one SQS message, one invocation, one object).
pub const CHUNK_ITEMS: usize = 100;

/// Items in a chunk, at most, where stages make so many records of each: as many as make no more records than that.
#[must_use]
pub fn chunk_items(entries: impl Iterator<Item = u64>) -> usize {
    let each = entries.fold(1, u64::saturating_mul).max(1);
    usize::try_from(each).map_or(1, |each| (CHUNK_ITEMS / each).max(1))
}

/// Bytes of a message, at most: SQS admits 1 MiB, and attributes count.
pub const CHUNK_BYTES: usize = 900 * 1024;

/// Messages of one call, at most
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>).
pub const SEND_MESSAGES: usize = 10;

/// Bytes of all messages of one call, at most: SQS admits 1 MiB, and the frame around each counts.
pub const SEND_BYTES: usize = 1_000 * 1024;

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
            Error::permanent(
                ErrorCode::RunUnreadable,
                format!("`{time}` is not a time such as 2026-11-22T09:00:00Z: {error}"),
            )
        })
    }

    /// The scheduled time.
    ///
    /// # Errors
    /// `run_unreadable`, which no run of ours can be.
    pub fn time(&self) -> Result<Timestamp, Error> {
        self.0.parse().map_err(|error| Error::permanent(ErrorCode::RunUnreadable, format!("run `{}`: {error}", self.0)))
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
        let mut hash = PartsHash::default();
        hash.raw(run.as_str());
        for record in records {
            hash.part(&record.source);
            hash.part(&record.item.key);
        }
        Self { run: run.clone(), id: hex(&hash.finish()[..8]), number }
    }

    /// The key of its object: `<prefix>/dt=<date of the run>/<run>-<chunk><ending>`.
    #[must_use]
    pub fn key(&self, prefix: &str, ending: &str) -> String {
        let prefix = prefix.trim_matches('/');
        let slash = if prefix.is_empty() { "" } else { "/" };
        format!("{prefix}{slash}dt={}/{}-{}{ending}", self.run.date(), self.run, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::Item;

    fn records(keys: &[&str]) -> Vec<Record> {
        keys.iter().map(|key| Record::new("r", "s", Item::named(*key))).collect()
    }

    #[test]
    fn a_run_is_its_scheduled_time_in_utc() {
        let run = RunId::scheduled("2026-11-22T10:00:00+01:00").expect("a time");
        assert_eq!(run.as_str(), "20261122T090000Z");
        assert_eq!(run.date(), "2026-11-22");
        assert_eq!(run.time().expect("a time").to_string(), "2026-11-22T09:00:00Z");
        assert_eq!(RunId::scheduled("noon").expect_err("no time").code, ErrorCode::RunUnreadable);
    }

    #[test]
    fn a_chunk_has_as_many_items_as_make_a_hundred_records() {
        let sizes: [&[u64]; 6] = [&[], &[1], &[25], &[30, 2], &[25, 20], &[u64::MAX, 9, 0]];
        assert_eq!(sizes.map(|entries| chunk_items(entries.iter().copied())), [100, 100, 4, 1, 1, 100]);
    }

    #[test]
    fn a_chunk_is_known_by_its_run_and_keys_and_by_nothing_else() {
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        assert_eq!(Chunk::of(&run, 0, &records(&["Apple", "Google"])).id, "7b7ac6ad2363c0a2");
        let mut changed = records(&["Apple", "Google"]);
        changed[0].item.title = Some("Apple Inc.".into());
        assert_eq!(Chunk::of(&run, 0, &records(&["Apple", "Google"])), Chunk::of(&run, 0, &changed));
        assert_ne!(
            Chunk::of(&run, 0, &records(&["Ap", "pleGoogle"])),
            Chunk::of(&run, 0, &records(&["Apple", "Google"]))
        );
    }
}
