//! Reads JSON Lines files, with one object per line.

use std::io::{BufRead as _, BufReader, Read};

use serde_json::Value;

use super::json_row::JsonRow;
use super::{FileRow, MAX_ROW_BYTES, RowFormat};
use crate::model::error::Error;
use crate::text::decoding_reader::decoded;

/// A file, and the number of its last line.
pub(super) struct JsonlReader {
    reader: BufReader<Box<dyn Read + Send + Sync>>,
    line: u64,
}

impl JsonlReader {
    /// Opens the file.
    ///
    /// # Errors
    /// A file of another encoding than that of the settings.
    pub(super) fn open(format: &RowFormat, file: Box<dyn Read + Send + Sync>) -> Result<Self, Error> {
        let mut reader = BufReader::new(decoded(file, format.file.encoding));
        format.check_head(reader.fill_buf().map_err(|error| format.read_error(&error))?)?;
        Ok(Self { reader, line: 0 })
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
                    let only_cr = bytes.contains(&b'\r');
                    self.reader.skip_until(b'\n').map_err(|error| format.read_error(&error))?;
                    let error = if only_cr { format.unreadable(&CR_ONLY) } else { format.too_long(self.line) };
                    return Ok(Some((self.line, Err(error))));
                }
                Ok(_) => {}
                Err(error) => return Err(format.read_error(&error)),
            }
            let length = bytes.trim_ascii_end().len();
            let bytes = bytes.trim_ascii();
            // A file that was edited on Windows may start with a byte order mark.
            let bytes = if self.line == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
            if !bytes.is_empty() {
                if std::str::from_utf8(bytes).is_err() {
                    return Ok(Some((self.line, Err(format.invalid(self.line, bytes)))));
                }
                let start = length - bytes.len();
                let row = serde_json::from_slice::<JsonRow>(bytes);
                let row = row.map_err(|error| format.unreadable(&reason(&error, bytes, self.line, start)));
                return Ok(Some((self.line, row.and_then(|row| format.object(Value::Object(row.0))))));
            }
        }
    }
}

/// What is wrong with a file that an old Mac program wrote: all of it looks like one line.
const CR_ONLY: &str = "its lines end in CR only: save it with LF or CRLF";

/// Why a line cannot be read, with the place in the file: the parser knows the line only.
fn reason(error: &serde_json::Error, bytes: &[u8], line: u64, start: usize) -> String {
    if bytes.contains(&b'\r') {
        return CR_ONLY.to_owned();
    }
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or(&words);
    format!("line {line}, column {}: {words}", start + error.column())
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
    fn an_error_names_its_line_and_column() {
        let error = |text: &str| {
            let lines = rows("a.jsonl", text.as_bytes());
            lines.last().and_then(|row| row.1.as_ref().err()).map(|error| error.message.clone()).unwrap_or_default()
        };
        assert_eq!(error("\n{}\n  {\"name\": oops}"), "`a.jsonl`: line 3, column 12: expected value");
        let twice = "{\"name\":\"A\",\"labels\":{\"b\":1,\"b\":2}}";
        assert!(error(twice).starts_with("`a.jsonl`: line 1, column "), "{}", error(twice));
        assert!(error(twice).ends_with(": `b` is given twice"), "{}", error(twice));
        let mac = "`a.jsonl`: its lines end in CR only: save it with LF or CRLF";
        assert_eq!(error("{\"name\":\"A\"}\r{\"name\":\"B\"}\r"), mac);
        assert_eq!(error(&"{\"name\":\"A\"}\r".repeat(100_000)), mac);
        assert_eq!(error("{\"name\":\"A\"}\r\n"), "", "as Windows writes it");
    }

    #[test]
    fn an_endless_line_does_not_fill_the_memory() {
        let text = format!("{{\"name\":\"{}\"}}\n{{\"name\":\"Z\"}}\n", "x".repeat(3 << 20));
        let lines = rows("a.jsonl", text.as_bytes());
        assert_eq!(lines[0].1.as_ref().expect_err("too long").code.as_str(), "row_too_long");
        assert!(lines[1].1.is_ok());
    }
}
