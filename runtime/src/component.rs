//! What a source, a stage or a sink is: its card, its settings, and the traits by which a function runs it.

use std::fmt;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::doors::Doors;
use crate::error::Error;
use crate::items::Written;
use crate::record::{Item, Record};
use crate::run::Chunk;
use crate::tree::{Fault, Tree};
use crate::values::{Arn, RelativePath};

/// Which of the three a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Where items are kept.
    Source,
    /// A step that adds to a record.
    Stage,
    /// Where finished records go.
    Sink,
}

impl Role {
    /// The word for one of them.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Stage => "stage",
            Self::Sink => "sink",
        }
    }
}

/// What a stage does with the text of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFlow {
    /// Neither needs nor gives one.
    Untouched,
    /// Gives the record its text.
    Gives,
    /// Needs a stage before it that gives one.
    Needs,
}

/// The card of a kind: all that is known of it before it has settings.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    /// Source, stage or sink.
    pub role: Role,
    /// The word after `type =`.
    pub name: &'static str,
    /// One line of what it does.
    pub summary: &'static str,
    /// TOML that shows its use.
    pub example: &'static str,
    /// What it does with the text.
    pub text: TextFlow,
    /// Whether it asks somebody on the network for a text, so that an offline run takes local texts instead.
    pub fetches: bool,
    /// The embedded kind that takes its place where its paid service is out of reach.
    pub stand_in: Option<&'static str>,
    /// Whether it works on the user's machine only, since a Lambda keeps no files.
    pub machine_only: bool,
    /// Whether its behaviour in the Lambda exists yet.
    pub deployable: bool,
}

impl Card {
    /// A card with what most kinds have; the rest is set by struct update.
    #[must_use]
    pub const fn new(role: Role, name: &'static str, summary: &'static str, example: &'static str) -> Self {
        Self {
            role,
            name,
            summary,
            example,
            text: TextFlow::Untouched,
            fetches: false,
            stand_in: None,
            machine_only: false,
            deployable: true,
        }
    }
}

/// A store that a component keeps its data in, and that the plan makes for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// A DynamoDB table.
    Table {
        /// Last part of its name.
        name: String,
        /// Partition key.
        partition: String,
        /// Sort key.
        sort: Option<String>,
        /// Attribute that says when a row ends, in seconds since 1970.
        expires: Option<&'static str>,
    },
    /// An S3 bucket.
    Bucket {
        /// Last part of its name, before account and region.
        name: String,
        /// After how many days objects are deleted; never where absent.
        expires_days: Option<u64>,
    },
    /// Something that exists already, and that the plan neither makes nor deletes.
    Existing(Arn),
}

/// One thing a component may do in AWS, beside the call that needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// IAM actions, exact.
    pub actions: Vec<&'static str>,
    /// What they may be done to.
    pub on: Scope,
    /// The call that needs it, in words.
    pub why: &'static str,
}

/// What a permission covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The component's own store.
    Store,
    /// The objects of its bucket under a prefix.
    Objects(String),
    /// One thing that the user named.
    Named(Arn),
    /// The service knows no resources for it; the reason goes into the template.
    Everything(&'static str),
}

/// A unit that a service bills, and how many of it a record costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// Its name in the price list.
    pub name: &'static str,
    /// How many for each record that passes.
    pub per_record: f64,
    /// How the number comes about, with its source.
    pub why: &'static str,
}

/// What an upstream service admits from one account or one operator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quota {
    /// Whose quota it is.
    pub service: &'static str,
    /// Calls a second.
    pub calls_per_second: f64,
    /// Calls under way at once, where that is limited.
    pub at_once: Option<u64>,
    /// Records that one call serves.
    pub records_per_call: u64,
    /// The page that says so.
    pub page: &'static str,
}

/// How fast one instance of a function may call upstream; the plan computes it from the quota.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Calls a second.
    pub per_second: f64,
    /// Calls under way at once.
    pub at_once: u64,
}

/// What a component is told when it is opened, beside its settings.
#[derive(Clone, Debug, Default)]
pub struct Binding {
    /// Its name in the pipeline.
    pub name: String,
    /// The physical name of its store.
    pub on: Option<String>,
    /// How fast it may call upstream.
    pub pace: Option<Pace>,
    /// Who operates the pipeline, for the User-Agent.
    pub contact: Option<String>,
    /// The items that came with the run for a source: in the schedule's input, or in `pipeline.toml` itself.
    pub given: Vec<Item>,
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

/// Some items, and how to go on after them.
#[derive(Debug, Default)]
pub struct Page {
    /// The items; one that could not be read comes with the reason, and fails alone.
    pub items: Vec<(Item, Option<Error>)>,
    /// Where to resume after these.
    pub cursor: String,
}

/// Gives the items of a run, page by page.
#[async_trait]
pub trait Source: Send + Sync {
    /// The next page, or none at the end.
    ///
    /// # Errors
    /// What keeps the source as a whole from being read.
    async fn next(&mut self) -> Result<Option<Page>, Error>;

    /// Goes on after the page with this cursor.
    ///
    /// # Errors
    /// A cursor that is not one of this source's.
    fn resume(&mut self, cursor: &str) -> Result<(), Error>;
}

/// Adds to the records of a chunk, which move through it together.
///
/// It returns what flows on. It never fails as a whole: what goes wrong is noted on each record that it concerns.
/// Records that failed before do not come here.
#[async_trait]
pub trait Stage: Send + Sync {
    /// Does the stage's work on these records.
    async fn apply(&self, records: Vec<Record>) -> Vec<Record>;
}

/// Keeps or passes on the finished records of a chunk; the same chunk again changes nothing.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Writes a chunk, and says where.
    ///
    /// # Errors
    /// What kept it from being written.
    async fn write(&self, chunk: &Chunk, records: &[Record]) -> Result<String, Error>;
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

/// Items that were written beside a source's other settings.
#[derive(Clone, Copy, Debug)]
pub struct Seed<'a> {
    /// The attribute that holds the key.
    pub key: &'a str,
    /// The items.
    pub items: &'a [Written],
    /// A file with more of them.
    pub file: Option<&'a RelativePath>,
    /// Bytes that all items together may have, where they travel in the schedule's input.
    pub most_bytes: Option<usize>,
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
