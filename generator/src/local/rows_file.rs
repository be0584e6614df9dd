//! A table of results as a file of rows, which every run only appends to.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use fanggen_runtime::component::services::{ScanPage, TableRow, TableScan, TableStore};
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::hash::PartsHash;
use fanggen_runtime::sinks::{create_private_folder, private_file};
use serde_json::Value;

use super::disk_error::unwritable;
use super::resumed::Resumed;

/// Bytes that are read at a time to find the end of the last whole row.
const STEP: u64 = 64 * 1024;

/// Sentences about files of earlier runs, for the summary.
pub type Warnings = Arc<Mutex<Vec<String>>>;

/// The name of the file.
pub const NAME: &str = "rows.jsonl";

/// A file with one JSON object per line.
pub struct RowsFile {
    path: PathBuf,
    warnings: Warnings,
    /// The run that goes on, if one does; known only once everything is open.
    resumed: Arc<OnceLock<Resumed>>,
    /// The rows of chunks that the interrupted process wrote without noting that they are done.
    written: OnceLock<BTreeSet<RowDigest>>,
}

/// The beginning of a hash of an item and its run: a set of them stays small.
pub(super) type RowDigest = [u8; 16];

impl RowsFile {
    pub fn new(path: PathBuf, warnings: Warnings, resumed: Arc<OnceLock<Resumed>>) -> Self {
        Self { path, warnings, resumed, written: OnceLock::new() }
    }

    /// Whether the interrupted process of this run has written a row.
    fn has(&self, resumed: &Resumed, row: &TableRow) -> Result<bool, Error> {
        let written = match self.written.get() {
            Some(written) => written,
            None => {
                let written = self.rows_of(resumed).map_err(|error| unwritable(&self.path, &error))?;
                self.written.get_or_init(|| written)
            }
        };
        Ok(!written.is_empty() && row_hash(row).is_some_and(|hash| written.contains(&hash)))
    }

    /// The rows of a run after the chunks that are done.
    fn rows_of(&self, resumed: &Resumed) -> io::Result<BTreeSet<RowDigest>> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            file => file?,
        };
        file.seek(SeekFrom::Start(resumed.rows_before(&self.path)))?;
        let (mut reader, mut line, mut found) = (BufReader::new(file), Vec::new(), BTreeSet::new());
        while reader.read_until(b'\n', &mut line)? > 0 {
            // An unfinished line is removed before the next row is written.
            if let Ok(row) = serde_json::from_slice::<TableRow>(&line)
                && row.get("run").and_then(Value::as_str).is_some_and(|run| resumed.is_of_run(run))
            {
                found.extend(row_hash(&row));
            }
            line.clear();
        }
        Ok(found)
    }

    /// Appends whole lines, or nothing: a run that is killed and a full disk may leave part of a row, which would swallow
    /// the next one.
    fn append(&self, lines: &[u8]) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            create_private_folder(folder)?;
        }
        let mut file = locked(&self.path)?;
        let length = file.metadata()?.len();
        let whole = whole_lines(&mut file, length)?;
        if whole < length {
            file.set_len(whole)?;
            let message = format!(
                "removed the last row of `{}`, of which only {} bytes were written: the run that wrote it was killed",
                self.path.display(),
                length - whole
            );
            self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(message);
        }
        file.write_all(lines).inspect_err(|_| {
            // If this fails as well, the next run does it.
            let _ = file.set_len(whole);
        })
    }
}

/// The file, locked and made if it is not there: a run may append to it, and a replay replace it, at the same time.
pub(super) fn locked(path: &Path) -> io::Result<File> {
    loop {
        let file = private_file().create(true).read(true).append(true).open(path)?;
        file.lock()?;
        if is_at(&file, path) {
            return Ok(file);
        }
    }
}

/// Whether a path still leads to this file, and not to one that replaced it.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let place =
        |metadata: io::Result<std::fs::Metadata>| metadata.map(|metadata| (metadata.dev(), metadata.ino())).ok();
    place(file.metadata()) == place(std::fs::metadata(path))
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    // A file that is open cannot be replaced there.
    true
}

/// The length of a file without an unfinished last line.
fn whole_lines(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(STEP);
        let mut block = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        (&mut *file).take(end - start).read_to_end(&mut block)?;
        if let Some(place) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + place as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// The identity of a row: its item and its run, which contains the entry.
fn row_hash(row: &TableRow) -> Option<RowDigest> {
    let part = |name| row.get(name).and_then(Value::as_str);
    PartsHash::of(&[part("item")?, part("run")?])[..16].try_into().ok()
}

#[async_trait]
impl TableStore for RowsFile {
    async fn put(&self, rows: Vec<TableRow>) -> Result<String, Error> {
        let mut lines = Vec::new();
        for row in &rows {
            if let Some(resumed) = self.resumed.get()
                && self.has(resumed, row)?
            {
                continue;
            }
            serde_json::to_writer(&mut lines, row).map_err(|error| unwritable(&self.path, &error))?;
            lines.push(b'\n');
        }
        if !lines.is_empty() {
            self.append(&lines).map_err(|error| unwritable(&self.path, &error))?;
        }
        Ok(self.path.display().to_string())
    }

    async fn scan(&self, _: TableScan<'_>) -> Result<ScanPage, Error> {
        Err(Error::permanent(ErrorCode::TableUnreadable, "a table of results cannot be read in a local run"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_torn_row_is_removed_and_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("latest/rows.jsonl");
        let file = || RowsFile::new(path.clone(), Warnings::default(), Arc::default());
        file().append(b"{\"a\":1}\n").expect("written");
        for torn in ["{", "{\"a\":", &"x".repeat(200_000)] {
            fs::OpenOptions::new()
                .append(true)
                .open(&path)
                .expect("there")
                .write_all(torn.as_bytes())
                .expect("written");
            let file = file();
            file.append(b"{\"b\":2}\n").expect("written");
            let warnings = file.warnings.lock().expect("no panic").clone();
            assert!(warnings.len() == 1 && warnings[0].contains(&format!("only {} bytes", torn.len())), "{warnings:?}");
        }
        let rows = fs::read_to_string(&path).expect("UTF-8");
        assert_eq!(rows, "{\"a\":1}\n{\"b\":2}\n{\"b\":2}\n{\"b\":2}\n");
        fs::write(&path, "{").expect("written");
        file().append(b"{}\n").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("UTF-8"), "{}\n", "no whole row at all");
    }
}
