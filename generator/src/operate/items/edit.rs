//! One edit of one item: what it does to a row, and the summary of many of them. Pure.

use std::collections::BTreeSet;
use std::fmt;

use fanggen_runtime::model::items::Cells;
use serde::Serialize;

/// Keys of one kind that are printed before the rest is counted.
const SHOWN: usize = 20;

/// An edit of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowEdit {
    /// Adds a row.
    Add {
        /// Its key.
        key: String,
        /// The row, including the key.
        row: Cells,
        /// Whether a row that is there already is replaced.
        replace: bool,
    },
    /// Changes attributes of a row, and keeps the others.
    Change {
        /// Its key.
        key: String,
        /// Attributes to set.
        set: Cells,
        /// Attributes to remove.
        clear: BTreeSet<String>,
    },
    /// Removes a row.
    Remove {
        /// Its key.
        key: String,
    },
}

/// What an edit does, or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditOutcome {
    /// The row is new.
    Added,
    /// The row was there with other attributes, and has these now.
    Replaced,
    /// Attributes have changed.
    Changed,
    /// The row has another key.
    Renamed,
    /// The row is gone.
    Removed,
    /// The row is as asked for already.
    Unchanged,
    /// The row is there with other attributes, which stay.
    Exists,
    /// There is no such row.
    Missing,
}

impl EditOutcome {
    /// The action for the log, if a row was written.
    #[must_use]
    pub const fn action(self) -> Option<&'static str> {
        match self {
            Self::Added => Some("add"),
            Self::Replaced => Some("replace"),
            Self::Changed => Some("change"),
            Self::Renamed => Some("rename"),
            Self::Removed => Some("remove"),
            Self::Unchanged | Self::Exists | Self::Missing => None,
        }
    }
}

impl RowEdit {
    /// The key of the row.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Add { key, .. } | Self::Change { key, .. } | Self::Remove { key } => key,
        }
    }

    /// The bytes that it sends.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let cells = |cells: &Cells| cells.iter().map(|(name, cell)| name.len() + cell.len()).sum::<usize>();
        match self {
            Self::Add { row, .. } => cells(row),
            Self::Change { key, set, .. } => key.len() + cells(set),
            Self::Remove { key } => key.len(),
        }
    }

    /// What it does to the row that is there, and the row afterwards, if one is written.
    #[must_use]
    pub fn outcome(&self, there: Option<&Cells>) -> (EditOutcome, Option<Cells>) {
        match (self, there) {
            (Self::Add { row, .. }, None) => (EditOutcome::Added, Some(row.clone())),
            (Self::Add { row, .. }, Some(there)) if is_same(row, there) => (EditOutcome::Unchanged, None),
            // A name alone asks for no attributes, so none differ.
            (Self::Add { row, replace: false, .. }, Some(_)) if row.len() == 1 => (EditOutcome::Unchanged, None),
            (Self::Add { row, replace: true, .. }, Some(_)) => (EditOutcome::Replaced, Some(row.clone())),
            (Self::Add { .. }, Some(_)) => (EditOutcome::Exists, None),
            (Self::Change { .. } | Self::Remove { .. }, None) => (EditOutcome::Missing, None),
            (Self::Remove { .. }, Some(_)) => (EditOutcome::Removed, None),
            (Self::Change { set, clear, .. }, Some(there)) => {
                let mut row = there.clone();
                row.extend(set.iter().map(|(name, cell)| (name.clone(), cell.clone())));
                row.retain(|name, _| !clear.contains(name));
                if is_same(&row, there) { (EditOutcome::Unchanged, None) } else { (EditOutcome::Changed, Some(row)) }
            }
        }
    }
}

/// Whether two rows mean the same: a blank attribute is no value.
fn is_same(one: &Cells, other: &Cells) -> bool {
    let filled = |cells: &Cells| -> Cells {
        let filled = cells.iter().filter(|(_, cell)| !cell.trim().is_empty());
        filled.map(|(name, cell)| (name.clone(), cell.clone())).collect()
    };
    filled(one) == filled(other)
}

/// What came of all edits of one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EditSummary {
    /// Where: a table, a file or an object.
    pub place: String,
    /// Whether nothing was written on purpose.
    pub dry_run: bool,
    /// Number of new items.
    pub added: usize,
    /// Number of items whose attributes were replaced.
    pub replaced: usize,
    /// Number of items whose attributes have changed.
    pub changed: usize,
    /// Number of items with a new name.
    pub renamed: usize,
    /// Number of items that were removed.
    pub removed: usize,
    /// Number of items that were there already as asked for.
    pub unchanged: usize,
    /// Items that are there with other attributes, which were not changed.
    pub exists: Vec<String>,
    /// Items that are not there.
    pub missing: Vec<String>,
    /// Number of items that were given more than once.
    pub repeated: usize,
}

impl EditSummary {
    /// An empty summary of a place.
    #[must_use]
    pub fn of(place: &str, dry_run: bool) -> Self {
        Self { place: place.to_owned(), dry_run, ..Self::default() }
    }

    /// Counts one outcome.
    pub fn count(&mut self, key: &str, outcome: EditOutcome) {
        match outcome {
            EditOutcome::Added => self.added += 1,
            EditOutcome::Replaced => self.replaced += 1,
            EditOutcome::Changed => self.changed += 1,
            EditOutcome::Renamed => self.renamed += 1,
            EditOutcome::Removed => self.removed += 1,
            EditOutcome::Unchanged => self.unchanged += 1,
            EditOutcome::Exists => self.exists.push(key.to_owned()),
            EditOutcome::Missing => self.missing.push(key.to_owned()),
        }
    }

    /// The number of rows that were written.
    #[must_use]
    pub const fn written(&self) -> usize {
        self.added + self.replaced + self.changed + self.renamed + self.removed
    }
}

impl fmt::Display for EditSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.added, "added"),
            (self.replaced, "replaced"),
            (self.changed, "changed"),
            (self.renamed, "renamed"),
            (self.removed, "removed"),
            (self.unchanged, "already there, unchanged"),
            (self.exists.len(), "already there with other attributes, not changed"),
            (self.missing.len(), "not there"),
            (self.repeated, "given more than once"),
        ];
        let words: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        let words = if words.is_empty() { "no items".to_owned() } else { words.join(", ") };
        let dry = if self.dry_run { " (dry run: nothing was written)" } else { "" };
        write!(f, "{}: {words}{dry}", self.place)?;
        keys(f, &self.exists, "there already; `--replace` gives it these attributes")?;
        keys(f, &self.missing, "not there")
    }
}

/// The first keys, and how many more there are.
fn keys(f: &mut fmt::Formatter<'_>, keys: &[String], why: &str) -> fmt::Result {
    for key in keys.iter().take(SHOWN) {
        write!(f, "\n  ! {key}: {why}")?;
    }
    if keys.len() > SHOWN { write!(f, "\n    and {} more", keys.len() - SHOWN) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(title: &str) -> Cells {
        let cells = [("name", "a"), ("title", title), ("team", "x")];
        cells.iter().map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned())).collect()
    }

    #[test]
    fn every_edit_of_a_row_that_is_there_and_of_one_that_is_not() {
        let add = |title: &str, replace| RowEdit::Add { key: "a".into(), row: row(title), replace };
        let change = |title: &str, clear: &[&str]| RowEdit::Change {
            key: "a".into(),
            set: [("title".to_owned(), title.to_owned())].into(),
            clear: clear.iter().map(|name| (*name).to_owned()).collect(),
        };
        let remove = RowEdit::Remove { key: "a".into() };
        let there = row("A");
        assert_eq!(add("A", false).outcome(None), (EditOutcome::Added, Some(row("A"))));
        assert_eq!(add("A", true).outcome(Some(&there)), (EditOutcome::Unchanged, None));
        assert_eq!(add("B", false).outcome(Some(&there)), (EditOutcome::Exists, None));
        assert_eq!(add("B", true).outcome(Some(&there)), (EditOutcome::Replaced, Some(row("B"))));
        let name = |replace| RowEdit::Add { key: "a".into(), row: [("name".into(), "a".into())].into(), replace };
        assert_eq!(name(false).outcome(Some(&there)), (EditOutcome::Unchanged, None));
        assert_eq!(name(true).outcome(Some(&there)).0, EditOutcome::Replaced);
        assert_eq!(change("B", &[]).outcome(Some(&there)), (EditOutcome::Changed, Some(row("B"))));
        assert_eq!(change("A", &["none"]).outcome(Some(&there)), (EditOutcome::Unchanged, None));
        let (outcome, after) = change("A", &["team"]).outcome(Some(&there));
        assert_eq!((outcome, after.expect("a row").len()), (EditOutcome::Changed, 2));
        assert_eq!(change("B", &[]).outcome(None), (EditOutcome::Missing, None));
        assert_eq!(remove.outcome(Some(&there)), (EditOutcome::Removed, None));
        assert_eq!(remove.outcome(None), (EditOutcome::Missing, None));
    }

    #[test]
    fn a_summary_names_what_was_not_done() {
        let mut summary = EditSummary::of("table `t`", false);
        (0..3).for_each(|_| summary.count("x", EditOutcome::Added));
        (0..22).for_each(|number| summary.count(&format!("k{number}"), EditOutcome::Exists));
        let text = summary.to_string();
        assert!(text.starts_with("table `t`: 3 added, 22 already there with other attributes, not changed\n  ! k0: "));
        assert!(text.ends_with("\n    and 2 more"), "{text}");
        assert_eq!(EditSummary::of("f", true).to_string(), "f: no items (dry run: nothing was written)");
    }
}
