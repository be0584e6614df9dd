//! The rows that the file wants in a table, and the hash of a row.

use std::collections::BTreeMap;

use fanggen_runtime::model::hash::hex;
use fanggen_runtime::model::items::{Cells, Columns, to_cells};
use fanggen_runtime::model::record::Item;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The maximum bytes of a row, names and values together
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
pub(super) const ROW_BYTES: usize = 400 * 1024;

/// A row of the table: its attributes as strings, including the key, as the source `dynamodb` reads them.
pub type ItemRow = Cells;

/// The hash of each row of a table, by key.
pub type RowHashes = BTreeMap<String, RowHash>;

/// The hash of a row as the source reads it: an empty attribute is no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowHash(String);

impl RowHash {
    /// The hash of a row.
    #[must_use]
    pub fn of(row: &ItemRow) -> Self {
        let mut hash = Sha256::new();
        for (name, cell) in row.iter().filter(|(_, cell)| !cell.trim().is_empty()) {
            feed(&mut hash, name);
            feed(&mut hash, cell);
        }
        // 128 bits are enough to tell rows apart; this is no defence against an attacker, who could write the table anyway.
        Self(hex(&hash.finalize()[..16]))
    }
}

/// Adds a string with its length, so that its end is part of the hash. The length is little-endian, unlike in
/// [`fanggen_runtime::model::hash::PartsHash`]; stored hashes depend on it.
fn feed(hash: &mut Sha256, text: &str) {
    hash.update(text.len().to_le_bytes());
    hash.update(text);
}

/// The rows that the file wants in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedRows {
    key: String,
    rows: BTreeMap<String, ItemRow>,
}

/// Why the items of a file cannot be rows of a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ItemsError {
    /// Two items have the same key.
    #[error("the item `{0}` is listed twice\n  remove one of the two")]
    Twice(String),
    /// A label has the name of an attribute.
    #[error("the item `{item}` has a label `{label}`, which is the name of an attribute\n  rename the label")]
    Label {
        /// The item's key.
        item: String,
        /// The label.
        label: String,
    },
    /// The item is larger than a row may be.
    #[error("the item `{item}` takes {bytes} bytes, and a row may have {ROW_BYTES}\n  shorten its {part}")]
    TooLong {
        /// The item's key.
        item: String,
        /// Bytes of its names and values.
        bytes: usize,
        /// What takes the most of them.
        part: String,
    },
}

impl WantedRows {
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
    pub const fn rows(&self) -> &BTreeMap<String, ItemRow> {
        &self.rows
    }

    /// The hash of all rows together, which shows whether the file has changed.
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

/// The row of an item, with attributes and labels as the source reads them.
///
/// # Errors
/// A label with the name of an attribute, and an item that is too large for a row.
pub fn row(key: &str, item: &Item) -> Result<ItemRow, ItemsError> {
    let row = to_cells(item, key, &Columns::default())
        .map_err(|label| ItemsError::Label { item: item.key.clone(), label })?;
    let bytes = row.iter().map(|(name, cell)| name.len() + cell.len()).sum();
    if bytes > ROW_BYTES {
        return Err(ItemsError::TooLong { item: item.key.clone(), bytes, part: item.longest_part() });
    }
    Ok(row)
}
