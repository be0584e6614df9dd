//! Writes records as JSON, JSON Lines, CSV or Parquet, one after the other.

use std::io::{self, Write};

use fanggen_runtime::model::error::Error;
use fanggen_runtime::model::record::Record;
use fanggen_runtime::sinks::{csv_header, csv_rows};

#[cfg(feature = "parquet")]
use super::parquet::ParquetWriter;

/// A format that holds whole records, or the rows of a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFormat {
    /// A text.
    Text(TextFormat),
    /// One row per finding in typed columns: those of a sheet, and all that it has no room for.
    #[cfg(feature = "parquet")]
    Parquet,
}

/// A format that people can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// One array.
    Json,
    /// One record per line, as the archive has them.
    Jsonl,
    /// One row per finding, as the sink `csv` writes them.
    Csv,
}

/// Writes the records of a query to an output.
pub enum RecordWriter<W: Write + Send> {
    /// A text.
    Text(TextWriter<W>),
    /// Columns.
    #[cfg(feature = "parquet")]
    Parquet(Box<ParquetWriter<W>>),
}

impl<W: Write + Send> RecordWriter<W> {
    /// A writer.
    ///
    /// # Errors
    /// An output that cannot be written.
    pub fn new(out: W, format: RecordFormat) -> io::Result<Self> {
        Ok(match format {
            #[cfg(feature = "parquet")]
            RecordFormat::Parquet => Self::Parquet(Box::new(ParquetWriter::new(out)?)),
            RecordFormat::Text(format) => Self::Text(TextWriter { out, format, written: 0 }),
        })
    }

    /// Writes a record.
    ///
    /// # Errors
    /// An output that cannot be written.
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        match self {
            Self::Text(writer) => writer.record(record),
            #[cfg(feature = "parquet")]
            Self::Parquet(writer) => writer.record(record),
        }
    }

    /// Ends the output.
    ///
    /// # Errors
    /// An output that cannot be written.
    pub fn end(self) -> io::Result<W> {
        match self {
            Self::Text(writer) => writer.end(),
            #[cfg(feature = "parquet")]
            Self::Parquet(writer) => writer.end(),
        }
    }
}

/// Writes records as text. Nothing is written before the first record or the end.
pub struct TextWriter<W> {
    out: W,
    format: TextFormat,
    written: u64,
}

impl<W: Write> TextWriter<W> {
    fn begin(&mut self) -> io::Result<()> {
        match self.format {
            TextFormat::Json => self.out.write_all(b"["),
            TextFormat::Csv => self.out.write_all(&csv_header().map_err(unwritable)?),
            TextFormat::Jsonl => Ok(()),
        }
    }

    fn record(&mut self, record: &Record) -> io::Result<()> {
        if self.written == 0 {
            self.begin()?;
        }
        match self.format {
            TextFormat::Json => {
                self.out.write_all(if self.written == 0 { b"\n  " } else { b",\n  " })?;
                serde_json::to_writer(&mut self.out, record)?;
            }
            TextFormat::Csv => self.out.write_all(&csv_rows(record).map_err(unwritable)?)?,
            TextFormat::Jsonl => {
                serde_json::to_writer(&mut self.out, record)?;
                self.out.write_all(b"\n")?;
            }
        }
        self.written += 1;
        Ok(())
    }

    fn end(mut self) -> io::Result<W> {
        if self.written == 0 {
            self.begin()?;
        }
        if self.format == TextFormat::Json {
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

    fn written(format: TextFormat, keys: &[&str]) -> String {
        let mut out = Vec::new();
        let mut writer = RecordWriter::new(&mut out, RecordFormat::Text(format)).expect("a writer");
        for key in keys {
            writer.record(&Record::new("20261122T090000Z", "companies", Item::named(*key))).expect("written");
        }
        writer.end().expect("ended");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn every_format_is_whole_with_no_record_one_and_two() {
        let json = |keys: &[&str]| serde_json::from_str::<Vec<Record>>(&written(TextFormat::Json, keys));
        assert_eq!(json(&[]).expect("JSON").len(), 0);
        assert_eq!(json(&["a"]).expect("JSON").len(), 1);
        assert_eq!(json(&["a", "b"]).expect("JSON")[1].item.key, "b");
        assert_eq!(written(TextFormat::Jsonl, &["a", "b"]).lines().count(), 2);
        let csv = written(TextFormat::Csv, &["=a", "b"]);
        assert!(csv.starts_with("run,source,item,") && csv.lines().count() == 3 && csv.contains(",'=a,"), "{csv}");
    }
}
