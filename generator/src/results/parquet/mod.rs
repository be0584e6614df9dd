//! Writes records as Parquet: one row per finding, with typed columns, in row groups that fit into memory.

mod columns;
mod schema;
mod shred;

use std::io::{self, Write};
use std::sync::Arc;

use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::Type;
use fanggen_runtime::model::record::Record;

use shred::Shredder;

/// Bytes of values that are held before they are written as a row group. Readers load a column of a row group at a time, so
/// larger is not better for them, and a million records take as much memory as this.
const GROUP_BYTES: usize = 16 * 1024 * 1024;

/// Writes records to an output.
pub struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    schema: Arc<Type>,
    shredder: Shredder,
    /// The kind of the first error: what comes after it would not be a whole file.
    failed: Option<io::ErrorKind>,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// An output that cannot be written.
    pub fn new(out: W) -> io::Result<Self> {
        let schema = Arc::new(schema::schema(&columns::columns()).map_err(failure)?);
        let shredder = Shredder::new(&schema);
        let properties = WriterProperties::builder()
            .set_created_by(format!("fanggen {}", env!("CARGO_PKG_VERSION")))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let file = SerializedFileWriter::new(out, schema.clone(), Arc::new(properties)).map_err(failure)?;
        Ok(Self { file, schema, shredder, failed: None })
    }

    /// Adds the rows of a record.
    ///
    /// # Errors
    /// An output that cannot be written.
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        for row in columns::rows(record)? {
            self.shredder.add(self.schema.get_fields(), row);
        }
        if self.shredder.bytes() >= GROUP_BYTES { self.write_group() } else { Ok(()) }
    }

    fn write_group(&mut self) -> io::Result<()> {
        let written = self.shredder.write_group(&mut self.file).map_err(failure);
        written.inspect_err(|error| self.failed = Some(error.kind()))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// An output that cannot be written.
    pub fn end(mut self) -> io::Result<W> {
        match self.failed {
            Some(kind) => return Err(kind.into()),
            None if self.shredder.is_empty() => {}
            None => self.write_group()?,
        }
        let mut out = self.file.into_inner().map_err(failure)?;
        out.flush()?;
        Ok(out)
    }
}

/// The error of the output, or of the format.
fn failure(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}
