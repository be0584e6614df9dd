//! Reads JSON JsonlReader files, with one object per line.

use std::io::{BufRead as _, BufReader, Read};

use serde_json::Value;

use super::json_row::JsonRow;
use super::{FileRow, MAX_ROW_BYTES, RowFormat};
use crate::model::error::Error;

/// A file, and the number of its last line.
pub(super) struct JsonlReader {
    reader: BufReader<Box<dyn Read + Send + Sync>>,
    line: u64,
}

impl JsonlReader {
    pub(super) fn open(file: Box<dyn Read + Send + Sync>) -> Self {
        Self { reader: BufReader::new(file), line: 0 }
    }

    /// The next row; empty lines are skipped.
    pub(super) fn next(&mut self, format: &RowFormat) -> Result<Option<FileRow>, Error> {
        loop {
            self.line += 1;
            let mut bytes = Vec::new();
            let mut limited = self.reader.by_ref().take(MAX_ROW_BYTES as u64);
            match limited.read_until(b'\n', &mut bytes) {
                Ok(0) => return Ok(None),
                Ok(_) if !bytes.ends_with(b"\n") && limited.limit() == 0 => {
                    self.reader.skip_until(b'\n').map_err(|error| format.unreadable(&error))?;
                    return Ok(Some((self.line, Err(format.too_long(self.line)))));
                }
                Ok(_) => {}
                Err(error) => return Err(format.unreadable(&error)),
            }
            let bytes = bytes.trim_ascii();
            // A file that was edited on Windows may start with a byte order mark.
            let bytes = if self.line == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
            if !bytes.is_empty() {
                let row = serde_json::from_slice::<JsonRow>(bytes).map_err(|error| format.unreadable(&error));
                return Ok(Some((self.line, row.and_then(|row| format.object(Value::Object(row.0))))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows;

    #[test]
    fn an_invalid_line_fails_alone_with_its_number() {
        let text = "\u{feff}{\"name\":\"Apple\",\"labels\":{\"a\":1}}\n\nnot json\n{\"name\":[1]}\n{\"name\":\" Z \"}";
        let lines = rows("a.jsonl", text.as_bytes());
        assert_eq!(
            lines.iter().map(|row| (row.0, row.1.is_ok())).collect::<Vec<_>>(),
            [(1, true), (3, false), (4, false), (5, true)]
        );
        assert_eq!(lines[0].1.as_ref().expect("whole").labels["a"], "1");
        assert_eq!(lines[3].1.as_ref().expect("whole").key, "Z");
    }

    #[test]
    fn an_endless_line_does_not_fill_the_memory() {
        let text = format!("{{\"name\":\"{}\"}}\n{{\"name\":\"Z\"}}\n", "x".repeat(3 << 20));
        let lines = rows("a.jsonl", text.as_bytes());
        assert_eq!(lines[0].1.as_ref().expect_err("too long").code.as_str(), "row_too_long");
        assert!(lines[1].1.is_ok());
    }
}
