//! What is known of a component before it runs: its card, its store, its permissions, its cost, what upstream admits.

use serde::{Deserialize, Serialize};

use crate::model::items::Written;
use crate::model::values::{Arn, RelativePath};

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
    /// Needs a stage before it that gives one, and judges it.
    Needs,
    /// Needs one as well, and judges nothing: it makes the text fit for those behind.
    Prepares,
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
    /// Sets of settings of which an environment that sets one replaces the others.
    pub alternatives: &'static [&'static [&'static str]],
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
            alternatives: &[],
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
        /// What is in it for whoever asks in SQL; nothing where absent.
        catalog: Option<Catalog>,
    },
    /// An SQS queue to which others listen; the component is told its URL.
    Queue {
        /// Last part of its name.
        name: String,
    },
    /// An SNS topic to which others listen; the component is told its ARN.
    Topic {
        /// Last part of its name.
        name: String,
        /// Who is subscribed from the start.
        email: Option<String>,
    },
    /// A table that exists already, by its ARN or its name; the plan neither makes nor deletes it.
    Existing(String),
}

/// What Athena has to know of objects to answer SQL about them. They lie under `<prefix>/dt=<date of the run>/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    /// First part of their keys, without a slash at the end.
    pub prefix: String,
    /// How a line of theirs is read. Whether they are packed shows in their names.
    pub format: CatalogFormat,
    /// The columns in order: the name, and the type in the words of Hive.
    pub columns: &'static [(&'static str, &'static str)],
}

/// How the lines of an object are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogFormat {
    /// A JSON object a line, by the names of its members.
    JsonLines,
    /// Comma-separated values by their place, below one line of names.
    Csv,
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
    /// The component's own store: the table, the bucket, the queue, the topic.
    Store,
    /// The objects of its bucket under a prefix.
    Objects(String),
    /// The table of runs and chunks, beyond what every function may do to it.
    State,
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
    /// Whether the service counts by AWS account and region, rather than by client.
    pub per_account: bool,
    /// Calls a second.
    pub calls_per_second: f64,
    /// Calls under way at once, where that is limited.
    pub at_once: Option<u64>,
    /// Records that one call serves.
    pub records_per_call: u64,
    /// The page that says so.
    pub page: &'static str,
}

impl Quota {
    /// How fast each of some instances may call, which together have a share of the quota: at least one call at once,
    /// since an instance that may not call at all does nothing.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "quotas are positive and far below 2^52"
    )]
    pub fn pace(&self, share: f64, instances: u64) -> Pace {
        let part = share / instances.max(1) as f64;
        // Three digits after the point: what is printed is what is meant.
        let per_second = ((self.calls_per_second * part * 1_000.0).round() / 1_000.0).max(0.001);
        let at_once = self.at_once.map_or(per_second, |at_once| at_once as f64 * part);
        Pace { per_second, at_once: (at_once.floor() as u64).max(1) }
    }
}

/// How fast one instance of a function may call upstream; the plan computes it from the quota.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Calls a second.
    pub per_second: f64,
    /// Calls under way at once.
    pub at_once: u64,
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
