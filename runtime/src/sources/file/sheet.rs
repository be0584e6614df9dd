//! Rows of a CSV file: a header, then a record a row, which quotes may spread over lines.

use std::io::{BufRead as _, BufReader, Cursor, Read, SeekFrom};

use super::split::Splitter;
use super::{Form, LINE_BYTES, Row};
use crate::model::error::Error;
use crate::model::items::Cells;

/// A file of records, and the names of its columns.
pub(super) struct Sheet {
    reader: BufReader<Box<dyn Read + Send + Sync>>,
    /// The line that the next byte stands on.
    line: u64,
    header: Vec<String>,
    /// Takes records apart. One for all of them: making it costs more than a record does.
    parts: csv::Reader<Cursor<Vec<u8>>>,
}

/// The bytes of one record, and where it starts.
struct Record {
    line: u64,
    bytes: Vec<u8>,
    /// Whether it was longer than what is kept of it.
    cut: bool,
    /// The line of a quote that opens and never closes.
    open: Option<u64>,
    /// The line of a quote that closes lines later and in the middle of a cell.
    stray: Option<u64>,
}

impl Sheet {
    /// Reads the header.
    ///
    /// # Errors
    /// `column_missing` where a column that the settings name is not there, once for the file and not for every row.
    pub(super) fn open(form: &Form, file: Box<dyn Read + Send + Sync>) -> Result<Self, Error> {
        let parts = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(Cursor::default());
        let mut sheet = Self { reader: BufReader::new(file), line: 1, header: Vec::new(), parts };
        // A file that was edited on Windows may start with a byte order mark.
        let start = sheet.reader.fill_buf().map_err(|error| form.unreadable(&error))?;
        let mark = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        sheet.reader.consume(mark);
        if let Some(record) = sheet.record(form)? {
            sheet.header = sheet.cells(form, record)?.iter().map(|name| name.trim().to_owned()).collect();
        }
        let has = |column: &str| sheet.header.iter().any(|name| name == column);
        match std::iter::once(form.key.as_str()).chain(form.columns.named()).find(|column| !has(column)) {
            None => Ok(sheet),
            Some(missing) => {
                let path = &form.path;
                let there = match sheet.header.as_slice() {
                    [] => "it is empty".into(),
                    header => format!("it has {}", crate::model::tree::listed(header)),
                };
                let words = format!("`{path}` has no column `{missing}`: {there}; correct `key` or `columns`");
                Err(Error::permanent("column_missing", words))
            }
        }
    }

    /// The next row.
    pub(super) fn next(&mut self, form: &Form) -> Result<Option<Row>, Error> {
        let Some(record) = self.record(form)? else { return Ok(None) };
        let line = record.line;
        let item = self.cells(form, record).and_then(|row| {
            if row.len() != self.header.len() {
                let (cells, columns) = (row.len(), self.header.len());
                return Err(form.unreadable(&format!("{cells} cells at line {line}, and {columns} columns")));
            }
            form.item(self.header.iter().zip(&row).map(|(name, cell)| (name.clone(), cell.into())).collect::<Cells>())
        });
        Ok(Some((line, item)))
    }

    /// The next record that is not blank. What is longer than a row may be is read over and not kept.
    fn record(&mut self, form: &Form) -> Result<Option<Record>, Error> {
        let mut splitter = Splitter::default();
        let mut record = Record { line: self.line, bytes: Vec::new(), cut: false, open: None, stray: None };
        loop {
            let buffer = self.reader.fill_buf().map_err(|error| form.unreadable(&error))?;
            if buffer.is_empty() {
                record.open = record.open.filter(|_| splitter.is_quoted());
                return Ok((!record.bytes.is_empty()).then_some(record));
            }
            let mut used = 0;
            let mut ended = false;
            for byte in buffer {
                used += 1;
                let blank = record.bytes.is_empty();
                ended = splitter.ends(*byte);
                self.line += u64::from(*byte == b'\n');
                if ended && blank {
                    // A blank line, or the second half of a line's end.
                    (ended, record.line) = (false, self.line);
                    continue;
                }
                if ended {
                    break;
                }
                if splitter.opens() {
                    record.open = Some(self.line);
                }
                if splitter.strays() {
                    // On one line it is a quirk of the writer; over lines it has rows inside it.
                    record.stray = record.stray.or(record.open.filter(|line| *line < self.line));
                }
                if record.bytes.len() < LINE_BYTES { record.bytes.push(*byte) } else { record.cut = true }
            }
            self.reader.consume(used);
            if ended {
                record.open = None;
                return Ok(Some(record));
            }
        }
    }

    /// The cells of a record.
    fn cells(&mut self, form: &Form, record: Record) -> Result<csv::StringRecord, Error> {
        if let Some(line) = record.open {
            let words =
                format!("the quote that opens at line {line} is never closed, and the rows after it are inside it");
            return Err(form.unreadable(&words));
        }
        if let Some(line) = record.stray {
            let words = format!("the quote that opens at line {line} closes lines later, in the middle of a cell");
            return Err(form.unreadable(&words));
        }
        if record.cut {
            return Err(form.too_long(record.line));
        }
        *self.parts.get_mut().get_mut() = record.bytes;
        let mut cells = csv::ByteRecord::new();
        self.parts
            .seek_raw(SeekFrom::Start(0), csv::Position::new())
            .and_then(|()| self.parts.read_byte_record(&mut cells))
            .map_err(|error| form.unreadable(&error))?;
        let line = record.line;
        csv::StringRecord::from_byte_record(cells)
            .map_err(|_| form.unreadable(&format!("the row at line {line} is not UTF-8: save the file as UTF-8")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Columns, Row, rows};
    use super::*;

    fn codes(rows: &[Row]) -> Vec<(u64, &str)> {
        let word = |row: &'_ Row| row.1.as_ref().map_or_else(|error| error.code.clone(), |item| item.key.clone());
        let known = ["row_unreadable", "row_too_long", "key_unfit", "key_missing", "Apple", "Google", "Lego"];
        let find = |row| known.iter().find(|known| **known == word(row)).copied().unwrap_or("another");
        rows.iter().map(|row| (row.0, find(row))).collect()
    }

    #[test]
    fn a_broken_row_fails_alone_and_says_where() {
        let text = "\u{feff}\"name\",text\r\nApple,\"good, \"\"really\"\"\nnice\"\n\nonly one cell\n Google ,a\"b\n,x\n\"Lego\n\",x";
        let found = rows("a.csv", text.as_bytes());
        let expected = [(2, "Apple"), (5, "row_unreadable"), (6, "Google"), (7, "key_missing"), (8, "Lego")];
        assert_eq!(codes(&found), expected);
        assert_eq!(found[0].1.as_ref().expect("whole").text.as_deref(), Some("good, \"really\"\nnice"));
        let words = &found[1].1.as_ref().expect_err("short").message;
        assert_eq!(words, "`a.csv`: 1 cells at line 5, and 2 columns");
        assert_eq!(codes(&rows("a.csv", b"name\nAp\x07ple\n")), [(2, "key_unfit")]);
    }

    #[test]
    fn a_stray_quote_does_not_swallow_rows_in_silence() {
        let found = rows("a.csv", b"name,text\nApple,fine\nGoogle,\"the first line\nthe second\nLego,fine\n");
        assert_eq!(codes(&found), [(2, "Apple"), (3, "row_unreadable")]);
        let words = &found[1].1.as_ref().expect_err("open").message;
        let expected = "`a.csv`: the quote that opens at line 3 is never closed, and the rows after it are inside it";
        assert_eq!(words, expected);

        // The next quote closes it, and what it has swallowed would look like a cell.
        let found = rows("a.csv", b"name,text\nGoogle,\"x\nApple,\"y\"\nLego,\"z\"w\n");
        assert_eq!(codes(&found), [(2, "row_unreadable"), (4, "Lego")]);
        let words = &found[0].1.as_ref().expect_err("stray").message;
        assert_eq!(words, "`a.csv`: the quote that opens at line 2 closes lines later, in the middle of a cell");
    }

    #[test]
    fn a_row_without_end_does_not_fill_the_memory() {
        let long = "x".repeat(3 << 20);
        let text = format!("name,text\nApple,{long}\nGoogle,\"{long}\n\"\nLego,fine\n");
        assert_eq!(codes(&rows("a.csv", text.as_bytes())), [(2, "row_too_long"), (3, "row_too_long"), (5, "Lego")]);

        // Many megabytes inside of a quote: what is kept of them is one row's worth.
        let form = Form { path: "a.csv".into(), key: "name".into(), columns: Columns::default() };
        let file = Cursor::new(b"name\nApple\n\"".to_vec()).chain(std::io::repeat(b'x').take(9 << 20));
        let mut sheet = Sheet::open(&form, Box::new(file)).expect("a header");
        assert!(sheet.next(&form).expect("no fault of the disk").is_some());
        let record = sheet.record(&form).expect("no fault of the disk").expect("a record");
        assert_eq!((record.bytes.len(), record.line, record.open, record.cut), (LINE_BYTES, 3, Some(3), true));
        assert!(sheet.cells(&form, record).expect_err("open").message.contains("line 3"));
    }

    #[test]
    fn a_file_that_is_not_utf_8_fails_row_by_row() {
        let found = rows("a.csv", b"name\nApple\n\xff\xfe\nLego\n");
        assert_eq!(codes(&found), [(2, "Apple"), (3, "row_unreadable"), (4, "Lego")]);
    }

    #[test]
    fn a_wrong_column_is_told_once_with_those_that_there_are() {
        let open = |text: &str, columns: Columns| {
            let form = Form { path: "a.csv".into(), key: "name".into(), columns };
            let error = Sheet::open(&form, Box::new(Cursor::new(text.as_bytes().to_vec()))).err();
            error.map(|error| (error.code, error.message))
        };
        let told = |words: &str| Some(("column_missing".to_owned(), words.to_owned()));
        let named = || Columns { text: Some("review".into()), ..Columns::default() };
        assert_eq!(open(" name ,review\n", named()), None);
        let words = "`a.csv` has no column `review`: it has `name`, `text`; correct `key` or `columns`";
        assert_eq!(open("name,text\n", named()), told(words));
        let words = "`a.csv` has no column `name`: it has `Name`; correct `key` or `columns`";
        assert_eq!(open("Name\nApple\n", Columns::default()), told(words));
        let words = "`a.csv` has no column `name`: it is empty; correct `key` or `columns`";
        assert_eq!(open("", Columns::default()), told(words));
    }
}
