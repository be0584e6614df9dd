//! The doors through which components reach the world outside: implemented for a Lambda and for one's own machine.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::component::analysis::Analyst;
use crate::component::meter::Meter;
use crate::component::state::State;
use crate::model::error::Error;
use crate::model::message::Message;
use crate::model::record::Item;

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
    /// The attributes that are read beside the key; all of them where it is empty.
    pub attributes: &'a [String],
    /// Which part of the table, counted from zero.
    pub segment: u64,
    /// Of how many parts.
    pub segments: u64,
    /// Where to go on: [`Scanned::after`] of the page before, or [`Found::place`] of an item.
    pub after: Option<&'a str>,
}

/// A page of a table.
#[derive(Clone, Debug, Default)]
pub struct Scanned {
    /// Its items.
    pub items: Vec<Found>,
    /// Where the next page starts; none where this was the last one.
    pub after: Option<String>,
}

/// An item of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The item.
    pub item: Item,
    /// Why it could not be read, where it could not: it fails alone.
    pub error: Option<Error>,
    /// Where to go on behind it.
    pub place: String,
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

    /// A page of the items that the table holds.
    ///
    /// # Errors
    /// What kept it from being read.
    async fn scan(&self, scan: Scan<'_>) -> Result<Scanned, Error>;
}

/// A queue between two functions.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends messages, in as few calls as the queue admits.
    ///
    /// # Errors
    /// What kept them from being sent; some may have been.
    async fn send(&self, messages: Vec<Message>) -> Result<(), Error>;

    /// Hides a message that was received from everybody for so long.
    ///
    /// # Errors
    /// What kept the queue from hiding it.
    async fn hide(&self, receipt: &str, wait: Duration) -> Result<(), Error>;
}

/// Something said to whoever listens: a message of a queue, a notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Post {
    /// What it is known by, so that whoever gets it twice can tell.
    pub key: String,
    /// A line for people, where the listener is one.
    pub subject: Option<String>,
    /// What is said.
    pub body: String,
    /// More words about it, by name.
    pub attributes: Vec<(&'static str, String)>,
}

/// A queue or a topic to which others listen.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Posts these, in as few calls as the other side admits.
    ///
    /// # Errors
    /// What kept them from being taken; some may have been. `message_too_long` where one can never be.
    async fn post(&self, posts: Vec<Post>) -> Result<(), Error>;
}

/// A secret that is kept elsewhere.
#[async_trait]
pub trait Secret: Send + Sync {
    /// Reads it. It is never logged, and never part of an error.
    ///
    /// # Errors
    /// What kept it from being read.
    async fn read(&self) -> Result<String, Error>;
}

/// A file that is open.
pub struct Content {
    /// Reads it from its start.
    pub reader: Box<dyn Read + Send + Sync>,
    /// Which edition of the file it is; nothing where nobody will ask.
    pub edition: String,
}

/// A file that belongs to the pipeline.
#[async_trait]
pub trait Document: Send + Sync {
    /// Opens it for reading from its start; what is read does not grow the memory.
    ///
    /// # Errors
    /// What keeps it from being read.
    async fn open(&self) -> Result<Content, Error>;
}

/// All doors of a place where functions run.
pub trait Doors: Send + Sync {
    /// The bucket of this name.
    ///
    /// # Errors
    /// No bucket here.
    fn bucket(&self, name: &str) -> Result<Arc<dyn Bucket>, Error>;

    /// The table of this name or ARN.
    ///
    /// # Errors
    /// No table here.
    fn table(&self, name: &str) -> Result<Arc<dyn Rows>, Error>;

    /// The queue of this name, or in AWS of this URL.
    ///
    /// # Errors
    /// No queue here.
    fn queue(&self, name: &str) -> Result<Arc<dyn Queue>, Error>;

    /// What functions remember, in the table of this name.
    ///
    /// # Errors
    /// No memory here.
    fn state(&self, _table: &str) -> Result<Arc<dyn State>, Error> {
        Err(absent("table of what functions remember"))
    }

    /// The queue (by its URL) that others listen to.
    ///
    /// # Errors
    /// No such queue here.
    fn outbox(&self, _queue: &str) -> Result<Arc<dyn Outbox>, Error> {
        Err(absent("queue to which others listen"))
    }

    /// The topic (by its ARN) that others listen to.
    ///
    /// # Errors
    /// No such topic here.
    fn topic(&self, _arn: &str) -> Result<Arc<dyn Outbox>, Error> {
        Err(absent("topic to which others listen"))
    }

    /// Whoever answers questions about texts.
    ///
    /// # Errors
    /// Nobody here.
    fn analyst(&self) -> Result<Arc<dyn Analyst>, Error> {
        Err(absent("paid service"))
    }

    /// The secret of this ARN.
    ///
    /// # Errors
    /// No secrets here.
    fn secret(&self, _arn: &str) -> Result<Arc<dyn Secret>, Error> {
        Err(absent("store of secrets"))
    }

    /// A file that belongs to the pipeline; `store` is the bucket it was uploaded to, where there is one.
    ///
    /// # Errors
    /// No such file here.
    fn file(&self, store: Option<&str>, path: &str) -> Result<Arc<dyn Document>, Error>;

    /// A folder of this machine for a sink that writes files.
    ///
    /// # Errors
    /// No disk that lasts here.
    fn folder(&self, sink: &str) -> Result<PathBuf, Error>;

    /// What is counted while components work.
    fn meter(&self) -> Arc<Meter> {
        Arc::default()
    }
}

fn absent(what: &str) -> Error {
    Error::permanent("not_here", format!("there is no {what} here"))
}
