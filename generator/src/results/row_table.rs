//! Results in rows: a table of the account, or the file of rows that stands in for it on this machine.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::PathBuf;

use async_trait::async_trait;
use fanggen_runtime::component::services::TableRow;
use fanggen_runtime::model::record::Record;
use fanggen_runtime::model::run::RunId;
use fanggen_runtime::sinks::record_of_row;

use super::archive::{RecordVisitor, ResultsError};
use super::filter::RecordFilter;

/// A row, or why it cannot be read.
pub type ReadRow = Result<TableRow, String>;

/// Where rows are.
#[async_trait]
pub trait RowTable: Sync {
    /// What it is called, for messages.
    fn name(&self) -> String;

    /// The rows that may pass the filter, in any order.
    async fn rows(&self, filter: &RecordFilter) -> Result<Vec<ReadRow>, ResultsError>;
}

/// Reads the records of a table, those of the newest run first, and gives what passes the filter to the visitor. Rows have no
/// order, so those that pass are held in memory.
///
/// # Errors
/// A table that cannot be read, and the errors of the visitor.
pub async fn read_rows(
    table: &dyn RowTable,
    filter: &RecordFilter,
    visitor: &mut dyn RecordVisitor,
) -> Result<(), ResultsError> {
    let mut records: Vec<Record> = Vec::new();
    for row in table.rows(filter).await? {
        match row.and_then(|row| record_of_row(&row).ok_or_else(|| "a row is not that of a record".to_owned())) {
            Ok(record) => {
                let in_range = RunId::try_from(record.run.clone()).is_ok_and(|run| filter.matches_run(&run));
                if in_range && filter.matches(&record) {
                    records.push(record);
                }
            }
            Err(reason) => visitor.unreadable(&table.name(), &reason),
        }
    }
    records.sort_by(|one, other| {
        let newest = other.run.cmp(&one.run);
        newest
            .then_with(|| (&one.source, &one.item.key, &one.entry).cmp(&(&other.source, &other.item.key, &other.entry)))
    });
    for record in records {
        if !visitor.record(record)? {
            break;
        }
    }
    Ok(())
}

/// A file of rows, as `fanggen run` writes it.
#[derive(Clone, Debug)]
pub struct RowsFileTable {
    /// The file.
    pub path: PathBuf,
}

#[async_trait]
impl RowTable for RowsFileTable {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    async fn rows(&self, _: &RecordFilter) -> Result<Vec<ReadRow>, ResultsError> {
        let failed = |source| ResultsError::Disk { path: self.name(), source };
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file.map_err(failed)?,
        };
        let parse = |(place, line): (usize, io::Result<String>)| {
            let line = line.map_err(failed)?;
            Ok(serde_json::from_str(&line).map_err(|error| format!("line {}: {error}", place + 1)))
        };
        BufReader::new(file).lines().enumerate().map(parse).collect()
    }
}
