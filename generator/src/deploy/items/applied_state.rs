//! What was applied last, kept in the artifact bucket, so that a change of the file can be told from a change of the table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::source_files::UploadedFiles;
use super::{RowHash, RowHashes, WantedRows};

/// The version of the format; other versions are refused.
const VERSION: u32 = 1;

/// What was applied last to all tables of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppliedState {
    version: u32,
    /// The stack's ARN: a stack that was deleted and created again has another.
    stack: String,
    /// The ARN of the stack whose first run was started, or need not be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    /// By table name.
    tables: BTreeMap<String, AppliedTable>,
    /// The uploaded files of items.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: UploadedFiles,
}

/// What was applied last to one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppliedTable {
    /// The table's id: a table that was deleted and created again has another.
    pub(super) table: String,
    /// Whether all rows were written.
    pub(super) finished: bool,
    /// The hash of the rows in the file.
    pub(super) wanted: String,
    /// The rows of the file when it was applied, and removed rows that are still in the table.
    pub(super) rows: RowHashes,
    /// For rows that are being written: what was applied before, if anything.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) before: BTreeMap<String, Option<RowHash>>,
    /// Whether removed rows are still in the table, so that `--prune` has something to do.
    #[serde(default)]
    pub(super) left: bool,
}

/// Why the state cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AppliedStateError {
    /// Damaged, or not written by fanggen.
    #[error(
        "the saved state of the items cannot be read: {0}\n  delete that object to start again; rows that \
         differ from the file are then left unchanged"
    )]
    Shape(#[from] serde_json::Error),
    /// Written by a newer version.
    #[error(
        "the saved state of the items has version {0}, but this fanggen reads version {VERSION}\n  use a \
         newer fanggen"
    )]
    Version(u32),
}

impl AppliedState {
    /// Nothing was applied to this stack.
    #[must_use]
    pub fn empty(stack: &str) -> Self {
        Self {
            version: VERSION,
            stack: stack.to_owned(),
            started: None,
            tables: BTreeMap::new(),
            files: UploadedFiles::new(),
        }
    }

    /// Parses the state.
    ///
    /// # Errors
    /// See [`AppliedStateError`].
    pub fn read(bytes: &[u8]) -> Result<Self, AppliedStateError> {
        #[derive(Deserialize)]
        struct Form {
            version: u32,
        }
        match serde_json::from_slice::<Form>(bytes)?.version {
            VERSION => Ok(serde_json::from_slice(bytes)?),
            version => Err(AppliedStateError::Version(version)),
        }
    }

    /// The bytes to store.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether there is nothing to do for these tables, so that they need not be read. With `prune`, removed rows that are
    /// still in a table have to be read.
    #[must_use]
    pub fn is_done(&self, stack: &str, wanted: &BTreeMap<String, WantedRows>, prune: bool) -> bool {
        self.stack == stack
            && wanted.iter().all(|(table, wanted)| {
                self.tables.get(table).is_some_and(|applied| {
                    applied.finished && !(prune && applied.left) && applied.wanted == wanted.sha()
                })
            })
    }

    /// Whether removed rows are still in one of these tables.
    #[must_use]
    pub fn has_removed_rows(&self, wanted: &BTreeMap<String, WantedRows>) -> bool {
        wanted.keys().any(|table| self.tables.get(table).is_some_and(|applied| applied.left))
    }

    /// What was applied last to a table, if it is still the same table.
    #[must_use]
    pub fn table(&self, table: &str, id: &str) -> AppliedTable {
        match self.tables.get(table) {
            Some(applied) if applied.table == id => applied.clone(),
            _ => AppliedTable { table: id.to_owned(), finished: true, ..AppliedTable::default() },
        }
    }

    /// Records what was, or is being, applied to a table of this stack.
    pub fn set_table(&mut self, stack: &str, table: &str, applied: AppliedTable) {
        stack.clone_into(&mut self.stack);
        self.tables.insert(table.to_owned(), applied);
    }

    /// Records the stack that the state belongs to.
    pub fn set_stack(&mut self, stack: &str) {
        stack.clone_into(&mut self.stack);
    }

    /// The files that were uploaded for this stack.
    #[must_use]
    pub fn uploaded(&self, stack: &str) -> &UploadedFiles {
        static NONE: UploadedFiles = UploadedFiles::new();
        if self.stack == stack { &self.files } else { &NONE }
    }

    /// Whether the first run of this stack was started, or `apply` will not start it.
    #[must_use]
    pub fn first_run_started(&self, stack: &str) -> bool {
        self.started.as_deref() == Some(stack)
    }

    /// Records that the first run was started, or that `apply` will not start it.
    pub fn set_first_run_started(&mut self, stack: &str) {
        self.started = Some(stack.to_owned());
    }

    /// Removes tables that the file no longer has.
    pub fn keep_only(&mut self, wanted: &BTreeMap<String, WantedRows>) {
        self.tables.retain(|table, _| wanted.contains_key(table));
    }
}

impl AppliedTable {
    /// What was applied last to a row. If the write of the row was interrupted, the table shows whether it succeeded.
    pub(super) fn row(&self, key: &str, there: Option<&RowHash>) -> Option<&RowHash> {
        let target = self.rows.get(key);
        match self.before.get(key) {
            Some(before) if !self.finished && there != target => before.as_ref(),
            _ => target,
        }
    }

    /// The keys of all rows with a record.
    pub(super) fn keys(&self) -> impl Iterator<Item = &String> {
        self.rows.keys().chain(self.before.keys())
    }
}
