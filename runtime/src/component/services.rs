//! The services that components use, as traits: implemented for AWS and for the user's machine.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::component::analysis::TextAnalyzer;
use crate::component::meter::Meter;
use crate::component::state::State;
use crate::model::error::{Error, ErrorCode};
use crate::model::message::Message;
use crate::model::record::Item;

/// A bucket of objects.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// Writes an object, completely or not at all, and returns its location.
    ///
    /// # Errors
    /// Why it could not be written.
    async fn put(&self, key: &str, body: Vec<u8>) -> Result<String, Error>;
}

/// A row of a table: attributes by name.
pub type TableRow = serde_json::Map<String, serde_json::Value>;

/// Which items of a table to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableScan<'a> {
    /// The attribute that holds the key of an item.
    pub key: &'a str,
    /// The attributes to read besides the key; empty for all of them.
    pub attributes: &'a [String],
    /// The segment of the table, counted from zero.
    pub segment: u64,
    /// The number of segments.
    pub segments: u64,
    /// Where to continue: [`ScanPage::next`] of the previous page, or [`ScannedItem::cursor`] of an item.
    pub after: Option<&'a str>,
}

/// A page of a table.
#[derive(Clone, Debug, Default)]
pub struct ScanPage {
    /// Its items.
    pub items: Vec<ScannedItem>,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<String>,
}

/// An item of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct ScannedItem {
    /// The item.
    pub item: Item,
    /// Why it could not be read, if so. Other items are not affected.
    pub error: Option<Error>,
    /// The position after it.
    pub cursor: String,
}

/// A table of rows.
#[async_trait]
pub trait TableStore: Send + Sync {
    /// Writes rows and returns their location. Writing them again does no harm: a table replaces rows with the same key,
    /// a file repeats the line. No two rows of one call have the same key.
    ///
    /// # Errors
    /// Why they could not be written.
    async fn put(&self, rows: Vec<TableRow>) -> Result<String, Error>;

    /// Reads one page of items.
    ///
    /// # Errors
    /// Why it could not be read.
    async fn scan(&self, scan: TableScan<'_>) -> Result<ScanPage, Error>;
}

/// A queue between two functions.
#[async_trait]
pub trait MessageQueue: Send + Sync {
    /// Sends messages in as few calls as possible.
    ///
    /// # Errors
    /// Why they could not be sent; some may have been.
    async fn send(&self, messages: Vec<Message>) -> Result<(), Error>;

    /// Hides a received message from all consumers for this long.
    ///
    /// # Errors
    /// Why it could not be hidden.
    async fn hide(&self, receipt: &str, wait: Duration) -> Result<(), Error>;
}

/// A message to consumers outside the pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboundMessage {
    /// The idempotency key, so that consumers can drop duplicates.
    pub key: String,
    /// The subject, for consumers who read it as e-mail.
    pub subject: Option<String>,
    /// The body.
    pub body: String,
    /// Message attributes by name.
    pub attributes: Vec<(&'static str, String)>,
}

/// A queue or topic with consumers outside the pipeline.
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Publishes messages in as few calls as possible.
    ///
    /// # Errors
    /// Why they could not be published; some may have been. `message_too_long` if one can never be.
    async fn publish(&self, messages: Vec<OutboundMessage>) -> Result<(), Error>;
}

/// A secret in a secret store.
#[async_trait]
pub trait Secret: Send + Sync {
    /// Reads it. Its value is never logged and never part of an error.
    ///
    /// # Errors
    /// Why it could not be read.
    async fn read(&self) -> Result<String, Error>;
}

/// An open file.
pub struct OpenFile {
    /// Reads it from its start.
    pub reader: Box<dyn Read + Send + Sync>,
    /// Identifies the version of the file; empty if it does not matter.
    pub version: String,
}

/// A file that belongs to the pipeline.
#[async_trait]
pub trait PipelineFile: Send + Sync {
    /// Opens it for streaming from its start.
    ///
    /// # Errors
    /// Why it could not be read.
    async fn open(&self) -> Result<OpenFile, Error>;
}

/// What a server answers, without the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkResponse {
    /// The HTTP status.
    pub status: u16,
    /// The wait that `Retry-After` asks for.
    pub retry_after: Option<Duration>,
}

/// What answers web requests in place of the network.
#[async_trait]
pub trait Network: Send + Sync {
    /// Answers a request to this URL, or never.
    ///
    /// # Errors
    /// Why there is no answer.
    async fn respond(&self, url: &str) -> Result<NetworkResponse, Error>;
}

/// All services where a function runs.
pub trait Services: Send + Sync {
    /// The bucket of this name.
    ///
    /// # Errors
    /// There is no such bucket here.
    fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, Error>;

    /// The table of this name or ARN.
    ///
    /// # Errors
    /// There is no such table here.
    fn table(&self, name: &str) -> Result<Arc<dyn TableStore>, Error>;

    /// The queue of this name; in AWS, of this URL.
    ///
    /// # Errors
    /// There is no such queue here.
    fn queue(&self, name: &str) -> Result<Arc<dyn MessageQueue>, Error>;

    /// The state of functions in the table of this name.
    ///
    /// # Errors
    /// There is no state here.
    fn state(&self, _table: &str) -> Result<Arc<dyn State>, Error> {
        Err(unavailable("state table"))
    }

    /// A publisher to the queue of this URL, whose consumers are outside the pipeline.
    ///
    /// # Errors
    /// There is no such queue here.
    fn queue_publisher(&self, _url: &str) -> Result<Arc<dyn Publisher>, Error> {
        Err(unavailable("queue for consumers outside the pipeline"))
    }

    /// A publisher to the topic of this ARN.
    ///
    /// # Errors
    /// There is no such topic here.
    fn topic_publisher(&self, _arn: &str) -> Result<Arc<dyn Publisher>, Error> {
        Err(unavailable("topic"))
    }

    /// The service that analyzes texts.
    ///
    /// # Errors
    /// There is none here.
    fn text_analyzer(&self) -> Result<Arc<dyn TextAnalyzer>, Error> {
        Err(unavailable("paid service"))
    }

    /// The secret of this ARN.
    ///
    /// # Errors
    /// There is no secret store here.
    fn secret(&self, _arn: &str) -> Result<Arc<dyn Secret>, Error> {
        Err(unavailable("secret store"))
    }

    /// A file that belongs to the pipeline; `bucket` is where it was uploaded, if it was.
    ///
    /// # Errors
    /// There is no such file here.
    fn file(&self, bucket: Option<&str>, path: &str) -> Result<Arc<dyn PipelineFile>, Error>;

    /// A local directory for a sink that writes files.
    ///
    /// # Errors
    /// There is no persistent disk here.
    fn folder(&self, sink: &str) -> Result<PathBuf, Error>;

    /// What answers web requests in place of the network, where tests have no network.
    fn network(&self) -> Option<Arc<dyn Network>> {
        None
    }

    /// The counters of components.
    fn meter(&self) -> Arc<Meter> {
        Arc::default()
    }
}

fn unavailable(what: &str) -> Error {
    Error::permanent(ErrorCode::NotHere, format!("there is no {what} here"))
}
