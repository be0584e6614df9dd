//! Reads CSV files with a header, in which quoted cells may span lines.

use std::io::{BufRead as _, BufReader, Cursor, Read, SeekFrom};

use super::splitter::RecordSplitter;
use super::{FileRow, MAX_ROW_BYTES, RowFormat};
use crate::model::error::{Error, ErrorCode};
use crate::model::file_format::Delimiter;
use crate::model::items::Cells;
use crate::text::decoding_reader::decoded;

/// A file, and the names of its columns.
pub(super) struct CsvReader {
    reader: BufReader<Box<dyn Read + Send + Sync>>,
    /// The line of the next byte.
    line: u64,
    /// Whether the last byte was a CR, which ends a line also without an LF: programs of old Macs write it.
    after_cr: bool,
    header: Vec<String>,
    /// Parses records. It is reused, since creating it costs more than parsing a record.
    parser: csv::Reader<Cursor<Vec<u8>>>,
    /// The character between cells.
    delimiter: u8,
}

/// The bytes of one record, and its first line.
struct CsvRecord {
    line: u64,
    bytes: Vec<u8>,
    /// Whether it exceeds the maximum, and was truncated.
    truncated: bool,
    /// The line of an opening quote without a closing one.
    unclosed: Option<u64>,
    /// The line of a quote that is closed on a later line, in the middle of a cell.
    stray: Option<u64>,
}

impl CsvReader {
    /// Reads the header.
    ///
    /// # Errors
    /// `column_missing` if a column of the settings does not exist: once for the file, not for every row.
    pub(super) fn open(format: &RowFormat, file: Box<dyn Read + Send + Sync>) -> Result<Self, Error> {
        let sheet = Self::with_header(format, file)?;
        let twice = sheet.header.iter().enumerate().find(|(place, name)| sheet.header[..*place].contains(name));
        if let Some((_, name)) = twice.filter(|(_, name)| !name.is_empty()) {
            let message = format!("`{}` has two columns `{name}`: rename one of them", format.path);
            return Err(Error::permanent(ErrorCode::ColumnTwice, message));
        }
        let has = |column: &str| sheet.header.iter().any(|name| name == column);
        let configured = format.columns.configured().map(|(_, column)| column);
        match std::iter::once(format.key.as_str()).chain(configured).find(|column| !has(column)) {
            None => Ok(sheet),
            Some(missing) => {
                let path = &format.path;
                let columns = match sheet.header.as_slice() {
                    [] => "it is empty".into(),
                    header => format!("it has {}", crate::model::tree::quoted_list(header)),
                };
                let mut words = format!("`{path}` has no column `{missing}`: {columns}; correct `key` or `columns`");
                if let Some(other) = Delimiter::in_header(&sheet.header) {
                    words.push_str(&format!(", or set `delimiter = \"{}\"` in a `file` source", other.as_toml()));
                }
                Err(Error::permanent(ErrorCode::ColumnMissing, words))
            }
        }
    }

    /// The names of the columns.
    pub(super) fn into_header(self) -> Vec<String> {
        self.header
    }

    /// Reads the header, whatever it has.
    pub(super) fn with_header(format: &RowFormat, file: Box<dyn Read + Send + Sync>) -> Result<Self, Error> {
        let delimiter = format.file.delimiter.byte();
        let mut parser = csv::ReaderBuilder::new();
        parser.has_headers(false).flexible(true).delimiter(delimiter);
        let parser = parser.from_reader(Cursor::default());
        let reader = BufReader::new(decoded(file, format.file.encoding));
        let mut sheet = Self { reader, line: 1, after_cr: false, header: Vec::new(), parser, delimiter };
        // A file that was edited on Windows may start with a byte order mark.
        let start = sheet.reader.fill_buf().map_err(|error| format.read_error(&error))?;
        format.check_head(start)?;
        let mark = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        sheet.reader.consume(mark);
        if let Some(record) = sheet.record(format)? {
            sheet.header = sheet.cells(format, record)?.iter().map(|name| name.trim().to_owned()).collect();
        }
        Ok(sheet)
    }

    /// The next row.
    pub(super) fn next(&mut self, format: &RowFormat) -> Result<Option<FileRow>, Error> {
        let Some(record) = self.record(format)? else { return Ok(None) };
        let line = record.line;
        let item = self.cells(format, record).and_then(|row| {
            if row.len() != self.header.len() {
                let (cells, columns) = (row.len(), self.header.len());
                let noun = if cells == 1 { "cell" } else { "cells" };
                return Err(format.unreadable(&format!("line {line} has {cells} {noun}; the header has {columns}")));
            }
            format.item(self.header.iter().zip(&row).map(|(name, cell)| (name.clone(), cell.into())).collect::<Cells>())
        });
        Ok(Some((line, item)))
    }

    /// The next record that is not blank. A record beyond the maximum is truncated.
    fn record(&mut self, format: &RowFormat) -> Result<Option<CsvRecord>, Error> {
        let mut splitter = RecordSplitter::new(self.delimiter);
        let mut record =
            CsvRecord { line: self.line, bytes: Vec::new(), truncated: false, unclosed: None, stray: None };
        loop {
            let buffer = self.reader.fill_buf().map_err(|error| format.read_error(&error))?;
            if buffer.is_empty() {
                record.unclosed = record.unclosed.filter(|_| splitter.is_quoted());
                return Ok((!record.bytes.is_empty()).then_some(record));
            }
            let mut used = 0;
            let mut ended = false;
            for byte in buffer {
                used += 1;
                let blank = record.bytes.is_empty();
                ended = splitter.ends(*byte);
                self.line += u64::from(*byte == b'\r' || *byte == b'\n' && !self.after_cr);
                self.after_cr = *byte == b'\r';
                if ended && blank {
                    // A blank line, or the second half of CRLF.
                    (ended, record.line) = (false, self.line);
                    continue;
                }
                if ended {
                    break;
                }
                if splitter.opens() {
                    record.unclosed = Some(self.line);
                }
                if splitter.strays() {
                    // On one line it is a quirk of the file; across lines it has swallowed rows.
                    record.stray = record.stray.or(record.unclosed.filter(|line| *line < self.line));
                }
                if record.bytes.len() < MAX_ROW_BYTES { record.bytes.push(*byte) } else { record.truncated = true }
            }
            self.reader.consume(used);
            if ended {
                record.unclosed = None;
                return Ok(Some(record));
            }
        }
    }

    /// The cells of a record.
    fn cells(&mut self, format: &RowFormat, record: CsvRecord) -> Result<csv::StringRecord, Error> {
        if let Some(line) = record.unclosed {
            let words = format!("the quote at line {line} is never closed, so all following rows are inside it");
            return Err(format.unreadable(&words));
        }
        if let Some(line) = record.stray {
            let words = format!("the quote at line {line} is closed on a later line, in the middle of a cell");
            return Err(format.unreadable(&words));
        }
        if record.truncated {
            return Err(format.too_long(record.line));
        }
        *self.parser.get_mut().get_mut() = record.bytes;
        let mut cells = csv::ByteRecord::new();
        self.parser
            .seek_raw(SeekFrom::Start(0), csv::Position::new())
            .and_then(|()| self.parser.read_byte_record(&mut cells))
            .map_err(|error| format.unreadable(&error))?;
        let line = record.line;
        csv::StringRecord::from_byte_record(cells)
            .map_err(|error| format.invalid(line, error.into_byte_record().as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Columns, FileFormat, FileRow, rows};
    use super::*;

    fn codes(rows: &[FileRow]) -> Vec<(u64, &str)> {
        let word =
            |row: &'_ FileRow| row.1.as_ref().map_or_else(|error| error.code.to_string(), |item| item.key.clone());
        let known = ["row_unreadable", "row_too_long", "key_unfit", "key_missing", "Apple", "Google", "Lego"];
        let find = |row| known.iter().find(|known| **known == word(row)).copied().unwrap_or("another");
        rows.iter().map(|row| (row.0, find(row))).collect()
    }

    #[test]
    fn an_invalid_row_fails_alone_with_its_line() {
        let text = "\u{feff}\"name\",text\r\nApple,\"good, \"\"really\"\"\nnice\"\n\nonly one cell\n Google ,a\"b\n,x\n\"Lego\n\",x";
        let found = rows("a.csv", text.as_bytes());
        let expected = [(2, "Apple"), (5, "row_unreadable"), (6, "Google"), (7, "key_missing"), (8, "Lego")];
        assert_eq!(codes(&found), expected);
        assert_eq!(found[0].1.as_ref().expect("whole").text.as_deref(), Some("good, \"really\"\nnice"));
        let words = &found[1].1.as_ref().expect_err("short").message;
        assert_eq!(words, "`a.csv`: line 5 has 1 cell; the header has 2");
        assert_eq!(codes(&rows("a.csv", b"name\nAp\x07ple\n")), [(2, "key_unfit")]);
    }

    #[test]
    fn lines_are_counted_whatever_ends_them() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["name,text", "Apple,\"a", "b\"", "", "x", "Lego,", ""].join(end);
            assert_eq!(
                codes(&rows("a.csv", text.as_bytes())),
                [(2, "Apple"), (5, "row_unreadable"), (6, "Lego")],
                "{end:?}"
            );
        }
    }

    #[test]
    fn a_stray_quote_does_not_swallow_rows_silently() {
        let found = rows("a.csv", b"name,text\nApple,fine\nGoogle,\"the first line\nthe second\nLego,fine\n");
        assert_eq!(codes(&found), [(2, "Apple"), (3, "row_unreadable")]);
        let words = &found[1].1.as_ref().expect_err("open").message;
        let expected = "`a.csv`: the quote at line 3 is never closed, so all following rows are inside it";
        assert_eq!(words, expected);

        // The next quote closes it, and the swallowed rows would look like a cell.
        let found = rows("a.csv", b"name,text\nGoogle,\"x\nApple,\"y\"\nLego,\"z\"w\n");
        assert_eq!(codes(&found), [(2, "row_unreadable"), (4, "Lego")]);
        let words = &found[0].1.as_ref().expect_err("stray").message;
        assert_eq!(words, "`a.csv`: the quote at line 2 is closed on a later line, in the middle of a cell");
    }

    #[test]
    fn an_endless_row_does_not_fill_the_memory() {
        let long = "x".repeat(3 << 20);
        let text = format!("name,text\nApple,{long}\nGoogle,\"{long}\n\"\nLego,fine\n");
        assert_eq!(codes(&rows("a.csv", text.as_bytes())), [(2, "row_too_long"), (3, "row_too_long"), (5, "Lego")]);

        // Many megabytes inside a quote: only one row's worth is kept.
        let format = RowFormat {
            path: "a.csv".into(),
            key: "name".into(),
            columns: Columns::default(),
            file: FileFormat::default(),
        };
        let file = Cursor::new(b"name\nApple\n\"".to_vec()).chain(std::io::repeat(b'x').take(9 << 20));
        let mut sheet = CsvReader::open(&format, Box::new(file)).expect("a header");
        assert!(sheet.next(&format).expect("no fault of the disk").is_some());
        let record = sheet.record(&format).expect("no fault of the disk").expect("a record");
        assert_eq!(
            (record.bytes.len(), record.line, record.unclosed, record.truncated),
            (MAX_ROW_BYTES, 3, Some(3), true)
        );
        assert!(sheet.cells(&format, record).expect_err("open").message.contains("line 3"));
    }

    #[test]
    fn a_file_that_is_not_utf_8_fails_row_by_row() {
        let found = rows("a.csv", b"name\nApple\n\xff\xfe\nLego\n");
        assert_eq!(codes(&found), [(2, "Apple"), (3, "row_unreadable"), (4, "Lego")]);
    }

    #[test]
    fn a_missing_column_is_reported_once_with_the_existing_ones() {
        let open = |text: &str, columns: Columns| {
            let format = RowFormat { path: "a.csv".into(), key: "name".into(), columns, file: FileFormat::default() };
            let error = CsvReader::open(&format, Box::new(Cursor::new(text.as_bytes().to_vec()))).err();
            error.map(|error| (error.code.to_string(), error.message))
        };
        let missing = |message: &str| Some(("column_missing".to_owned(), message.to_owned()));
        let named = || Columns { text: Some("review".into()), ..Columns::default() };
        assert_eq!(open(" name ,review\n", named()), None);
        let words = "`a.csv` has no column `review`: it has `name`, `text`; correct `key` or `columns`";
        assert_eq!(open("name,text\n", named()), missing(words));
        let words = "`a.csv` has no column `name`: it has `Name`; correct `key` or `columns`";
        assert_eq!(open("Name\nApple\n", Columns::default()), missing(words));
        let words = "`a.csv` has no column `name`: it is empty; correct `key` or `columns`";
        assert_eq!(open("", Columns::default()), missing(words));
    }
}
