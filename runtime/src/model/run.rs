//! Runs and chunks. Their ids depend only on the schedule and on item keys, so that a retry has the same ids.

use std::fmt;

use jiff::{Timestamp, Unit};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::model::error::{Error, ErrorCode};
use crate::model::hash::{PartsHash, hex};
use crate::model::record::Record;

/// Maximum items per chunk. A chunk is one SQS message, one invocation and one object.
pub const MAX_CHUNK_ITEMS: usize = 100;

/// Maximum items per chunk if stages turn each item into several records, at most one of `entries` per stage: no more
/// than [`MAX_CHUNK_ITEMS`] records.
#[must_use]
pub fn chunk_items(entries: impl Iterator<Item = u64>) -> usize {
    let records_per_item = entries.fold(1, u64::saturating_mul).max(1);
    usize::try_from(records_per_item).map_or(1, |records| (MAX_CHUNK_ITEMS / records).max(1))
}

/// Maximum bytes of a chunk. SQS allows 1 MiB per message, including its attributes.
pub const MAX_CHUNK_BYTES: usize = 900 * 1024;

/// Maximum messages per SendMessageBatch call
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>).
pub const MAX_BATCH_MESSAGES: usize = 10;

/// Maximum bytes of all messages of one call. SQS allows 1 MiB, including overhead per message.
pub const MAX_BATCH_BYTES: usize = 1_000 * 1024;

/// Maximum bytes of the item keys that a producer saves before it sends a batch. DynamoDB allows 400 KB per row.
pub const MAX_PENDING_BYTES: usize = 200 * 1024;

/// Seconds after the first run in which a firing of a rate schedule is still that run. EventBridge Scheduler invokes the
/// target of a rate schedule without a start date as soon as the schedule exists
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>, read on 2026-11-29); whether it also does
/// so when the schedule is enabled, no page says. In both cases there is one first run. The window covers the deployment
/// that enables the schedule and the Scheduler's precision of a minute; only rates above it may use it.
pub const FIRST_RUN_WINDOW_S: u64 = 600;

/// The id of a run: its scheduled time in UTC, such as `20261122T090000Z`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// Whether a string has the format of [`RunId::at`]. Ids from messages are checked, as they become part of object keys.
fn is_run_id(text: &str) -> bool {
    let digits = |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    let Some((day, time)) = text.strip_suffix('Z').and_then(|text| text.split_once('T')) else { return false };
    let (time, fraction) = time.split_once('.').map_or((time, None), |(time, fraction)| (time, Some(fraction)));
    digits(day, 8) && digits(time, 6) && fraction.is_none_or(|fraction| digits(fraction, 3))
}

impl TryFrom<String> for RunId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if is_run_id(&text) { Ok(Self(text)) } else { Err("expected a run id such as `20261122T090000Z`") }
    }
}

impl From<RunId> for String {
    fn from(run: RunId) -> Self {
        run.0
    }
}

impl RunId {
    /// The run of a scheduled time, with seconds, or with milliseconds if the time has a fraction.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        let time = time.round(Unit::Millisecond).unwrap_or(time);
        let format = if time.subsec_nanosecond() == 0 { "%Y%m%dT%H%M%SZ" } else { "%Y%m%dT%H%M%S%.3fZ" };
        Self(time.strftime(format).to_string())
    }

    /// The run of a scheduled time in RFC 3339, as in the schedule's input.
    ///
    /// # Errors
    /// `run_unreadable` if the time is invalid.
    pub fn scheduled(time: &str) -> Result<Self, Error> {
        time.parse().map(Self::at).map_err(|error| {
            Error::permanent(
                ErrorCode::RunUnreadable,
                format!("`{time}` is not a time such as 2026-11-22T09:00:00Z: {error}"),
            )
        })
    }

    /// The run of a firing of the schedule: the first run, if a rate schedule fired when it was enabled. `first` is when
    /// the first run was due, and empty before the environment is ready.
    ///
    /// # Errors
    /// `run_unreadable` if a time is invalid.
    pub fn of_firing(time: &str, first: Option<&str>) -> Result<Self, Error> {
        let run = Self::scheduled(time)?;
        let Some(first) = first.filter(|first| !first.is_empty()) else { return Ok(run) };
        let first = Self::scheduled(first)?;
        let seconds = run.time()?.duration_since(first.time()?).as_secs();
        let is_first = u64::try_from(seconds).is_ok_and(|seconds| seconds < FIRST_RUN_WINDOW_S);
        Ok(if is_first { first } else { run })
    }

    /// The scheduled time.
    ///
    /// # Errors
    /// `run_unreadable` if the id is not a valid time.
    pub fn time(&self) -> Result<Timestamp, Error> {
        self.0.parse().map_err(|error| {
            Error::permanent(ErrorCode::RunUnreadable, format!("the run id `{}` is not a valid time: {error}", self.0))
        })
    }

    /// The date of the run, such as `2026-11-22`, which partitions its objects.
    #[must_use]
    pub fn date(&self) -> String {
        let part = |range| self.0.get(range).unwrap_or_default();
        format!("{}-{}-{}", part(0..4), part(4..6), part(6..8))
    }

    /// The id as a string.
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

/// Some records of a run that are processed and written together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The run.
    pub run: RunId,
    /// A hash of the run and the item keys.
    #[serde(deserialize_with = "deserialize_id")]
    pub id: String,
    /// Its index among the chunks of its run.
    #[serde(default)]
    pub number: u64,
}

/// Whether an id has the format of [`Chunk::new`].
fn is_chunk_id(id: &str) -> bool {
    id.len() == 16 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Checks that an id has the format of [`Chunk::new`], since it becomes part of object keys.
fn deserialize_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    if is_chunk_id(&id) {
        Ok(id)
    } else {
        Err(D::Error::custom("expected a chunk id of 16 lower-case hexadecimal digits"))
    }
}

impl Chunk {
    /// The chunk of these records. `number` is its index in the run.
    #[must_use]
    pub fn new(run: &RunId, number: u64, records: &[Record]) -> Self {
        let mut hash = PartsHash::default();
        hash.raw(run.as_str());
        for record in records {
            hash.part(&record.source);
            hash.part(&record.item.key);
        }
        Self { run: run.clone(), id: hex(&hash.finish()[..8]), number }
    }

    /// The chunk that an archive has under this run and id, if they are valid. Its number in the run is not archived.
    #[must_use]
    pub fn archived(run: RunId, id: &str) -> Option<Self> {
        is_chunk_id(id).then(|| Self { run, id: id.to_owned(), number: 0 })
    }

    /// The key of its object: `<prefix>/dt=<date of the run>/<run>-<chunk><suffix>`.
    #[must_use]
    pub fn object_key(&self, prefix: &str, suffix: &str) -> String {
        let prefix = prefix.trim_matches('/');
        let slash = if prefix.is_empty() { "" } else { "/" };
        format!("{prefix}{slash}dt={}/{}-{}{suffix}", self.run.date(), self.run, self.id)
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
    fn a_firing_when_the_schedule_is_enabled_is_the_first_run() {
        let run = |first: &str, time: &str| RunId::of_firing(time, Some(first)).map(|run| run.to_string());
        let first = "2026-11-22T09:00:00Z";
        for (time, expected) in [
            (first, "20261122T090000Z"),
            ("2026-11-22T09:00:41Z", "20261122T090000Z"),
            ("2026-11-22T09:09:59Z", "20261122T090000Z"),
            ("2026-11-22T09:10:00Z", "20261122T091000Z"),
            ("2026-11-22T08:59:59Z", "20261122T085959Z"),
        ] {
            assert_eq!(run(first, time).expect("a run"), expected, "{time}");
        }
        // Before the environment is ready, the input has no time of a first run.
        assert_eq!(run("", "2026-11-22T09:00:41Z").expect("a run"), "20261122T090041Z");
        assert!(run("noon", first).is_err());
    }

    #[test]
    fn a_chunk_has_at_most_a_hundred_records() {
        let sizes: [&[u64]; 6] = [&[], &[1], &[25], &[30, 2], &[25, 20], &[u64::MAX, 9, 0]];
        assert_eq!(sizes.map(|entries| chunk_items(entries.iter().copied())), [100, 100, 4, 1, 1, 100]);
    }

    #[test]
    fn a_chunk_id_depends_only_on_the_run_and_the_keys() {
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        assert_eq!(Chunk::new(&run, 0, &records(&["Apple", "Google"])).id, "7b7ac6ad2363c0a2");
        let mut changed = records(&["Apple", "Google"]);
        changed[0].item.title = Some("Apple Inc.".into());
        assert_eq!(Chunk::new(&run, 0, &records(&["Apple", "Google"])), Chunk::new(&run, 0, &changed));
        assert_ne!(
            Chunk::new(&run, 0, &records(&["Ap", "pleGoogle"])),
            Chunk::new(&run, 0, &records(&["Apple", "Google"]))
        );
    }
}
