//! The columns of a file of items, for a check before any run.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read};

use super::json_row::JsonRow;
use super::{Columns, RowFormat, csv};
use crate::model::file_format::{FileEncoding, FileFormat};
use crate::text::decoding_reader::decoded;

/// Rows of a JSON Lines file that are looked at: not every row has every member.
const ROWS: usize = 100;

/// The columns of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundColumns {
    /// Those of a CSV file: there are no others.
    Header(Vec<String>),
    /// Those of the first rows of a JSON Lines file.
    FirstRows(Vec<String>),
    /// None: the file has another encoding than that of the settings.
    InEncoding(FileEncoding),
}

/// The columns of a file, or `None` if the file is empty or cannot be read: its first run says why.
pub fn columns_in_file(path: &str, file: FileFormat, reader: Box<dyn Read + Send + Sync>) -> Option<FoundColumns> {
    // Read as the settings say, or else as it looks.
    let mut head = BufReader::new(reader);
    if let Some(other) = file.encoding.other_in_head(head.fill_buf().ok()?) {
        return Some(FoundColumns::InEncoding(other));
    }
    let reader: Box<dyn Read + Send + Sync> = Box::new(head);
    if super::super::extension(path) == "csv" {
        let format = RowFormat { path: path.to_owned(), key: String::new(), columns: Columns::default(), file };
        let header = csv::CsvReader::with_header(&format, reader).ok()?.into_header();
        return Some(header).filter(|header| !header.is_empty()).map(FoundColumns::Header);
    }
    // Limited, since a line may be endless.
    let mut reader = BufReader::new(decoded(reader, file.encoding).take((ROWS * 10_000) as u64));
    let (mut found, mut rows, mut line) = (BTreeSet::new(), 0, Vec::new());
    while rows < ROWS && reader.read_until(b'\n', &mut line).ok()? > 0 {
        let text = line.trim_ascii();
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        if let Ok(row) = serde_json::from_slice::<JsonRow>(text) {
            found.extend(row.0.into_iter().map(|(name, _)| name));
            rows += 1;
        }
        line.clear();
    }
    (rows > 0).then(|| FoundColumns::FirstRows(found.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::file_format::Delimiter;

    #[test]
    fn the_columns_of_both_formats_are_found() {
        let columns =
            |path: &str, text: &'static str| columns_in_file(path, FileFormat::default(), Box::new(text.as_bytes()));
        let names = || ["name", "text"].map(str::to_owned).to_vec();
        assert_eq!(columns("a.csv", "\u{feff}name, text \nApple,x\n"), Some(FoundColumns::Header(names())));
        let rows = "\u{feff}{\"name\":1}\nnot json\n{\"text\":null}\n";
        assert_eq!(columns("a.jsonl", rows), Some(FoundColumns::FirstRows(names())));
        assert_eq!(columns("a.jsonl", "nothing\n"), None);
        assert_eq!(columns("a.csv", ""), None);
        assert_eq!(columns("a.csv", "n\0a\0"), Some(FoundColumns::InEncoding(FileEncoding::Utf16)));
        let file = FileFormat { delimiter: Delimiter::Bar, encoding: FileEncoding::Utf16 };
        let text = "\u{feff}name|text\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let found = columns_in_file("a.csv", file, Box::new(std::io::Cursor::new(text)));
        assert_eq!(found, Some(FoundColumns::Header(names())));
    }
}
