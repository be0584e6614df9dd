//! The doors of this machine: buckets are folders, tables are files of rows, items come from the file.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use fanggen_runtime::component::{Binding, Opened, Role, Seed};
use fanggen_runtime::doors::{Bucket, Doors, Queue, Row, Rows, Scan};
use fanggen_runtime::error::Error;
use fanggen_runtime::items::Page;
use fanggen_runtime::kinds;
use fanggen_runtime::record::Item;
use fanggen_runtime::run::{CHUNK_ITEMS, RunId};
use fanggen_runtime::tree::Tree;
use jiff::Timestamp;
use serde_json::json;

use super::Summary;
use crate::config::pipeline::{Component, Pipeline};

type Seeds = Vec<(Item, Option<Error>)>;

/// The doors of this machine for one pipeline and environment.
pub struct Here {
    root: PathBuf,
    results: PathBuf,
    seeds: BTreeMap<String, Arc<Seeds>>,
}

impl Here {
    /// Reads the items that the file gives to its sources.
    ///
    /// # Errors
    /// `items_missing`, `items_unreadable`: a source of which nothing can be known here.
    pub async fn of(pipeline: &Pipeline, root: &Path) -> Result<Self, Error> {
        let mut here = Self { root: root.to_owned(), results: super::results(root, pipeline), seeds: BTreeMap::new() };
        for source in &pipeline.sources {
            if let Some(seed) = source.settings.seed() {
                let items = here.items(source, &seed).await?;
                here.seeds.insert(source.name.clone(), Arc::new(items));
            }
        }
        Ok(here)
    }

    async fn items(&self, source: &Component, seed: &Seed<'_>) -> Result<Seeds, Error> {
        let mut items = Seeds::new();
        for written in seed.items {
            items.push((written.item(seed.key)?, None));
        }
        if let Some(path) = seed.file {
            // A file of items is read by the very source that reads files.
            let unfit = || Error::permanent("card_wrong", "the source `file` is not there to read a file of items");
            let file = kinds::find(Role::Source, "file").ok_or_else(unfit)?;
            let settings =
                (file.read)(&Tree::from_json(json!({ "path": path, "key": seed.key }))).map_err(|_| unfit())?;
            let Opened::Source(mut rows) = settings.open(Binding::default(), self)? else { return Err(unfit()) };
            while let Some(page) = rows.next().await? {
                items.extend(page.items);
            }
        }
        if items.is_empty() {
            let words = format!(
                "source `{}` has no items here: a table that exists is out of reach on this machine; give it `items` or \
                 an `items_file` in an environment of its own",
                source.name
            );
            return Err(Error::permanent("items_missing", words));
        }
        Ok(items)
    }

    /// The items that would come with the run for a source whose items travel in the schedule's input.
    #[must_use]
    pub fn given(&self, source: &Component) -> Vec<Item> {
        let travels = source.settings.seed().is_some_and(|seed| seed.most_bytes.is_some());
        let items = self.seeds.get(&source.name).filter(|_| travels);
        items.map(|items| items.iter().map(|(item, _)| item.clone()).collect()).unwrap_or_default()
    }

    /// Notes down that a run begins. No two runs have the same id, however fast they follow each other.
    ///
    /// # Errors
    /// `file_unwritable` with the reason of the disk.
    pub fn begin(&self, time: Timestamp) -> Result<(RunId, PathBuf), Error> {
        let folder = self.results.join("runs");
        fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
        let mut time = time;
        loop {
            let run = RunId::at(time);
            let note = folder.join(format!("{run}.json"));
            match OpenOptions::new().write(true).create_new(true).open(&note) {
                Ok(_) => return Ok((run, note)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    time = time.checked_add(Duration::from_millis(1)).map_err(|error| unwritable(&note, &error))?;
                }
                Err(error) => return Err(unwritable(&note, &error)),
            }
        }
    }

    /// Notes down how a run ended.
    ///
    /// # Errors
    /// `file_unwritable` with the reason of the disk.
    pub fn end(&self, note: &Path, summary: &Summary) -> Result<(), Error> {
        let body = serde_json::to_vec_pretty(summary).map_err(|error| unwritable(note, &error))?;
        fs::write(note, body).map_err(|error| unwritable(note, &error))
    }
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::permanent("file_unwritable", format!("`{}`: {error}", path.display()))
}

impl Doors for Here {
    fn bucket(&self, name: &str) -> Result<Arc<dyn Bucket>, Error> {
        Ok(Arc::new(Folder { path: self.results.join(name) }))
    }

    fn table(&self, name: &str) -> Result<Arc<dyn Rows>, Error> {
        Ok(match self.seeds.get(name) {
            Some(items) => Arc::new(Seeded { items: items.clone() }),
            None => Arc::new(RowsFile { path: self.results.join(name).join("rows.jsonl"), turn: Mutex::new(()) }),
        })
    }

    fn queue(&self, name: &str) -> Result<Arc<dyn Queue>, Error> {
        Err(Error::permanent("queue_unknown", format!("there is no queue `{name}` on this machine")))
    }

    fn file(&self, _: Option<&str>, path: &str) -> Result<Box<dyn Read + Send + Sync>, Error> {
        let file = File::open(self.root.join(path))
            .map_err(|error| Error::permanent("file_unreadable", format!("`{path}`: {error}")))?;
        Ok(Box::new(std::io::BufReader::new(file)))
    }

    fn folder(&self, sink: &str) -> Result<PathBuf, Error> {
        Ok(self.results.join(sink))
    }
}

/// A bucket as a folder: the same keys below it.
struct Folder {
    path: PathBuf,
}

#[async_trait]
impl Bucket for Folder {
    async fn put(&self, key: &str, body: Vec<u8>) -> Result<String, Error> {
        fanggen_runtime::sinks::write_whole(&self.path.join(key), &body)
    }
}

/// A table as a file of rows, to which a run only adds.
struct RowsFile {
    path: PathBuf,
    turn: Mutex<()>,
}

#[async_trait]
impl Rows for RowsFile {
    async fn put(&self, rows: Vec<Row>) -> Result<String, Error> {
        let mut body = Vec::new();
        for row in &rows {
            serde_json::to_writer(&mut body, row).map_err(|error| unwritable(&self.path, &error))?;
            body.push(b'\n');
        }
        let _turn = self.turn.lock();
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
        }
        // One write of whole lines at the end of the file: two runs at once do not mix their rows.
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .map_err(|error| unwritable(&self.path, &error))?;
        file.write_all(&body).map_err(|error| unwritable(&self.path, &error))?;
        Ok(self.path.display().to_string())
    }

    async fn scan(&self, _: Scan<'_>) -> Result<Option<Page>, Error> {
        Err(Error::permanent("table_unreadable", "a table of results is not read on this machine"))
    }
}

/// A table of items, seeded from the file.
struct Seeded {
    items: Arc<Seeds>,
}

#[async_trait]
impl Rows for Seeded {
    async fn put(&self, _: Vec<Row>) -> Result<String, Error> {
        Err(Error::permanent("table_unwritable", "a table of items is not written on this machine"))
    }

    async fn scan(&self, scan: Scan<'_>) -> Result<Option<Page>, Error> {
        let from: usize = scan.after.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let items: Vec<_> = self.items.iter().skip(from).take(CHUNK_ITEMS).cloned().collect();
        let cursor = (from + items.len()).to_string();
        Ok(if items.is_empty() { None } else { Some(Page { items, cursor }) })
    }
}
