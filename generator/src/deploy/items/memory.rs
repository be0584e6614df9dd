//! What was applied last: kept beside the artifacts, so that a change of the file is told from a change of the table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::files::Put;
use super::{Hashes, RowHash, Wanted};

/// The form of what is kept; a form to come is not read as if it were this one.
const VERSION: u32 = 1;

/// What was applied last to all tables of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    version: u32,
    /// The stack's id, which no other life of the same stack has.
    stack: String,
    /// The life of the stack whose first run was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    /// The life of the stack whose first run is being started, and that run's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    starting: Option<(String, String)>,
    /// By the table's name.
    tables: BTreeMap<String, Applied>,
    /// The files of items that were put.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: Put,
}

/// What was applied last to one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// The table's id: a table that was made anew under the same name has another.
    pub(super) table: String,
    /// Whether all of it reached the table.
    pub(super) finished: bool,
    /// The hash of what the file wanted.
    pub(super) wanted: String,
    /// The rows of the file when it was applied, and those that left it and are still in the table.
    pub(super) rows: Hashes,
    /// Of rows that are being written: what was applied before; absent where nothing was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) before: BTreeMap<String, Option<RowHash>>,
    /// Whether some rows left the file and are still in the table, which `--prune` would look at.
    #[serde(default)]
    pub(super) left: bool,
}

/// Why what is kept cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// Somebody else's, or damaged.
    #[error(
        "what was applied last to the items is kept in a form that nobody knows: {0}\n  delete that object to start \
         anew: rows that differ from the file are then left alone"
    )]
    Shape(#[from] serde_json::Error),
    /// Of a fanggen to come.
    #[error(
        "what was applied last to the items is kept in form {0}, and this fanggen knows form {VERSION}\n  use a newer fanggen"
    )]
    Version(u32),
}

impl Memory {
    /// Nothing was applied to this life of the stack.
    #[must_use]
    pub fn empty(stack: &str) -> Self {
        Self {
            version: VERSION,
            stack: stack.to_owned(),
            started: None,
            starting: None,
            tables: BTreeMap::new(),
            files: Put::new(),
        }
    }

    /// Reads what was kept.
    ///
    /// # Errors
    /// See [`MemoryError`].
    pub fn read(bytes: &[u8]) -> Result<Self, MemoryError> {
        #[derive(Deserialize)]
        struct Form {
            version: u32,
        }
        match serde_json::from_slice::<Form>(bytes)?.version {
            VERSION => Ok(serde_json::from_slice(bytes)?),
            version => Err(MemoryError::Version(version)),
        }
    }

    /// The bytes to keep.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether there is nothing to do for these tables, so that not even the tables have to be looked at. `prune` looks
    /// where rows left the file and were not deleted.
    #[must_use]
    pub fn settled(&self, stack: &str, wanted: &BTreeMap<String, Wanted>, prune: bool) -> bool {
        self.stack == stack
            && wanted.iter().all(|(table, wanted)| {
                self.tables.get(table).is_some_and(|applied| {
                    applied.finished && !(prune && applied.left) && applied.wanted == wanted.sha()
                })
            })
    }

    /// Whether rows left the file, and were in one of these tables still.
    #[must_use]
    pub fn has_left(&self, wanted: &BTreeMap<String, Wanted>) -> bool {
        wanted.keys().any(|table| self.tables.get(table).is_some_and(|applied| applied.left))
    }

    /// What was applied last to a table, if it is the same table still.
    #[must_use]
    pub fn of(&self, table: &str, id: &str) -> Applied {
        match self.tables.get(table) {
            Some(applied) if applied.table == id => applied.clone(),
            _ => Applied { table: id.to_owned(), finished: true, ..Applied::default() },
        }
    }

    /// Remembers what is, or is being, applied to a table in this life of the stack. What was remembered of tables that
    /// have a life of their own stays.
    pub fn remember(&mut self, stack: &str, table: &str, applied: Applied) {
        stack.clone_into(&mut self.stack);
        self.tables.insert(table.to_owned(), applied);
    }

    /// Belongs to this life of the stack from now on.
    pub fn live(&mut self, stack: &str) {
        stack.clone_into(&mut self.stack);
    }

    /// The files that were put in this life of the stack.
    #[must_use]
    pub fn put(&self, stack: &str) -> &Put {
        static NONE: Put = Put::new();
        if self.stack == stack { &self.files } else { &NONE }
    }

    /// Whether the first run of this life of the stack was started.
    #[must_use]
    pub fn was_started(&self, stack: &str) -> bool {
        self.started.as_deref() == Some(stack)
    }

    /// Remembers that the first run was started.
    pub fn started(&mut self, stack: &str) {
        self.started = Some(stack.to_owned());
        self.starting = None;
    }

    /// The time of the first run of this life of the stack: that at which it was begun to be started, else this one. Kept
    /// before it is started, so that one who was interrupted starts the same run, and no second one.
    pub fn starting(&mut self, stack: &str, now: impl FnOnce() -> String) -> String {
        match &self.starting {
            Some((life, time)) if life == stack => time.clone(),
            _ => self.starting.insert((stack.to_owned(), now())).1.clone(),
        }
    }

    /// Forgets tables that the file knows no more.
    pub fn only(&mut self, wanted: &BTreeMap<String, Wanted>) {
        self.tables.retain(|table, _| wanted.contains_key(table));
    }
}

impl Applied {
    /// What was applied last to a row. Where it was being written when the write was interrupted, the table says whether
    /// that one got through.
    pub(super) fn row(&self, key: &str, there: Option<&RowHash>) -> Option<&RowHash> {
        let target = self.rows.get(key);
        match self.before.get(key) {
            Some(before) if !self.finished && there != target => before.as_ref(),
            _ => target,
        }
    }

    /// The keys of all rows that something is known of.
    pub(super) fn keys(&self) -> impl Iterator<Item = &String> {
        self.rows.keys().chain(self.before.keys())
    }
}
