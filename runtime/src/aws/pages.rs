//! What a run's chunks came to, in rows of a hundred: an attribute a chunk, so that the same chunk again changes nothing.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::attributes::Attributes;
use crate::component::state::{Counts, RunStatus};

/// Chunks of a row.
pub const CHUNKS: u64 = 100;

/// The attributes of the first row: chunks of the run, and whether the sinks know that it is complete.
pub const EXPECTED: &str = "expected";
pub const TOLD: &str = "told";
/// Of the last row, where it is not the first: its chunks.
pub const HERE: &str = "here";

/// The row of a chunk.
pub const fn of(chunk: u64) -> u64 {
    chunk / CHUNKS
}

/// The sort key of a row.
pub fn sort(page: u64) -> String {
    format!("page#{page:06}")
}

/// The attribute of a chunk.
pub fn chunk(number: u64) -> String {
    format!("c{number}")
}

/// The attribute of the sinks that took a chunk, where others did not.
pub fn sinks(number: u64) -> String {
    format!("s{number}")
}

/// The attribute in the first row of another row that is complete.
pub fn total(page: u64) -> String {
    format!("t{page}")
}

/// The last row of a run, and the chunks in it.
pub const fn last(expected: u64) -> (u64, u64) {
    let page = of(expected.saturating_sub(1));
    (page, expected - page * CHUNKS)
}

/// Counts as an attribute.
pub fn word(counts: Counts) -> String {
    format!("{} {} {} {}", counts.items, counts.records, counts.failed, counts.reused)
}

/// The counts of an attribute.
pub fn counts(value: &AttributeValue) -> Option<Counts> {
    let mut numbers = value.as_s().ok()?.split(' ').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some(Counts { items: next()?, records: next()?, failed: next()?, reused: next()? })
}

/// A row as it is after a chunk.
#[derive(Debug, Default)]
pub struct ChunkPage {
    chunks: BTreeMap<u64, Counts>,
    totals: BTreeMap<u64, Counts>,
    expected: Option<u64>,
    here: Option<u64>,
    told: bool,
}

impl ChunkPage {
    /// Reads a row.
    pub fn read(row: &Attributes) -> Self {
        let mut page = Self::default();
        let number = |value: &AttributeValue| value.as_n().ok()?.parse().ok();
        for (name, value) in row {
            let place = |letter: char| name.strip_prefix(letter).and_then(|rest| rest.parse().ok());
            match name.as_str() {
                EXPECTED => page.expected = number(value),
                HERE => page.here = number(value),
                TOLD => page.told = true,
                _ => {
                    if let (Some(chunk), Some(counts)) = (place('c'), counts(value)) {
                        page.chunks.insert(chunk, counts);
                    } else if let (Some(total), Some(counts)) = (place('t'), counts(value)) {
                        page.totals.insert(total, counts);
                    }
                }
            }
        }
        page
    }

    /// What came of all chunks of a row behind the first one, where they are all there.
    pub fn total_counts(&self) -> Option<Counts> {
        let all = self.here.unwrap_or(CHUNKS);
        (self.chunks.len() as u64 >= all).then(|| sum(self.chunks.values()))
    }

    /// Where the run stands, as the first row knows it.
    pub fn status(&self) -> RunStatus {
        let complete = self.expected.and_then(|expected| {
            let own = expected.min(CHUNKS);
            let (last, _) = last(expected);
            let chunks: Vec<_> = self.chunks.range(..own).map(|(_, counts)| counts).collect();
            let totals: Vec<_> = self.totals.range(1..=last).map(|(_, counts)| counts).collect();
            let total_counts = chunks.len() as u64 == own && totals.len() as u64 == last;
            total_counts.then(|| sum(chunks.into_iter().chain(totals)))
        });
        RunStatus { complete, notified: self.told }
    }
}

fn sum<'a>(all: impl IntoIterator<Item = &'a Counts>) -> Counts {
    all.into_iter().fold(Counts::default(), |mut sum, counts| {
        sum += *counts;
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::attributes::{number, text};

    const ONE: Counts = Counts { items: 3, records: 2, failed: 1, reused: 0 };

    fn first(expected: u64, chunks: &[u64], totals: &[u64]) -> ChunkPage {
        let mut row = Attributes::from([(EXPECTED.to_owned(), number(expected)), ("pk".to_owned(), text("run#x"))]);
        row.extend(chunks.iter().map(|place| (chunk(*place), text(word(ONE)))));
        row.extend(totals.iter().map(|place| (total(*place), text(word(ONE)))));
        ChunkPage::read(&row)
    }

    #[test]
    fn a_run_is_complete_when_each_of_its_chunks_and_rows_is_there() {
        let all: Vec<u64> = (0..100).collect();
        assert_eq!(
            first(2, &[0, 1], &[]).status().complete,
            Some(Counts { items: 6, records: 4, failed: 2, reused: 0 })
        );
        assert_eq!(first(2, &[0], &[]).status().complete, None);
        assert_eq!(first(2, &[0, 2], &[]).status().complete, None, "not one of its chunks");
        assert_eq!(first(100, &all, &[]).status().complete.map(|counts| counts.items), Some(300));
        assert_eq!(first(101, &all, &[]).status().complete, None);
        assert_eq!(first(101, &all, &[1]).status().complete.map(|counts| counts.items), Some(303));
        assert_eq!(first(250, &all, &[2]).status().complete, None);
        assert_eq!(first(250, &all[1..], &[1, 2]).status().complete, None);
        assert_eq!(first(250, &all, &[1, 2]).status().complete.map(|counts| counts.items), Some(306));
        assert_eq!(ChunkPage::read(&Attributes::from([(chunk(0), text(word(ONE)))])).status(), RunStatus::default());
    }

    #[test]
    fn the_last_row_is_whole_with_fewer_chunks() {
        assert_eq!([1, 100, 101, 200, 250].map(last), [(0, 1), (0, 100), (1, 1), (1, 100), (2, 50)]);
        let row = |here: Option<u64>, chunks: u64| {
            let mut row: Attributes = (100..100 + chunks).map(|place| (chunk(place), text(word(ONE)))).collect();
            row.extend(here.map(|here| (HERE.to_owned(), number(here))));
            ChunkPage::read(&row).total_counts().map(|counts| counts.items)
        };
        assert_eq!(
            [row(None, 99), row(None, 100), row(Some(50), 49), row(Some(50), 50)],
            [None, Some(300), None, Some(150)]
        );
    }

    #[test]
    fn what_is_not_counts_counts_nothing() {
        assert_eq!(counts(&text(word(ONE))), Some(ONE));
        for odd in ["", "1 2 3", "1 2 3 x", "-1 2 3 4"] {
            assert_eq!(counts(&text(odd)), None);
        }
    }
}
