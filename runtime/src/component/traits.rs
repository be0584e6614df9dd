//! What a source, a stage or a sink is: its card, its settings, and the traits by which a function runs it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::component::card::{Card, Pace, Permission, Quota, Seed, Store, Unit};
use crate::component::services::Doors;
use crate::component::state::Counts;
use crate::model::error::Error;
use crate::model::record::{Identity, Item, Record};
use crate::model::run::{Chunk, RunId};
use crate::model::tree::{Fault, Tree};
use crate::model::values::RelativePath;

/// What a component is told when it is opened, beside its settings.
#[derive(Clone, Debug, Default)]
pub struct Binding {
    /// Its name in the pipeline.
    pub name: String,
    /// The physical name of its store; of a queue its URL, of a topic its ARN.
    pub on: Option<String>,
    /// How fast it may call upstream.
    pub pace: Option<Pace>,
    /// Who operates the pipeline, for the User-Agent.
    pub contact: Option<String>,
    /// The items that came with the run for a source: in the schedule's input, or in `pipeline.toml` itself.
    pub given: Vec<Item>,
    /// The table of what functions remember, where there is one.
    pub state: Option<String>,
    /// The pipeline that it belongs to.
    pub pipeline: String,
    /// The environment that it runs in.
    pub environment: String,
}

/// A component, ready to run.
pub enum Opened {
    /// A source.
    Source(Box<dyn Source>),
    /// A stage.
    Stage(Box<dyn Stage>),
    /// A sink.
    Sink(Box<dyn Sink>),
}

/// An item as a source gives it; one that could not be read comes with the reason, and fails alone.
pub type Given = (Item, Option<Error>);

/// Gives the items of a run, one by one.
#[async_trait]
pub trait Source: Send + Sync {
    /// The next item, or none at the end.
    ///
    /// # Errors
    /// What keeps the source as a whole from being read.
    async fn next(&mut self) -> Result<Option<Given>, Error>;

    /// The place behind the item that was given last, whatever changes in the source meanwhile.
    fn cursor(&self) -> String;

    /// Goes on at such a place.
    ///
    /// # Errors
    /// A cursor that is not one of this source's.
    fn resume(&mut self, cursor: &str) -> Result<(), Error>;
}

/// Adds to the records of a chunk, which move through it together.
///
/// It returns what flows on: of a record it may make several, each with an `entry` of its own, and none. It never fails
/// as a whole: what goes wrong is noted on each record that it concerns, as a
/// transient failure where another try may help. Records that failed before do not come here.
#[async_trait]
pub trait Stage: Send + Sync {
    /// Its name in the pipeline, by which its failures are known.
    fn name(&self) -> &str;

    /// Does the stage's work on these records, no longer than until the deadline.
    async fn apply(&self, records: Vec<Record>, deadline: Instant) -> Vec<Record>;

    /// These records, which it made of others, are where they belong: they need not be made again by another run. Said
    /// perhaps more than once, and before the chunk counts as done.
    ///
    /// # Errors
    /// What kept it from being remembered: the chunk comes again.
    async fn settled(&self, _run: &RunId, _made: &[Identity]) -> Result<(), Error> {
        Ok(())
    }

    /// What the findings of this stage depend on beside text and language, where they are paid for: they are then
    /// remembered, and no text is paid for twice.
    fn paid(&self) -> Option<String> {
        None
    }
}

/// Keeps or passes on the finished records of a chunk; the same chunk again changes nothing.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Writes a chunk, and says where.
    ///
    /// # Errors
    /// What kept it from being written.
    async fn write(&self, chunk: &Chunk, records: &[Record]) -> Result<String, Error>;

    /// All chunks of a run are written. Whoever wrote the last one says so, perhaps more than once; a sink that does
    /// nothing then says no.
    ///
    /// # Errors
    /// What kept the sink from doing what it does at the end of a run.
    async fn complete(&self, _run: &RunId, _counts: Counts) -> Result<bool, Error> {
        Ok(false)
    }
}

#[cfg(feature = "cards")]
#[doc(hidden)]
pub trait Documented: schemars::JsonSchema {}
#[cfg(feature = "cards")]
impl<T: schemars::JsonSchema> Documented for T {}
#[cfg(not(feature = "cards"))]
#[doc(hidden)]
pub trait Documented {}
#[cfg(not(feature = "cards"))]
impl<T> Documented for T {}

/// The settings of a kind, which are all that its author writes: the rest follows from them.
///
/// The fields are TOML keys, parts of an environment variable and properties of the schema at once; their doc
/// comments are the user's documentation.
pub trait Component: Serialize + DeserializeOwned + Documented + fmt::Debug + Clone + Send + Sync + 'static {
    /// The card.
    const CARD: Card;

    /// The store it keeps its data in, for a component of this name.
    fn store(&self, _name: &str) -> Option<Store> {
        None
    }

    /// What a component of this name may do in AWS.
    fn permissions(&self, _name: &str) -> Vec<Permission> {
        Vec::new()
    }

    /// What a record costs.
    fn units(&self) -> Vec<Unit> {
        Vec::new()
    }

    /// What upstream admits.
    fn quota(&self) -> Option<Quota> {
        None
    }

    /// The items that were written in the settings of a source.
    fn seed(&self) -> Option<Seed<'_>> {
        None
    }

    /// Files beside `pipeline.toml` that it reads, each with the key that names it.
    fn files(&self) -> Vec<(&'static str, &RelativePath)> {
        Vec::new()
    }

    /// The longest that it waits for others with one chunk, where it waits at all.
    fn patience(&self) -> Option<Duration> {
        None
    }

    /// How many records a stage makes of one, at most, where it makes several: chunks are the smaller for it.
    fn entries(&self) -> Option<u64> {
        None
    }

    /// What an analysing stage asks about a text, in the words of its settings; none where it asks but one thing.
    fn asks(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Why these settings do not go together: the key to point at, what was found, what is allowed.
    fn check(&self) -> Option<(&'static str, String, String)> {
        None
    }

    /// The component, ready to run behind these doors.
    ///
    /// # Errors
    /// What keeps it from running here.
    fn open(&self, binding: Binding, doors: &dyn Doors) -> Result<Opened, Error>;
}

/// The settings of any kind.
pub trait Settings: fmt::Debug + Send + Sync {
    /// See [`Component::store`].
    fn store(&self, name: &str) -> Option<Store>;
    /// See [`Component::permissions`].
    fn permissions(&self, name: &str) -> Vec<Permission>;
    /// See [`Component::units`].
    fn units(&self) -> Vec<Unit>;
    /// See [`Component::quota`].
    fn quota(&self) -> Option<Quota>;
    /// See [`Component::seed`].
    fn seed(&self) -> Option<Seed<'_>>;
    /// See [`Component::files`].
    fn files(&self) -> Vec<(&'static str, &RelativePath)>;
    /// See [`Component::patience`].
    fn patience(&self) -> Option<Duration>;
    /// See [`Component::entries`].
    fn entries(&self) -> Option<u64>;
    /// See [`Component::asks`].
    fn asks(&self) -> Vec<&'static str>;
    /// See [`Component::check`].
    fn check(&self) -> Option<(&'static str, String, String)>;
    /// See [`Component::open`].
    ///
    /// # Errors
    /// What keeps it from running here.
    fn open(&self, binding: Binding, doors: &dyn Doors) -> Result<Opened, Error>;
    /// The settings as they travel in an environment variable.
    fn json(&self) -> serde_json::Value;
    /// Another box with the same settings.
    fn boxed(&self) -> Box<dyn Settings>;
}

impl<T: Component> Settings for T {
    fn store(&self, name: &str) -> Option<Store> {
        Component::store(self, name)
    }

    fn permissions(&self, name: &str) -> Vec<Permission> {
        Component::permissions(self, name)
    }

    fn units(&self) -> Vec<Unit> {
        Component::units(self)
    }

    fn quota(&self) -> Option<Quota> {
        Component::quota(self)
    }

    fn seed(&self) -> Option<Seed<'_>> {
        Component::seed(self)
    }

    fn files(&self) -> Vec<(&'static str, &RelativePath)> {
        Component::files(self)
    }

    fn patience(&self) -> Option<Duration> {
        Component::patience(self)
    }

    fn entries(&self) -> Option<u64> {
        Component::entries(self)
    }

    fn asks(&self) -> Vec<&'static str> {
        Component::asks(self)
    }

    fn check(&self) -> Option<(&'static str, String, String)> {
        Component::check(self)
    }

    fn open(&self, binding: Binding, doors: &dyn Doors) -> Result<Opened, Error> {
        Component::open(self, binding, doors)
    }

    fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn boxed(&self) -> Box<dyn Settings> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Settings> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// A kind: its card, and how its settings are read.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The card.
    pub card: Card,
    /// Reads its settings.
    pub read: fn(&Tree) -> Result<Box<dyn Settings>, Fault>,
    /// The schema of its settings.
    #[cfg(feature = "cards")]
    pub schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
}

impl Kind {
    /// The kind whose settings are `T`.
    #[must_use]
    pub const fn of<T: Component>() -> Self {
        Self {
            card: T::CARD,
            read: |tree| tree.read::<T>().map(|settings| Box::new(settings) as Box<dyn Settings>),
            #[cfg(feature = "cards")]
            schema: <T as schemars::JsonSchema>::json_schema,
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.card.role.word(), self.card.name)
    }
}
