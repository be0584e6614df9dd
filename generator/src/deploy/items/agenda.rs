//! What is to be done so that a table holds what the file wants, and what others did to it is left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::{Applied, Hashes, Row, RowHash, Wanted};

/// Lines of one kind that are printed before the rest is only counted.
const SHOWN: usize = 20;

/// What is to be done, and what is not, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Agenda {
    /// Rows to put, by key.
    pub put: BTreeMap<String, Put>,
    /// Keys of rows to delete: they left the file, and are as we put them.
    pub delete: BTreeSet<String>,
    /// Keys of rows that left the file and stay in the table.
    pub left: BTreeSet<String>,
    /// Rows that are left as somebody else made them.
    pub kept: BTreeMap<String, Kept>,
    /// Rows that are as the file wants them.
    pub same: usize,
    /// Rows that the file never knew.
    pub unknown: usize,
    #[serde(skip)]
    next: Applied,
}

/// A row to put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Put {
    /// The row.
    pub row: Row,
    /// Why it is put.
    pub why: Why,
}

/// Why a row is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// New in the file.
    New,
    /// Changed in the file.
    Changed,
    /// Changed in the file, after somebody deleted it from the table.
    Again,
}

/// Why a row is left as it is in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// The table has another row than the file, and not the one that was put.
    Changed,
    /// Somebody deleted it from the table, and the file says what it said before.
    Deleted,
    /// It left the file, but the table has another row than was put.
    LeftChanged,
}

impl Agenda {
    /// Compares the three: what was applied last, what the file wants, and the rows in the table. Rows that left the
    /// file are deleted only where `prune` asks for it.
    #[must_use]
    pub fn of(applied: &Applied, wanted: &Wanted, table: &Hashes, prune: bool) -> Self {
        let mut agenda = Self {
            put: BTreeMap::new(),
            delete: BTreeSet::new(),
            left: BTreeSet::new(),
            kept: BTreeMap::new(),
            same: 0,
            unknown: 0,
            next: Applied { table: applied.table.clone(), wanted: wanted.sha(), ..Applied::default() },
        };
        for (key, row) in wanted.rows() {
            let hash = RowHash::of(row);
            let there = table.get(key);
            let last = applied.row(key, there);
            agenda.in_file(key, row, &hash, last, there);
            agenda.note(key, last, Some(hash));
        }
        let gone: BTreeSet<&String> = applied.keys().filter(|key| !wanted.rows().contains_key(*key)).collect();
        for key in &gone {
            let there = table.get(*key);
            let last = applied.row(key, there);
            let stays = agenda.left_file(key, last, there, prune);
            agenda.note(key, last, stays);
        }
        agenda.unknown = table.keys().filter(|key| !wanted.rows().contains_key(*key) && !gone.contains(key)).count();
        agenda.next.left = !agenda.left.is_empty() || agenda.kept.values().any(|kept| *kept == Kept::LeftChanged);
        agenda
    }

    /// A row that the file wants.
    fn in_file(&mut self, key: &str, row: &Row, hash: &RowHash, last: Option<&RowHash>, there: Option<&RowHash>) {
        let why = match (last, there) {
            (_, Some(there)) if there == hash => {
                self.same += 1;
                return;
            }
            (None, None) => Why::New,
            (Some(last), None) if last != hash => Why::Again,
            (Some(last), Some(there)) if last == there => Why::Changed,
            (_, None) => {
                self.kept.insert(key.to_owned(), Kept::Deleted);
                return;
            }
            (_, Some(_)) => {
                self.kept.insert(key.to_owned(), Kept::Changed);
                return;
            }
        };
        self.put.insert(key.to_owned(), Put { row: row.clone(), why });
    }

    /// A row that was in the file; what of it stays remembered.
    fn left_file(
        &mut self,
        key: &str,
        last: Option<&RowHash>,
        there: Option<&RowHash>,
        prune: bool,
    ) -> Option<RowHash> {
        match (last, there) {
            // Somebody deleted it, or it was never put: nothing is left to be said.
            (_, None) => return None,
            (None, Some(_)) => {
                self.unknown += 1;
                return None;
            }
            (Some(last), Some(there)) if last != there => {
                self.kept.insert(key.to_owned(), Kept::LeftChanged);
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

    /// Remembers what will have been applied, and what was before.
    fn note(&mut self, key: &str, last: Option<&RowHash>, next: Option<RowHash>) {
        if last != next.as_ref() {
            self.next.before.insert(key.to_owned(), last.cloned());
        }
        if let Some(next) = next {
            self.next.rows.insert(key.to_owned(), next);
        }
    }

    /// How many rows are written.
    #[must_use]
    pub fn writes(&self) -> usize {
        self.put.len() + self.delete.len()
    }

    /// What is kept before the first row is written, so that an interrupted write is known as one and gone on with.
    #[must_use]
    pub fn begun(&self) -> Applied {
        self.next.clone()
    }

    /// What is kept after the last row was written.
    #[must_use]
    pub fn done(&self) -> Applied {
        Applied { finished: true, before: BTreeMap::new(), ..self.next.clone() }
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "changed in the table, left alone",
            Self::Deleted => "deleted from the table, not put back",
            Self::LeftChanged => "left the file, but changed in the table, left alone",
        })
    }
}

impl fmt::Display for Agenda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |why| self.put.values().filter(|put| put.why == why).count();
        let counts = [
            (count(Why::New), "new"),
            (count(Why::Changed) + count(Why::Again), "changed"),
            (self.delete.len(), "deleted"),
            (self.left.len(), "no longer in the file"),
            (self.kept.len(), "left alone"),
            (self.same, "as before"),
        ];
        let words: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        f.write_str(&if words.is_empty() { "no items".to_owned() } else { words.join(", ") })?;
        let put = |wanted: fn(Why) -> bool| self.put.iter().filter(move |(_, put)| wanted(put.why));
        lines(f, put(|why| why == Why::New).map(|(key, _)| format!("+ {key}")))?;
        let words = |why| if why == Why::Again { " (deleted from the table, changed in the file)" } else { "" };
        lines(f, put(|why| why != Why::New).map(|(key, put)| format!("~ {key}{}", words(put.why))))?;
        lines(f, self.delete.iter().map(|key| format!("- {key}")))?;
        lines(f, self.left.iter().map(|key| format!("? {key}: left the file; `--prune` deletes it")))?;
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
