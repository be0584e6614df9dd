//! The whole summary of a run as JSON, with all its rows, which are read from the journal one chunk at a time.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::journal::{Journal, SinkFile};
use super::summary::{Summary, is_file};

/// Writes it, indented.
///
/// # Errors
/// Why it cannot be written, or the journal not read.
pub fn write(out: &mut dyn Write, root: &Path, summary: &Summary, journal: &Journal) -> io::Result<()> {
    let mut results: BTreeMap<String, BTreeSet<String>> =
        summary.results.keys().map(|sink| (sink.clone(), BTreeSet::new())).collect();
    for line in journal.lines::<Files>() {
        for file in line?.files.into_iter().filter(|file| is_file(&file.place)) {
            let location = file.location(root);
            results.entry(file.sink).or_default().insert(location);
        }
    }
    let items = Streamed { journal, part: |line: Rows| line.rows };
    let failed = Streamed { journal, part: |line: Failed| line.failed };
    serde_json::to_writer_pretty(out, &WholeSummary { summary, items, failed, results })?;
    Ok(())
}

#[derive(Serialize)]
struct WholeSummary<'a, Items, Failures> {
    #[serde(flatten)]
    summary: &'a Summary,
    /// One row per record, in the order of the run.
    items: Items,
    /// The failures.
    failed: Failures,
    /// The files that each sink wrote.
    results: BTreeMap<String, BTreeSet<String>>,
}

/// The part of a line with the files.
#[derive(Deserialize)]
struct Files {
    files: Vec<SinkFile>,
}

/// The part with the rows, which are copied as they are.
#[derive(Deserialize)]
struct Rows {
    rows: Vec<Box<RawValue>>,
}

/// The part with the failures.
#[derive(Deserialize)]
struct Failed {
    failed: Vec<Box<RawValue>>,
}

/// A list of what each line of the journal has in one part.
struct Streamed<'a, Part> {
    journal: &'a Journal,
    part: fn(Part) -> Vec<Box<RawValue>>,
}

impl<Part: DeserializeOwned> Serialize for Streamed<'_, Part> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let broken = RefCell::new(None);
        let lines = self.journal.lines::<Part>();
        let lines = lines.map_while(|line| line.map_err(|error| *broken.borrow_mut() = Some(error)).ok());
        let listed = serializer.collect_seq(lines.flat_map(self.part))?;
        match broken.take() {
            Some(error) => Err(S::Error::custom(error)),
            None => Ok(listed),
        }
    }
}
