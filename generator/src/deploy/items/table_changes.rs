//! What has to change so that a table has the rows of the file, without undoing what others did to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::{AppliedTable, ItemRow, RowHash, RowHashes, WantedRows};

/// Lines of one kind that are printed before the rest is counted.
const SHOWN: usize = 20;

/// The rows to write and the rows to leave unchanged, each with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableChanges {
    /// Rows to put, by key.
    pub put: BTreeMap<String, RowWrite>,
    /// Keys of rows to delete: removed from the file, and unchanged since they were put.
    pub delete: BTreeSet<String>,
    /// Keys of rows that were removed from the file and stay in the table.
    pub left: BTreeSet<String>,
    /// Rows that somebody else changed, and that are left unchanged.
    pub kept: BTreeMap<String, SkipReason>,
    /// Number of rows that are as in the file.
    pub same: usize,
    /// Number of rows that the file never had.
    pub unknown: usize,
    #[serde(skip)]
    next: AppliedTable,
}

/// A row to put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowWrite {
    /// The row.
    pub row: ItemRow,
    /// Why it is put.
    pub why: WriteReason,
}

/// Why a row is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteReason {
    /// New in the file.
    New,
    /// Changed in the file.
    Changed,
    /// Changed in the file after somebody deleted it from the table.
    Again,
}

/// Why a row is left unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Somebody changed it in the table.
    Changed,
    /// Somebody deleted it from the table, and it has not changed in the file.
    Deleted,
    /// It was removed from the file, but somebody changed it in the table.
    LeftChanged,
}

impl TableChanges {
    /// Compares what was applied last, the rows of the file, and the rows of the table. Rows that were removed from the file
    /// are deleted only with `prune`.
    #[must_use]
    pub fn of(applied: &AppliedTable, wanted: &WantedRows, table: &RowHashes, prune: bool) -> Self {
        let mut changes = Self {
            put: BTreeMap::new(),
            delete: BTreeSet::new(),
            left: BTreeSet::new(),
            kept: BTreeMap::new(),
            same: 0,
            unknown: 0,
            next: AppliedTable { table: applied.table.clone(), wanted: wanted.sha(), ..AppliedTable::default() },
        };
        for (key, row) in wanted.rows() {
            let hash = RowHash::of(row);
            let there = table.get(key);
            let last = applied.row(key, there);
            changes.in_file(key, row, &hash, last, there);
            changes.record(key, last, Some(hash));
        }
        let gone: BTreeSet<&String> = applied.keys().filter(|key| !wanted.rows().contains_key(*key)).collect();
        for key in &gone {
            let there = table.get(*key);
            let last = applied.row(key, there);
            let stays = changes.removed_from_file(key, last, there, prune);
            changes.record(key, last, stays);
        }
        changes.unknown = table.keys().filter(|key| !wanted.rows().contains_key(*key) && !gone.contains(key)).count();
        changes.next.left =
            !changes.left.is_empty() || changes.kept.values().any(|kept| *kept == SkipReason::LeftChanged);
        changes
    }

    /// A row of the file.
    fn in_file(&mut self, key: &str, row: &ItemRow, hash: &RowHash, last: Option<&RowHash>, there: Option<&RowHash>) {
        let why = match (last, there) {
            (_, Some(there)) if there == hash => {
                self.same += 1;
                return;
            }
            (None, None) => WriteReason::New,
            (Some(last), None) if last != hash => WriteReason::Again,
            (Some(last), Some(there)) if last == there => WriteReason::Changed,
            (_, None) => {
                self.kept.insert(key.to_owned(), SkipReason::Deleted);
                return;
            }
            (_, Some(_)) => {
                self.kept.insert(key.to_owned(), SkipReason::Changed);
                return;
            }
        };
        self.put.insert(key.to_owned(), RowWrite { row: row.clone(), why });
    }

    /// A row that was removed from the file; gives what is still recorded about it.
    fn removed_from_file(
        &mut self,
        key: &str,
        last: Option<&RowHash>,
        there: Option<&RowHash>,
        prune: bool,
    ) -> Option<RowHash> {
        match (last, there) {
            // Somebody deleted it, or it was never put: there is nothing to do.
            (_, None) => return None,
            (None, Some(_)) => {
                self.unknown += 1;
                return None;
            }
            (Some(last), Some(there)) if last != there => {
                self.kept.insert(key.to_owned(), SkipReason::LeftChanged);
            }
            (Some(_), Some(_)) if prune => {
                self.delete.insert(key.to_owned());
                return None;
            }
            (Some(_), Some(_)) => {
                self.left.insert(key.to_owned());
            }
        }
        last.cloned()
    }

    /// Records what will have been applied, and what was before.
    fn record(&mut self, key: &str, last: Option<&RowHash>, next: Option<RowHash>) {
        if last != next.as_ref() {
            self.next.before.insert(key.to_owned(), last.cloned());
        }
        if let Some(next) = next {
            self.next.rows.insert(key.to_owned(), next);
        }
    }

    /// The number of rows to write.
    #[must_use]
    pub fn writes(&self) -> usize {
        self.put.len() + self.delete.len()
    }

    /// The state to store before the first row is written, so that an interrupted write can continue.
    #[must_use]
    pub fn while_writing(&self) -> AppliedTable {
        self.next.clone()
    }

    /// The state to store after the last row was written.
    #[must_use]
    pub fn when_written(&self) -> AppliedTable {
        AppliedTable { finished: true, before: BTreeMap::new(), ..self.next.clone() }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "changed in the table, left unchanged",
            Self::Deleted => "deleted from the table, not put back",
            Self::LeftChanged => "removed from the file but changed in the table, left unchanged",
        })
    }
}

impl fmt::Display for TableChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |why| self.put.values().filter(|put| put.why == why).count();
        let counts = [
            (count(WriteReason::New), "new"),
            (count(WriteReason::Changed) + count(WriteReason::Again), "changed"),
            (self.delete.len(), "deleted"),
            (self.left.len(), "removed from the file"),
            (self.kept.len(), "left unchanged"),
            (self.same, "unchanged"),
        ];
        let words: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        f.write_str(&if words.is_empty() { "no items".to_owned() } else { words.join(", ") })?;
        let put = |wanted: fn(WriteReason) -> bool| self.put.iter().filter(move |(_, put)| wanted(put.why));
        lines(f, put(|why| why == WriteReason::New).map(|(key, _)| format!("+ {key}")))?;
        let words = |why| if why == WriteReason::Again { " (deleted from the table, changed in the file)" } else { "" };
        lines(f, put(|why| why != WriteReason::New).map(|(key, put)| format!("~ {key}{}", words(put.why))))?;
        lines(f, self.delete.iter().map(|key| format!("- {key}")))?;
        lines(f, self.left.iter().map(|key| format!("? {key}: removed from the file; `--prune` deletes it")))?;
        lines(f, self.kept.iter().map(|(key, kept)| format!("! {key}: {kept}")))
    }
}

/// The first lines, and how many more there are.
fn lines(f: &mut fmt::Formatter<'_>, lines: impl Iterator<Item = String>) -> fmt::Result {
    let mut more = 0;
    for (place, line) in lines.enumerate() {
        if place < SHOWN {
            write!(f, "\n  {line}")?;
        } else {
            more += 1;
        }
    }
    if more > 0 { write!(f, "\n    and {more} more") } else { Ok(()) }
}
