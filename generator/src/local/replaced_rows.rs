//! Rows that replace those with the same keys in a file of rows: a replay writes no row twice.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use fanggen_runtime::component::services::{ScanPage, TableRow, TableScan, TableStore};
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::hash::PartsHash;
use fanggen_runtime::sinks::{create_private_folder, write_streamed};
use serde_json::Value;

use super::disk_error::unwritable;
use super::rows_file::{self, RowDigest};

/// A file of rows, and the rows that will replace others in it.
pub struct ReplacedRows {
    root: PathBuf,
    path: PathBuf,
    rows: Mutex<Vec<(RowDigest, Vec<u8>)>>,
}

impl ReplacedRows {
    /// The file at this path, below `root`.
    pub fn new(root: PathBuf, path: PathBuf) -> Self {
        Self { root, path, rows: Mutex::default() }
    }

    /// Replaces the rows of the file by those that were put since the last time, and adds those that it does not have. The file
    /// is the old one or the new one, whenever the process ends.
    ///
    /// # Errors
    /// `file_unwritable`.
    pub fn replace(&self) -> Result<(), Error> {
        let rows = std::mem::take(&mut *self.rows.lock().unwrap_or_else(PoisonError::into_inner));
        if rows.is_empty() {
            return Ok(());
        }
        // A run that appends waits, and then finds the new file.
        let old = self.locked().map_err(|error| unwritable(&self.path, &error))?;
        let by_digest: HashMap<RowDigest, &Vec<u8>> = rows.iter().map(|(digest, line)| (*digest, line)).collect();
        let write = |out: &mut dyn io::Write| {
            let (mut reader, mut line, mut replaced) = (BufReader::new(&old), Vec::new(), HashSet::new());
            while reader.read_until(b'\n', &mut line)? > 0 {
                // Part of a row was left by a process that was killed. A run removes it, too.
                if line.ends_with(b"\n") {
                    let digest = serde_json::from_slice::<TableRow>(&line).ok().as_ref().and_then(digest);
                    match digest.and_then(|digest| Some((digest, by_digest.get(&digest)?))) {
                        None => out.write_all(&line)?,
                        Some((digest, new)) => {
                            replaced.insert(digest);
                            out.write_all(new)?;
                        }
                    }
                }
                line.clear();
            }
            rows.iter().filter(|(digest, _)| !replaced.contains(digest)).try_for_each(|(_, line)| out.write_all(line))
        };
        write_streamed(&self.root, &self.path, write).map(drop)
    }

    fn locked(&self) -> io::Result<File> {
        if let Some(folder) = self.path.parent() {
            create_private_folder(folder)?;
        }
        rows_file::locked(&self.path)
    }
}

/// The identity of a row with its source: two sources may have an item of the same name, and so two rows in this file.
fn digest(row: &TableRow) -> Option<RowDigest> {
    let part = |name| row.get(name).and_then(Value::as_str);
    PartsHash::of(&[part("item")?, part("run")?, part("source").unwrap_or_default()])[..16].try_into().ok()
}

#[async_trait]
impl TableStore for ReplacedRows {
    async fn put(&self, rows: Vec<TableRow>) -> Result<String, Error> {
        let mut held = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        for row in &rows {
            let mut line = serde_json::to_vec(row).map_err(|error| unwritable(&self.path, &error))?;
            line.push(b'\n');
            let without_key = || Error::permanent(ErrorCode::RecordUnwritable, "a row has no item or run");
            held.push((digest(row).ok_or_else(without_key)?, line));
        }
        Ok(self.path.display().to_string())
    }

    async fn scan(&self, _: TableScan<'_>) -> Result<ScanPage, Error> {
        Err(Error::permanent(ErrorCode::TableUnreadable, "a table of results is not a source of items"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    fn row(item: &str, label: &str) -> TableRow {
        let row = json!({ "item": item, "run": "r", "label": label });
        row.as_object().expect("an object").clone()
    }

    #[tokio::test]
    async fn rows_are_replaced_in_their_places_and_others_stay() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("rows.jsonl");
        let old = "{\"item\":\"a\",\"run\":\"r\"}\nnonsense\n{\"item\":\"b\",\"run\":\"r\"}\n{\"item\":\"c\",\"ru";
        fs::write(&path, old).expect("written");
        let rows = ReplacedRows::new(root.path().to_owned(), path.clone());
        for _ in 0..2 {
            rows.put(vec![row("b", "POSITIVE"), row("new", "NEUTRAL")]).await.expect("held");
            rows.replace().expect("replaced");
            rows.replace().expect("nothing to do");
            let text = fs::read_to_string(&path).expect("UTF-8");
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines[..2], ["{\"item\":\"a\",\"run\":\"r\"}", "nonsense"]);
            assert!(lines[2].contains("POSITIVE") && lines[3].contains("\"new\"") && lines.len() == 4, "{text}");
        }
    }

    #[tokio::test]
    async fn a_file_that_takes_the_place_of_the_old_one_in_the_meantime_is_the_one_to_replace() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("rows.jsonl");
        fs::write(&path, "{\"item\":\"a\",\"run\":\"r\"}\n").expect("written");
        let other = rows_file::locked(&path).expect("locked");
        let rows = ReplacedRows::new(root.path().to_owned(), path.clone());
        rows.put(vec![row("b", "POSITIVE")]).await.expect("held");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| rows.replace());
            std::thread::sleep(std::time::Duration::from_millis(200));
            let later = root.path().join("later");
            fs::write(&later, "{\"item\":\"later\",\"run\":\"r\"}\n").expect("written");
            fs::rename(&later, &path).expect("renamed");
            drop(other);
            waiting.join().expect("no panic").expect("replaced");
        });
        let text = fs::read_to_string(&path).expect("UTF-8");
        assert!(text.contains("\"later\"") && text.contains("\"b\"") && !text.contains("\"a\""), "{text}");
    }
}
