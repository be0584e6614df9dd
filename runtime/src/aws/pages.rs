//! The status of a run's chunks, in rows of 100 chunks with one attribute each, so that updates are idempotent.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::attributes::Attributes;
use crate::component::state::{Counts, RunStatus};
use crate::model::error::ErrorCode;

/// Chunks per row.
pub const PAGE_CHUNKS: u64 = 100;

/// Attribute of the first row: the number of chunks of the run.
pub const EXPECTED: &str = "expected";
/// Attribute of the first row: set once the sinks are notified that the run is complete.
pub const NOTIFIED: &str = "told";
/// Attribute of each row: when a chunk of it was last completed, in Unix milliseconds.
pub const LAST_CHUNK_AT: &str = "at";
/// Attribute of the last row, unless it is also the first: the number of its chunks.
pub const PAGE_EXPECTED: &str = "here";

/// The row of a chunk.
pub const fn page_of(chunk: u64) -> u64 {
    chunk / PAGE_CHUNKS
}

/// The sort key of a row.
pub fn sort_key(page: u64) -> String {
    format!("page#{page:06}")
}

/// The attribute with the counts of a chunk.
pub fn chunk_attribute(chunk: u64) -> String {
    format!("c{chunk}")
}

/// The attribute with the sinks that accepted a chunk when others did not.
pub fn sinks_attribute(chunk: u64) -> String {
    format!("s{chunk}")
}

/// The attribute of the first row with the total counts of another row.
pub fn total_attribute(page: u64) -> String {
    format!("t{page}")
}

/// The last row of a run, and the number of its chunks.
pub const fn last_page(expected: u64) -> (u64, u64) {
    let page = page_of(expected.saturating_sub(1));
    (page, expected - page * PAGE_CHUNKS)
}

/// Formats counts as the value of an attribute: `100 97 3 40 failed:summary:text_missing=3 dropped:about=2`. Short, since
/// every update of a row is billed by the length of the whole row.
pub fn format_counts(counts: &Counts) -> String {
    let mut text = format!("{} {} {} {}", counts.items, counts.records, counts.failed, counts.reused);
    for ((stage, code), count) in &counts.failures {
        let _ = write!(text, " failed:{stage}:{code}={count}");
    }
    for (stage, count) in &counts.dropped {
        let _ = write!(text, " dropped:{stage}={count}");
    }
    text
}

/// Parses the value of an attribute written by [`format_counts`]. Reasons that a later version may add are skipped.
pub fn parse_counts(value: &AttributeValue) -> Option<Counts> {
    let mut parts = value.as_s().ok()?.split(' ');
    let mut next = || parts.next()?.parse().ok();
    let (items, records, failed, reused) = (next()?, next()?, next()?, next()?);
    let mut counts = Counts { items, records, failed, reused, ..Counts::default() };
    for (reason, count) in parts.filter_map(|part| part.split_once('=')) {
        let Ok(count) = count.parse() else { continue };
        match *reason.split(':').collect::<Vec<_>>() {
            ["failed", stage, code] => {
                counts.failures.insert((stage.to_owned(), ErrorCode::parse(code)), count);
            }
            ["dropped", stage] => {
                counts.dropped.insert(stage.to_owned(), count);
            }
            _ => {}
        }
    }
    Some(counts)
}

/// The content of a row.
#[derive(Debug, Default)]
pub struct ChunkPage {
    chunks: BTreeMap<u64, Counts>,
    totals: BTreeMap<u64, Counts>,
    expected: Option<u64>,
    page_expected: Option<u64>,
    last_chunk_at: Option<i64>,
    notified: bool,
}

impl ChunkPage {
    /// Parses a row.
    pub fn parse(row: &Attributes) -> Self {
        let mut page = Self::default();
        let number = |value: &AttributeValue| value.as_n().ok()?.parse().ok();
        for (name, value) in row {
            let index = |prefix: char| name.strip_prefix(prefix).and_then(|rest| rest.parse().ok());
            match name.as_str() {
                EXPECTED => page.expected = number(value),
                PAGE_EXPECTED => page.page_expected = number(value),
                LAST_CHUNK_AT => page.last_chunk_at = value.as_n().ok().and_then(|value| value.parse().ok()),
                NOTIFIED => page.notified = true,
                _ => {
                    if let (Some(chunk), Some(counts)) = (index('c'), parse_counts(value)) {
                        page.chunks.insert(chunk, counts);
                    } else if let (Some(total), Some(counts)) = (index('t'), parse_counts(value)) {
                        page.totals.insert(total, counts);
                    }
                }
            }
        }
        page
    }

    /// The total counts of a row other than the first, once all its chunks are complete.
    pub fn total_counts(&self) -> Option<Counts> {
        let expected = self.page_expected.unwrap_or(PAGE_CHUNKS);
        (self.chunks.len() as u64 >= expected).then(|| sum(self.chunks.values()))
    }

    /// The number of chunks of the run, if this is the first row and it is known.
    pub const fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// The complete rows other than the first and their counts, if this is the first row.
    pub fn totals(&self) -> impl Iterator<Item = (u64, &Counts)> {
        self.totals.iter().map(|(index, total)| (*index, total))
    }

    /// Whether another row is complete, if this is the first row.
    pub fn has_total(&self, index: u64) -> bool {
        self.totals.contains_key(&index)
    }

    /// How many of its own chunks are done, and their counts.
    pub fn done(&self) -> (u64, Counts) {
        (self.chunks.len() as u64, sum(self.chunks.values()))
    }

    /// When one of them was last completed.
    pub fn last_chunk_at(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.last_chunk_at?).ok()
    }

    /// The status of the run, if this is the first row.
    pub fn status(&self) -> RunStatus {
        let complete = self.expected.and_then(|expected| {
            let own = expected.min(PAGE_CHUNKS);
            let (last, _) = last_page(expected);
            let chunks: Vec<_> = self.chunks.range(..own).map(|(_, counts)| counts).collect();
            let totals: Vec<_> = self.totals.range(1..=last).map(|(_, counts)| counts).collect();
            let all_complete = chunks.len() as u64 == own && totals.len() as u64 == last;
            all_complete.then(|| sum(chunks.into_iter().chain(totals)))
        });
        RunStatus { complete, notified: self.notified }
    }
}

fn sum<'a>(all: impl IntoIterator<Item = &'a Counts>) -> Counts {
    all.into_iter().fold(Counts::default(), |mut sum, counts| {
        sum += counts;
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::attributes::{number, string};

    fn one() -> Counts {
        let failures = BTreeMap::from([(("summary".to_owned(), ErrorCode::TextMissing), 1)]);
        let dropped = BTreeMap::from([("about".to_owned(), 4)]);
        Counts { items: 3, records: 2, failed: 1, reused: 0, failures, dropped }
    }

    fn first(expected: u64, chunks: &[u64], totals: &[u64]) -> ChunkPage {
        let mut row = Attributes::from([(EXPECTED.to_owned(), number(expected)), ("pk".to_owned(), string("run#x"))]);
        row.extend(chunks.iter().map(|index| (chunk_attribute(*index), string(format_counts(&one())))));
        row.extend(totals.iter().map(|index| (total_attribute(*index), string(format_counts(&one())))));
        ChunkPage::parse(&row)
    }

    #[test]
    fn a_run_is_complete_once_all_its_chunks_and_rows_are() {
        let all: Vec<u64> = (0..100).collect();
        assert_eq!(
            first(2, &[0, 1], &[]).status().complete,
            Some(Counts {
                items: 6,
                records: 4,
                failed: 2,
                reused: 0,
                failures: BTreeMap::from([(("summary".to_owned(), ErrorCode::TextMissing), 2)]),
                dropped: BTreeMap::from([("about".to_owned(), 8)]),
            })
        );
        assert_eq!(first(2, &[0], &[]).status().complete, None);
        assert_eq!(first(2, &[0, 2], &[]).status().complete, None, "chunk 2 does not belong to the run");
        assert_eq!(first(100, &all, &[]).status().complete.map(|counts| counts.items), Some(300));
        assert_eq!(first(101, &all, &[]).status().complete, None);
        assert_eq!(first(101, &all, &[1]).status().complete.map(|counts| counts.items), Some(303));
        assert_eq!(first(250, &all, &[2]).status().complete, None);
        assert_eq!(first(250, &all[1..], &[1, 2]).status().complete, None);
        assert_eq!(first(250, &all, &[1, 2]).status().complete.map(|counts| counts.items), Some(306));
        let row = Attributes::from([(chunk_attribute(0), string(format_counts(&one())))]);
        assert_eq!(ChunkPage::parse(&row).status(), RunStatus::default());
    }

    #[test]
    fn the_last_row_is_complete_with_fewer_chunks() {
        assert_eq!([1, 100, 101, 200, 250].map(last_page), [(0, 1), (0, 100), (1, 1), (1, 100), (2, 50)]);
        let total = |page_expected: Option<u64>, chunks: u64| {
            let chunks = (100..100 + chunks).map(|chunk| (chunk_attribute(chunk), string(format_counts(&one()))));
            let mut row: Attributes = chunks.collect();
            row.extend(page_expected.map(|expected| (PAGE_EXPECTED.to_owned(), number(expected))));
            ChunkPage::parse(&row).total_counts().map(|counts| counts.items)
        };
        assert_eq!(
            [total(None, 99), total(None, 100), total(Some(50), 49), total(Some(50), 50)],
            [None, Some(300), None, Some(150)]
        );
    }

    #[test]
    fn invalid_counts_are_rejected() {
        assert_eq!(parse_counts(&string(format_counts(&one()))), Some(one()));
        assert_eq!(format_counts(&one()), "3 2 1 0 failed:summary:text_missing=1 dropped:about=4");
        // What a later version may add is no reason to lose the rest.
        let later = parse_counts(&string("3 2 1 0 failed:summary:text_missing=1 slow:summary=2 dropped:about=4 x"));
        assert_eq!(later, Some(one()));
        for invalid in ["", "1 2 3", "1 2 3 x", "-1 2 3 4"] {
            assert_eq!(parse_counts(&string(invalid)), None);
        }
    }
}
