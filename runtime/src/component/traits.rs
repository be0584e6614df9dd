//! The traits of a running source, stage and sink, and what a component receives when it is opened.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::component::card::RateLimit;
use crate::component::state::Counts;
use crate::model::error::Error;
use crate::model::record::{Identity, Item, Record};
use crate::model::run::{Chunk, RunId};

/// What a component receives when it is opened, besides its settings.
#[derive(Clone, Debug, Default)]
pub struct Binding {
    /// Its name in the pipeline.
    pub name: String,
    /// The physical name of its store; a queue's URL or a topic's ARN.
    pub store: Option<String>,
    /// How fast it may call upstream.
    pub rate_limit: Option<RateLimit>,
    /// The operator of the pipeline, for the User-Agent.
    pub contact: Option<String>,
    /// The items of a source that came with the run: from the schedule's input, or from `pipeline.toml` itself.
    pub items: Vec<Item>,
    /// The name of the state table, if there is one.
    pub state_table: Option<String>,
    /// The name of the pipeline.
    pub pipeline: String,
    /// The name of the environment.
    pub environment: String,
}

/// An open component, ready to run.
pub enum Instance {
    /// A source.
    Source(Box<dyn Source>),
    /// A stage.
    Stage(Box<dyn Stage>),
    /// A sink.
    Sink(Box<dyn Sink>),
}

/// An item from a source. An unreadable item carries its error; the others are not affected.
pub type SourceItem = (Item, Option<Error>);

/// Reads the items of a run, one by one.
#[async_trait]
pub trait Source: Send + Sync {
    /// The next item, or `None` at the end.
    ///
    /// # Errors
    /// Why the source as a whole cannot be read.
    async fn next(&mut self) -> Result<Option<SourceItem>, Error>;

    /// The position after the item returned last. It stays valid when the source changes.
    fn cursor(&self) -> String;

    /// Continues from a cursor.
    ///
    /// # Errors
    /// The cursor is not one of this source.
    fn resume(&mut self, cursor: &str) -> Result<(), Error>;
}

/// Adds to the records of a chunk, all at once.
///
/// A stage returns the records that go on. It may turn one record into several, each with an `entry` of its own, or
/// drop it. It never fails as a whole: it notes each error on the record that it concerns, as transient if a retry may
/// help. Records that failed in an earlier stage do not come here.
#[async_trait]
pub trait Stage: Send + Sync {
    /// Its name in the pipeline, by which its failures are identified.
    fn name(&self) -> &str;

    /// Processes these records, until the deadline at the latest.
    async fn apply(&self, records: Vec<Record>, deadline: Instant) -> Vec<Record>;

    /// The longest time that it waits for other services per chunk, in all rounds together, if it calls any.
    fn max_wait(&self) -> Option<Duration> {
        None
    }

    /// Marks records that this stage created from others as delivered, so that no later run creates them again. It is
    /// called before the chunk is complete, possibly more than once.
    ///
    /// # Errors
    /// Why they could not be marked; the chunk is then delivered again.
    async fn committed(&self, _run: &RunId, _created: &[Identity]) -> Result<(), Error> {
        Ok(())
    }

    /// What the findings of this stage depend on, besides text and language. A stage that pays for its findings returns
    /// it, so that they are cached and no text is paid for twice.
    fn cache_key(&self) -> Option<String> {
        None
    }
}

/// Stores or publishes the finished records of a chunk. Writing the same chunk again changes nothing.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Writes a chunk and returns its location.
    ///
    /// # Errors
    /// Why it could not be written.
    async fn write(&self, chunk: &Chunk, records: &[Record]) -> Result<String, Error>;

    /// Called when all chunks of a run are written, possibly more than once. Returns whether the sink did anything.
    ///
    /// # Errors
    /// Why its work at the end of a run failed.
    async fn complete(&self, _run: &RunId, _counts: &Counts) -> Result<bool, Error> {
        Ok(false)
    }
}
