//! The file with the records as they were: JSON Lines, readable by its owner only, on the disk before anything is replaced.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use fanggen_runtime::model::record::Record;
use fanggen_runtime::sinks::private_file;
use jiff::Timestamp;

use super::error::ReplayError;
use crate::results_folder::{self, sync_folder};

/// The folder of these files, below that of the environment's local results.
const FOLDER: &str = "replays";

/// The records of a replay as they were. The file is created with the first one.
pub struct SavedRecords {
    root: PathBuf,
    path: PathBuf,
    file: Option<File>,
}

impl SavedRecords {
    /// A file for a replay that starts now, below the folder of an environment's local results.
    #[must_use]
    pub fn new(root: &Path, results: &Path, now: Timestamp) -> Self {
        let name = format!("{}.jsonl", now.strftime("%Y%m%dT%H%M%S%.3fZ"));
        Self { root: root.to_owned(), path: results.join(FOLDER).join(name), file: None }
    }

    /// Saves records; they are on the disk when this returns.
    ///
    /// # Errors
    /// A full disk, and the like.
    pub fn save<'a>(&mut self, records: impl Iterator<Item = &'a Record>) -> Result<(), ReplayError> {
        let path = self.path.clone();
        self.write(records).map_err(|source| ReplayError::Save { path, source })
    }

    fn write<'a>(&mut self, records: impl Iterator<Item = &'a Record>) -> io::Result<()> {
        let mut records = records.peekable();
        if records.peek().is_none() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                if let Some(folder) = self.path.parent() {
                    results_folder::create(&self.root, folder)?;
                }
                let file = private_file().write(true).create_new(true).open(&self.path)?;
                sync_folder(&self.path)?;
                self.file.insert(file)
            }
        };
        let mut out = BufWriter::new(&*file);
        for record in records {
            serde_json::to_writer(&mut out, record)?;
            out.write_all(b"\n")?;
        }
        out.flush()?;
        drop(out);
        file.sync_all()
    }

    /// The file, if anything was saved. If nothing was `replaced`, it is of no use and removed.
    #[must_use]
    pub fn end(self, replaced: bool) -> Option<PathBuf> {
        self.file?;
        if replaced {
            return Some(self.path);
        }
        // If it cannot be removed, it does no harm.
        let _ = fs::remove_file(&self.path);
        None
    }
}

#[cfg(test)]
mod tests {
    use fanggen_runtime::model::record::Item;

    use super::*;

    #[test]
    fn a_file_is_made_with_the_first_record_and_kept_if_something_was_replaced() {
        let root = tempfile::tempdir().expect("a folder");
        let results = root.path().join(".fanggen/p/dev");
        let now = "2026-11-22T09:00:00Z".parse().expect("a time");
        let records = ["a", "b"].map(|key| Record::new("r", "s", Item::named(key)));
        let mut saved = SavedRecords::new(root.path(), &results, now);
        saved.save(std::iter::empty()).expect("nothing to do");
        assert!(!results.exists());
        saved.save(records[..1].iter()).expect("saved");
        saved.save(records[1..].iter()).expect("saved");
        let path = saved.end(true).expect("a file");
        assert_eq!(path, results.join("replays/20261122T090000.000Z.jsonl"));
        let text = fs::read_to_string(&path).expect("there");
        assert_eq!(
            text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect::<Vec<Record>>(),
            records
        );
        let mut again = SavedRecords::new(root.path(), &results, now);
        let error = again.save(records.iter()).expect_err("the file exists").to_string();
        assert!(error.starts_with("cannot save the old results to `"), "{error}");
        let later = "2026-11-22T09:00:01Z".parse().expect("a time");
        let mut unused = SavedRecords::new(root.path(), &results, later);
        unused.save(records.iter()).expect("saved");
        assert_eq!(unused.end(false), None);
        assert_eq!(fs::read_dir(results.join("replays")).expect("a folder").count(), 1);
    }
}
