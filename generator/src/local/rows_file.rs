//! A table of results as a file of rows, which every run only appends to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use fanggen_runtime::component::services::{ScanPage, TableRow, TableScan, TableStore};
use fanggen_runtime::model::error::{Error, ErrorCode};

use super::disk_error::unwritable;

/// Bytes that are read at a time to find the end of the last whole row.
const STEP: u64 = 64 * 1024;

/// Sentences about files of earlier runs, for the summary.
pub type Warnings = Arc<Mutex<Vec<String>>>;

/// A file with one JSON object per line.
pub struct RowsFile {
    path: PathBuf,
    warnings: Warnings,
}

impl RowsFile {
    pub fn new(path: PathBuf, warnings: Warnings) -> Self {
        Self { path, warnings }
    }

    /// Appends whole lines, or nothing: a run that is killed and a full disk may leave part of a row, which would swallow
    /// the next one.
    fn append(&self, lines: &[u8]) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(&self.path)?;
        // Another run may append at the same time.
        file.lock()?;
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

#[async_trait]
impl TableStore for RowsFile {
    async fn put(&self, rows: Vec<TableRow>) -> Result<String, Error> {
        let mut lines = Vec::new();
        for row in &rows {
            serde_json::to_writer(&mut lines, row).map_err(|error| unwritable(&self.path, &error))?;
            lines.push(b'\n');
        }
        self.append(&lines).map_err(|error| unwritable(&self.path, &error))?;
        Ok(self.path.display().to_string())
    }

    async fn scan(&self, _: TableScan<'_>) -> Result<ScanPage, Error> {
        Err(Error::permanent(ErrorCode::TableUnreadable, "a table of results cannot be read in a local run"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_row_is_removed_and_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("latest/rows.jsonl");
        let file = || RowsFile::new(path.clone(), Warnings::default());
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
