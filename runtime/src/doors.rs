//! The doors through which components reach the world outside: implemented for a Lambda and for one's own machine.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::Error;
use crate::items::Page;
use crate::run::Message;

/// A bucket of objects.
#[async_trait]
pub trait Bucket: Send + Sync {
    /// Puts an object, in one piece or not at all, and says where it is.
    ///
    /// # Errors
    /// What kept it from being put.
    async fn put(&self, key: &str, body: Vec<u8>) -> Result<String, Error>;
}

/// A row of a table: attributes by name.
pub type Row = serde_json::Map<String, serde_json::Value>;

/// Which items of a table are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan<'a> {
    /// The attribute that holds the key of an item.
    pub key: &'a str,
    /// In how many parts the table may be read at once.
    pub segments: u64,
    /// The cursor of the page before, where there was one.
    pub after: Option<&'a str>,
}

/// A table of rows.
#[async_trait]
pub trait Rows: Send + Sync {
    /// Puts rows, and says where they are. A second put of the same rows changes no answer: a table replaces what has the
    /// same key, a file has the same line once more. No two rows of one put have the same key.
    ///
    /// # Errors
    /// What kept them from being put.
    async fn put(&self, rows: Vec<Row>) -> Result<String, Error>;

    /// A page of the items that the table holds; none at the end.
    ///
    /// # Errors
    /// What kept it from being read.
    async fn scan(&self, scan: Scan<'_>) -> Result<Option<Page>, Error>;
}

/// A queue between two functions.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends messages.
    ///
    /// # Errors
    /// What kept them from being sent.
    async fn send(&self, messages: Vec<Message>) -> Result<(), Error>;
}

/// All doors of a place where functions run.
pub trait Doors: Send + Sync {
    /// The bucket of this name.
    ///
    /// # Errors
    /// No bucket here.
    fn bucket(&self, name: &str) -> Result<Arc<dyn Bucket>, Error>;

    /// The table of this name.
    ///
    /// # Errors
    /// No table here.
    fn table(&self, name: &str) -> Result<Arc<dyn Rows>, Error>;

    /// The queue of this name.
    ///
    /// # Errors
    /// No queue here.
    fn queue(&self, name: &str) -> Result<Arc<dyn Queue>, Error>;

    /// A file that belongs to the pipeline, opened for reading; `store` is the bucket it was uploaded to, where there
    /// is one.
    ///
    /// # Errors
    /// No such file here.
    fn file(&self, store: Option<&str>, path: &str) -> Result<Box<dyn Read + Send + Sync>, Error>;

    /// A folder of this machine for a sink that writes files.
    ///
    /// # Errors
    /// No disk that lasts here.
    fn folder(&self, sink: &str) -> Result<PathBuf, Error>;
}
