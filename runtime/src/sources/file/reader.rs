//! Reads the items of any file or stream, with the line of each: for tools that edit lists of items.

use std::io::Read;

use super::{FileRows, RowFormat};
use crate::model::error::Error;
use crate::model::file_format::ItemFileFormat;
use crate::model::record::Item;

/// A row: the line that it starts on, and its item or why it has none.
pub type NumberedRow = (u64, Result<Item, Error>);

/// The items of a file, one at a time.
pub struct ItemReader {
    rows: FileRows,
    format: RowFormat,
}

impl ItemReader {
    /// Opens a file.
    ///
    /// # Errors
    /// A file that cannot be read, of another format, or without the columns of its settings.
    pub fn open(format: &ItemFileFormat, file: Box<dyn Read + Send + Sync>) -> Result<Self, Error> {
        let ItemFileFormat { path, key, columns, file: bytes } = format.clone();
        let format = RowFormat { path, key, columns, file: bytes };
        Ok(Self { rows: FileRows::of(&format, file)?, format })
    }

    /// The next row, or `None` at the end.
    ///
    /// # Errors
    /// An error of the file as a whole.
    pub fn next_row(&mut self) -> Result<Option<NumberedRow>, Error> {
        self.rows.next(&self.format)
    }
}
