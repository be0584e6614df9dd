//! The items of a source between the file and the table: what was applied last, what is wanted, what is there.
//!
//! All of it is pure. Rows are compared by a hash, so that a table of a million items is held in a hundred megabytes.

mod agenda;
pub mod files;
mod memory;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use fanggen_runtime::model::items::Cells;
use fanggen_runtime::model::record::Item;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use agenda::{Agenda, Kept, Put, Why};
pub use memory::{Applied, Memory, MemoryError};

/// Bytes of a row, names and values together: DynamoDB's limit
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
const ROW_BYTES: usize = 400 * 1024;

/// A row of the table: its attributes, the key among them, all as text. It is what the source `dynamodb` reads.
pub type Row = Cells;

/// The rows of a table by their keys, each as its hash.
pub type Hashes = BTreeMap<String, RowHash>;

/// The hash of a row as a source reads it: an empty cell is no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowHash(String);

impl RowHash {
    /// The hash of a row.
    #[must_use]
    pub fn of(row: &Row) -> Self {
        let mut hash = Sha256::new();
        for (name, cell) in row.iter().filter(|(_, cell)| !cell.trim().is_empty()) {
            feed(&mut hash, name);
            feed(&mut hash, cell);
        }
        // 128 bits: rows are told apart, not defended against whoever may write them anyway.
        Self(hex(&hash.finalize()[..16]))
    }
}

/// Adds a text so that where it ends is part of the hash.
fn feed(hash: &mut Sha256, text: &str) {
    hash.update(text.len().to_le_bytes());
    hash.update(text);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the file wants a table to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    key: String,
    rows: BTreeMap<String, Row>,
}

/// Why the items of a file cannot be rows of a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ItemsError {
    /// Two items of one key.
    #[error("the item `{0}` is listed twice\n  remove one of the two")]
    Twice(String),
    /// A label that would take an attribute's place.
    #[error(
        "the item `{item}` has a label `{label}`, which is an attribute of every item\n  give the label another name"
    )]
    Label {
        /// The item's key.
        item: String,
        /// The label.
        label: String,
    },
    /// Longer than a row can be.
    #[error("the item `{item}` takes {bytes} bytes, and a row has {ROW_BYTES} at most\n  shorten its text")]
    TooLong {
        /// The item's key.
        item: String,
        /// Bytes of its names and values.
        bytes: usize,
    },
}

impl Wanted {
    /// The rows of these items, in a table whose partition key is `key`.
    ///
    /// # Errors
    /// See [`ItemsError`].
    pub fn of(key: &str, items: impl IntoIterator<Item = Item>) -> Result<Self, ItemsError> {
        let mut rows = BTreeMap::new();
        for item in items {
            let row = row(key, &item)?;
            if rows.insert(item.key.clone(), row).is_some() {
                return Err(ItemsError::Twice(item.key));
            }
        }
        Ok(Self { key: key.to_owned(), rows })
    }

    /// The attribute that holds the key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The rows, by key.
    #[must_use]
    pub const fn rows(&self) -> &BTreeMap<String, Row> {
        &self.rows
    }

    /// The hash of all rows together, by which it is known that the file says what it said before.
    #[must_use]
    pub fn sha(&self) -> String {
        let mut hash = Sha256::new();
        feed(&mut hash, &self.key);
        for (key, row) in &self.rows {
            feed(&mut hash, key);
            feed(&mut hash, &RowHash::of(row).0);
        }
        hex(&hash.finalize())
    }
}

/// The row of an item: attributes and labels side by side, as the source reads them.
fn row(key: &str, item: &Item) -> Result<Row, ItemsError> {
    let mut row = Row::from([(key.to_owned(), item.key.clone())]);
    let attributes = [
        ("title", &item.title),
        ("feed", &item.feed),
        ("language", &item.language),
        ("url", &item.url),
        ("text", &item.text),
    ];
    let attributes = attributes.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let labels = item.labels.iter().map(|(name, value)| (name.as_str(), value));
    for (name, value) in attributes.chain(labels).filter(|(_, value)| !value.trim().is_empty()) {
        if row.insert(name.to_owned(), value.clone()).is_some() {
            return Err(ItemsError::Label { item: item.key.clone(), label: name.to_owned() });
        }
    }
    let bytes = row.iter().map(|(name, cell)| name.len() + cell.len()).sum();
    if bytes > ROW_BYTES {
        return Err(ItemsError::TooLong { item: item.key.clone(), bytes });
    }
    Ok(row)
}
