//! Writes records as JSON, JSON Lines or CSV, one after the other.

use std::io::{self, Write};

use fanggen_runtime::model::error::Error;
use fanggen_runtime::model::record::Record;
use fanggen_runtime::sinks::{csv_header, csv_rows};

/// A format that holds whole records, or the rows of a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFormat {
    /// One array.
    Json,
    /// One record per line, as the archive has them.
    Jsonl,
    /// One row per finding, as the sink `csv` writes them.
    Csv,
}

/// Writes the records of a query to an output.
pub struct RecordWriter<W> {
    out: W,
    format: RecordFormat,
    written: u64,
}

impl<W: Write> RecordWriter<W> {
    /// A writer, which writes nothing before its first record or its end.
    #[must_use]
    pub const fn new(out: W, format: RecordFormat) -> Self {
        Self { out, format, written: 0 }
    }

    fn begin(&mut self) -> io::Result<()> {
        match self.format {
            RecordFormat::Json => self.out.write_all(b"["),
            RecordFormat::Jsonl => Ok(()),
            RecordFormat::Csv => self.out.write_all(&csv_header().map_err(unwritable)?),
        }
    }

    /// Writes a record.
    ///
    /// # Errors
    /// An output that cannot be written.
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        if self.written == 0 {
            self.begin()?;
        }
        match self.format {
            RecordFormat::Json => {
                self.out.write_all(if self.written == 0 { b"\n  " } else { b",\n  " })?;
                serde_json::to_writer(&mut self.out, record)?;
            }
            RecordFormat::Jsonl => {
                serde_json::to_writer(&mut self.out, record)?;
                self.out.write_all(b"\n")?;
            }
            RecordFormat::Csv => self.out.write_all(&csv_rows(record).map_err(unwritable)?)?,
        }
        self.written += 1;
        Ok(())
    }

    /// Ends the output.
    ///
    /// # Errors
    /// An output that cannot be written.
    pub fn end(mut self) -> io::Result<W> {
        if self.written == 0 {
            self.begin()?;
        }
        if self.format == RecordFormat::Json {
            self.out.write_all(if self.written == 0 { b"]\n" } else { b"\n]\n" })?;
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

fn unwritable(error: Error) -> io::Error {
    io::Error::other(error.message)
}

#[cfg(test)]
mod tests {
    use fanggen_runtime::model::record::Item;

    use super::*;

    fn written(format: RecordFormat, keys: &[&str]) -> String {
        let mut out = Vec::new();
        let mut writer = RecordWriter::new(&mut out, format);
        for key in keys {
            writer.record(&Record::new("20261122T090000Z", "companies", Item::named(*key))).expect("written");
        }
        writer.end().expect("ended");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn every_format_is_whole_with_no_record_one_and_two() {
        let json = |keys: &[&str]| serde_json::from_str::<Vec<Record>>(&written(RecordFormat::Json, keys));
        assert_eq!(json(&[]).expect("JSON").len(), 0);
        assert_eq!(json(&["a"]).expect("JSON").len(), 1);
        assert_eq!(json(&["a", "b"]).expect("JSON")[1].item.key, "b");
        assert_eq!(written(RecordFormat::Jsonl, &["a", "b"]).lines().count(), 2);
        let csv = written(RecordFormat::Csv, &["=a", "b"]);
        assert!(csv.starts_with("run,source,item,") && csv.lines().count() == 3 && csv.contains(",'=a,"), "{csv}");
    }
}
