//! What `fanggen results` prints: a table or records, then the counts of what was found.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use comfy_table::{CellAlignment, Table};
use fanggen_runtime::model::record::Record;
use tempfile::NamedTempFile;

use super::error::{CommandError, CommandResult};
use super::output::{Style, message, print};
use super::run::{STYLE, one_line};
use crate::config::mistake::tidy;
use crate::results::archive::{RecordVisitor, ResultsError};
use crate::results::tally::Tally;
use crate::results::writer::{RecordFormat, RecordWriter};

/// Rows of a table that is not limited.
const ROWS: usize = 50;

/// Unreadable chunks and lines that are told one by one.
const TOLD: u64 = 5;

/// The output of a query.
pub struct ShownResults {
    tally: Tally,
    limit: Option<u64>,
    unreadable: u64,
    output: Output,
}

enum Output {
    Table(Table),
    Stdout(RecordWriter<BufWriter<io::Stdout>>),
    /// Written under another name first: what was there stays until the new file is whole.
    File(RecordWriter<BufWriter<NamedTempFile>>, PathBuf),
}

impl ShownResults {
    /// Begins the output: a table, or records to stdout or a file.
    ///
    /// # Errors
    /// An output that cannot be written.
    pub fn begin(format: Option<RecordFormat>, limit: Option<u64>, path: Option<&Path>) -> Result<Self, CommandError> {
        let output = match (format, path) {
            (None, None) => {
                let mut table = Table::new();
                table.load_style(STYLE);
                table.set_header(["run", "item", "label", "score", "engine", "text"]);
                Output::Table(table)
            }
            (None, Some(path)) => {
                let problem = format!(
                    "a table cannot be written to `{}`: add --format json, jsonl, csv or parquet",
                    path.display()
                );
                return Err(CommandError::Results(problem));
            }
            (Some(format), None) => {
                Output::Stdout(RecordWriter::new(BufWriter::new(io::stdout()), format).map_err(to_stdout)?)
            }
            (Some(format), Some(path)) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                let file = NamedTempFile::new_in(folder).map_err(|error| to_file(path, error))?;
                let writer = RecordWriter::new(BufWriter::new(file), format).map_err(|error| to_file(path, error))?;
                Output::File(writer, path.to_owned())
            }
        };
        Ok(Self { tally: Tally::default(), limit, unreadable: 0, output })
    }

    /// Ends the output, and prints the counts.
    ///
    /// # Errors
    /// An output that cannot be written; exit code 1 if something could not be read.
    pub fn end(self, of: &str, range: &str) -> CommandResult {
        let mut hidden = 0;
        match self.output {
            Output::Table(mut table) => {
                hidden = self.tally.records.saturating_sub(table.row_count() as u64);
                if let Some(score) = table.column_mut(3) {
                    score.set_cell_alignment(CellAlignment::Right);
                }
                if table.row_count() > 0 {
                    print(&table.trim_fmt());
                }
            }
            Output::Stdout(writer) => match writer.end() {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                ended => drop(ended.map_err(to_stdout)?),
            },
            Output::File(writer, path) => {
                let file = writer.end().map_err(|error| to_file(&path, error))?;
                let file = file.into_inner().map_err(|error| to_file(&path, error.into_error()))?;
                file.persist(&path).map_err(|error| to_file(&path, error.error))?;
                message(&format!("written to `{}`", path.display()));
            }
        }
        if hidden > 0 {
            message(&format!("  and {hidden} more: `--limit`, or another format, prints them"));
        }
        if self.tally.records == 0 {
            message(&format!("no results of {of}{range}"));
        } else {
            message(&format!("{of}{range}: {}", self.tally));
        }
        if self.unreadable > TOLD {
            message(&format!("{}error{}: {} more cannot be read", Style::ERROR, Style::END, self.unreadable - TOLD));
        }
        if self.unreadable > 0 { Err(CommandError::Exit(1)) } else { Ok(()) }
    }
}

impl RecordVisitor for ShownResults {
    fn record(&mut self, record: Record) -> Result<bool, ResultsError> {
        if self.limit == Some(0) {
            return Ok(false);
        }
        self.tally.add(&record);
        let written = match &mut self.output {
            Output::Table(table) => {
                let rows = self.limit.map_or(ROWS, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
                if table.row_count() < rows {
                    table.add_row(row(&record));
                }
                Ok(())
            }
            Output::Stdout(writer) => writer.record(&record),
            Output::File(writer, _) => writer.record(&record),
        };
        match written {
            // Whoever reads has read enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(false),
            Err(source) => return Err(ResultsError::Output { what: "the results".to_owned(), source }),
            Ok(()) => {}
        }
        Ok(self.limit.is_none_or(|limit| self.tally.records < limit))
    }

    fn unreadable(&mut self, key: &str, reason: &str) {
        self.unreadable += 1;
        if self.unreadable <= TOLD {
            message(&format!("{}error{}: cannot read `{}`: {}", Style::ERROR, Style::END, tidy(key), tidy(reason)));
        }
    }
}

/// A row of the table.
fn row(record: &Record) -> [String; 6] {
    let finding = record.finding();
    let failure = record.failure.as_ref().map(|failure| failure.error.code.to_string());
    let label = finding.and_then(|finding| finding.label).map(|label| label.as_str().to_owned());
    let text = record.text.as_ref();
    let text = text.map(|text| text.title.as_deref().unwrap_or(&text.source)).unwrap_or_default();
    [
        record.run.clone(),
        one_line(&record.item.key),
        failure.or(label).unwrap_or_default(),
        finding.and_then(|finding| finding.score).map(|score| format!("{score:+.3}")).unwrap_or_default(),
        finding.map(|finding| finding.engine.clone()).unwrap_or_default(),
        one_line(text),
    ]
}

fn to_stdout(source: io::Error) -> CommandError {
    ResultsError::Output { what: "the results".to_owned(), source }.into()
}

fn to_file(path: &Path, source: io::Error) -> CommandError {
    ResultsError::Output { what: format!("`{}`", path.display()), source }.into()
}
