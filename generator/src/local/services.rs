//! The services on this machine: buckets are folders, tables are files of rows, items come from the file.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use fanggen_runtime::component::services::{
    MessageQueue, ObjectStore, PipelineFile, ScanPage, ScannedItem, Services, TableRow, TableScan, TableStore,
};
use fanggen_runtime::component::state::State;
use fanggen_runtime::component::{Instance, SeedItems, Store};
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::message::Message;
use fanggen_runtime::model::record::Item;
use fanggen_runtime::model::run::{Chunk, MAX_CHUNK_ITEMS};
use fanggen_runtime::sinks::{refuse_links, write_below};
use fanggen_runtime::sources;
use tokio::sync::mpsc;

use super::item_file::LocalItemFile;
use super::queue::MemoryQueue;
use super::resumed::Resumed;
use super::rows_file::{self, RowsFile, Warnings};
use super::state_file::StateFile;
use crate::config::pipeline::{ComponentConfig, Pipeline};

/// Items of a source. An item that cannot be read comes with the reason.
pub type Seeds = Vec<(Item, Option<Error>)>;

/// The items in the file of a source whose table the pipeline owns, to be put into that table.
///
/// # Errors
/// `items_unreadable`, and what else keeps a file of items from being read.
pub async fn seeds(source: &ComponentConfig, root: &Path) -> Result<Seeds, Error> {
    let Some(seed) = source.settings.seed() else { return Ok(Seeds::new()) };
    let here = LocalServices {
        root: root.to_owned(),
        results: PathBuf::new(),
        seeds: BTreeMap::new(),
        queues: Mutex::default(),
        warnings: Warnings::default(),
        resumed: Arc::default(),
    };
    here.items(&seed).await
}

/// The services of this machine for one pipeline and environment.
pub struct LocalServices {
    root: PathBuf,
    results: PathBuf,
    /// The items of each source, by its path.
    seeds: BTreeMap<String, Arc<Seeds>>,
    /// Queues that no function has taken yet, by the function that reads them.
    queues: Mutex<BTreeMap<String, MemoryQueue>>,
    warnings: Warnings,
    /// What is done of a run that goes on.
    resumed: Arc<OnceLock<Resumed>>,
}

impl LocalServices {
    /// Reads the items of all sources in the file.
    ///
    /// # Errors
    /// `items_missing`, `items_unreadable`: a source whose items cannot be read on this machine.
    pub async fn of(pipeline: &Pipeline, root: &Path) -> Result<Self, Error> {
        let mut here = Self::without_items(pipeline, root);
        for source in &pipeline.sources {
            if let Some(seed) = source.settings.seed() {
                let items = Self::must_have(here.items(&seed).await?, source)?;
                here.seeds.insert(source.path.clone(), Arc::new(items));
            }
        }
        Ok(here)
    }

    /// The services where no source has items.
    pub fn without_items(pipeline: &Pipeline, root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            results: super::results(root, pipeline),
            seeds: BTreeMap::new(),
            queues: Mutex::default(),
            warnings: Warnings::default(),
            resumed: Arc::default(),
        }
    }

    async fn items(&self, seed: &SeedItems<'_>) -> Result<Seeds, Error> {
        let mut items = Seeds::new();
        for written in seed.items {
            items.push((written.to_item(seed.key)?, None));
        }
        if let Some(path) = seed.file {
            let opened = sources::items_in_file(path, seed.key, self)?;
            let not_a_source = || Error::permanent(ErrorCode::ItemsUnreadable, "a file of items is read by a source");
            let Instance::Source(mut rows) = opened else { return Err(not_a_source()) };
            let listed: HashSet<String> = items.iter().map(|(item, _)| item.key.clone()).collect();
            while let Some((item, error)) = rows.next().await? {
                // The source knows the keys of its file only.
                let twice = listed.contains(&item.key).then(|| Error::item_twice(&item.key));
                items.push((item, error.or(twice)));
            }
        }
        Ok(items)
    }

    fn must_have(items: Seeds, source: &ComponentConfig) -> Result<Seeds, Error> {
        if items.is_empty() {
            let words = match source.settings.store(&source.name) {
                Some(Store::Existing(table)) => format!(
                    "source `{}` has no items: the table `{table}` is not read on this machine; set `items` or \
                     `items_file` in another environment",
                    source.name
                ),
                _ => format!("source `{}` has no items: add `items`", source.name),
            };
            return Err(Error::permanent(ErrorCode::ItemsMissing, words));
        }
        Ok(items)
    }

    /// The items of a source whose items travel in the schedule's input.
    #[must_use]
    pub fn given(&self, source: &ComponentConfig) -> Vec<Item> {
        let travels = source.settings.seed().is_some_and(|seed| seed.max_bytes.is_some());
        let items = self.seeds.get(&source.path).filter(|_| travels);
        items.map(|items| items.iter().map(|(item, _)| item.clone()).collect()).unwrap_or_default()
    }

    /// Number of items in the run, where it is known before the sources are read.
    pub fn expected(&self, pipeline: &Pipeline) -> Option<usize> {
        pipeline.sources.iter().map(|source| self.seeds.get(&source.path).map(|items| items.len())).sum()
    }

    /// Makes the queue of a function, and returns the end that the function reads.
    pub fn queue_before(&mut self, function: &str) -> mpsc::Receiver<Message> {
        let (queue, messages) = MemoryQueue::new();
        self.queues.get_mut().unwrap_or_else(PoisonError::into_inner).insert(function.to_owned(), queue);
        messages
    }

    /// What the user should know about files of earlier runs.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says what is done of a run that goes on.
    pub fn resume(&self, resumed: Resumed) {
        // It is set once, when the run begins.
        let _ = self.resumed.set(resumed);
    }

    /// Whether an interrupted process has done a chunk.
    pub fn has(&self, chunk: &Chunk) -> bool {
        self.resumed.get().is_some_and(|resumed| resumed.has(chunk))
    }

    /// The folder of the results.
    pub fn results(&self) -> &Path {
        &self.results
    }
}

/// The name of a component, from its path.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

impl Services for LocalServices {
    fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        Ok(Arc::new(FolderBucket { root: self.root.clone(), path: self.results.join(last(name)) }))
    }

    fn table(&self, name: &str) -> Result<Arc<dyn TableStore>, Error> {
        Ok(match self.seeds.get(name) {
            Some(items) => Arc::new(SeededTable { items: items.clone() }),
            None => {
                let path = self.results.join(last(name)).join(rows_file::NAME);
                refuse_links(&self.root, &path)?;
                Arc::new(RowsFile::new(path, Arc::clone(&self.warnings), Arc::clone(&self.resumed)))
            }
        })
    }

    fn queue(&self, name: &str) -> Result<Arc<dyn MessageQueue>, Error> {
        // Moved out, not shared: the queue closes when the one function that sends to it ends.
        let queue = self.queues.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        let unknown =
            || Error::permanent(ErrorCode::QueueUnknown, format!("there is no queue `{name}` on this machine"));
        Ok(Arc::new(queue.ok_or_else(unknown)?))
    }

    fn state(&self, _: &str) -> Result<Arc<dyn State>, Error> {
        Ok(Arc::new(StateFile::new(self.root.clone(), self.results.join("state.json"))))
    }

    fn file(&self, _: Option<&str>, path: &str) -> Result<Arc<dyn PipelineFile>, Error> {
        Ok(Arc::new(LocalItemFile::new(&self.root, path)))
    }

    fn folder(&self, sink: &str) -> Result<PathBuf, Error> {
        let folder = self.results.join(sink);
        refuse_links(&self.root, &folder)?;
        Ok(folder)
    }
}

/// A bucket as a folder: the same keys below it.
struct FolderBucket {
    root: PathBuf,
    path: PathBuf,
}

#[async_trait]
impl ObjectStore for FolderBucket {
    async fn put(&self, key: &str, body: Vec<u8>) -> Result<String, Error> {
        write_below(&self.root, &self.path.join(key), &body)
    }
}

/// A table of items, seeded from the file.
struct SeededTable {
    items: Arc<Seeds>,
}

#[async_trait]
impl TableStore for SeededTable {
    async fn put(&self, _: Vec<TableRow>) -> Result<String, Error> {
        Err(Error::permanent(ErrorCode::TableUnwritable, "a table of items is not written on this machine"))
    }

    async fn scan(&self, scan: TableScan<'_>) -> Result<ScanPage, Error> {
        // Each segment takes every n-th item.
        let [first, step] = [scan.segment, scan.segments].map(|number| usize::try_from(number).unwrap_or(1));
        let from = scan.after.and_then(|place| place.parse().ok()).unwrap_or(0);
        let own = self.items.iter().skip(first).step_by(step.max(1));
        let found = |(place, (item, error)): (usize, &(Item, Option<Error>))| ScannedItem {
            item: item.clone(),
            error: error.clone(),
            cursor: (place + 1).to_string(),
        };
        let items: Vec<_> = own.enumerate().skip(from).take(MAX_CHUNK_ITEMS).map(found).collect();
        let after = items.last().filter(|_| items.len() == MAX_CHUNK_ITEMS).map(|last| last.cursor.clone());
        Ok(ScanPage { items, next: after })
    }
}
