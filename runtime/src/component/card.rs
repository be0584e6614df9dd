//! The card of a component and what its settings declare: store, permissions, billed units, upstream quota.

use serde::{Deserialize, Serialize};

use crate::model::error::ErrorCode;
use crate::model::items::InlineItem;
use crate::model::values::{Arn, RelativePath};

/// The role of a component in a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComponentRole {
    /// Reads items.
    Source,
    /// Adds to a record.
    Stage,
    /// Writes finished records.
    Sink,
}

impl ComponentRole {
    /// Its name in messages and in the schema.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
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
    /// It neither reads nor sets the text.
    Ignores,
    /// It sets the text.
    Provides,
    /// It analyses the text, so an earlier stage must provide one.
    Analyses,
    /// It reads the text and changes it for later stages, so an earlier stage must provide one.
    Transforms,
}

/// What is known of a component before it has settings.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    /// Source, stage or sink.
    pub role: ComponentRole,
    /// The value of `type` in `pipeline.toml`.
    pub name: &'static str,
    /// One line on what it does.
    pub summary: &'static str,
    /// An example in TOML.
    pub example: &'static str,
    /// What it does with the text.
    pub text: TextFlow,
    /// Whether it fetches texts over the network; an offline run takes local texts instead.
    pub fetches: bool,
    /// Whether a sink sends requests over the network, rather than calling AWS.
    pub posts: bool,
    /// The embedded stage that replaces it on a machine without access to its paid service.
    pub local_substitute: Option<&'static str>,
    /// Whether it works only on the user's machine, because it needs a disk that lasts.
    pub local_only: bool,
    /// Whether its local files have whole records, one per line, so that results can be read back from them.
    pub keeps_records: bool,
    /// Whether a sink stores records under keys of their own, so that writing them again replaces them. Other sinks send them
    /// to consumers.
    pub stores: bool,
    /// The failures that a stage can give a record. What it shares with other stages is a list of its own.
    pub failures: &'static [&'static [ErrorCode]],
    /// Sets of settings of which an environment that sets one replaces the others.
    pub alternatives: &'static [&'static [&'static str]],
    /// Settings of which exactly one is set; the example has one.
    pub one_of: &'static [&'static str],
    /// The service that it calls in AWS, if that is not in every region.
    pub regional: Option<RegionalService>,
}

/// An AWS service that exists in some regions only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionalService {
    /// Its name for people.
    pub name: &'static str,
    /// Its regions.
    pub regions: &'static [&'static str],
    /// When the list was read, as year and month.
    pub as_of: &'static str,
    /// The page with the list.
    pub docs_url: &'static str,
}

impl Card {
    /// A card with the values most components have; override the others with struct update syntax.
    #[must_use]
    pub const fn new(role: ComponentRole, name: &'static str, summary: &'static str, example: &'static str) -> Self {
        Self {
            role,
            name,
            summary,
            example,
            text: TextFlow::Ignores,
            fetches: false,
            posts: false,
            local_substitute: None,
            local_only: false,
            keeps_records: false,
            stores: false,
            failures: &[],
            alternatives: &[],
            one_of: &[],
            regional: None,
        }
    }
}

/// The expiry of a table's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TimeToLive {
    /// The attribute with the expiry time of a row, in seconds since 1970.
    pub attribute: &'static str,
    /// Whether expired rows are deleted. A table whose rows may expire later has it disabled rather than not at all: an
    /// update that only drops it would be empty, which DynamoDB refuses.
    pub enabled: bool,
}

/// The AWS resource that holds a component's data. The plan creates it, unless it exists already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// A DynamoDB table.
    Table {
        /// The last part of its name.
        name: String,
        /// The partition key.
        partition_key: String,
        /// The sort key.
        sort_key: Option<String>,
        /// The expiry of its rows, if they can have one.
        ttl: Option<TimeToLive>,
    },
    /// An S3 bucket.
    Bucket {
        /// The last part of its name, before account and region.
        name: String,
        /// Days after which objects are deleted; `None` keeps them.
        expire_days: Option<u64>,
        /// How Athena reads the objects; `None` if it does not.
        catalog: Option<Catalog>,
    },
    /// An SQS queue with consumers outside the pipeline. The component is given its URL.
    Queue {
        /// The last part of its name.
        name: String,
    },
    /// An SNS topic with subscribers outside the pipeline. The component is given its ARN.
    Topic {
        /// The last part of its name.
        name: String,
        /// The address that the plan subscribes.
        email: Option<String>,
    },
    /// An existing table, by its ARN or name. The plan neither creates nor deletes it.
    Existing(String),
}

/// What Athena must know about objects under `<prefix>/dt=<date of the run>/` to query them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    /// The first part of their keys, without a trailing slash.
    pub prefix: String,
    /// How their keys end, such as `.jsonl.gz`.
    pub suffix: String,
    /// The format of a line. Compression is recognised by the object's name.
    pub format: CatalogFormat,
    /// The columns in order: name and Hive type.
    pub columns: &'static [(&'static str, &'static str)],
}

/// The format of an object's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogFormat {
    /// One JSON object per line, read by member names.
    JsonLines,
    /// Comma-separated values, read by position, below one header line.
    Csv,
}

/// A permission that a component needs in AWS, declared beside the call that needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredPermission {
    /// The exact IAM actions.
    pub actions: Vec<&'static str>,
    /// The resources they apply to.
    pub target: PermissionTarget,
    /// The call that needs it, as a sentence.
    pub reason: &'static str,
}

/// The resources that a permission covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermissionTarget {
    /// The component's own table, bucket, queue or topic.
    Store,
    /// The objects under a prefix of its bucket.
    Objects(String),
    /// The state table, for actions beyond those that every function has.
    StateTable,
    /// A resource named by the user.
    Arn(Arn),
    /// All resources, because the service has no resource-level permissions for it. The reason goes into the template.
    AllResources(&'static str),
}

/// A unit that AWS bills, and how many of it one record costs.
#[derive(Clone, Debug, PartialEq)]
pub struct BilledUnit {
    /// Its name in the price list.
    pub name: &'static str,
    /// Units per record.
    pub per_record: f64,
    /// Where the number comes from.
    pub reason: &'static str,
}

/// The quota of an upstream service for one account or one operator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quota {
    /// The service.
    pub service: &'static str,
    /// Whether the service counts by AWS account and region, rather than by client.
    pub per_account: bool,
    /// Calls per second.
    pub calls_per_second: f64,
    /// Concurrent calls, if the service limits them.
    pub max_concurrent: Option<u64>,
    /// Records served by one call.
    pub records_per_call: u64,
    /// The page that documents the quota.
    pub docs_url: &'static str,
}

impl Quota {
    /// The rate limit of one instance, when `instances` of them use a share of the quota together. Every instance may
    /// have at least one call in flight, because otherwise it could do nothing.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "quotas are positive and far below 2^52"
    )]
    pub fn rate_limit(&self, share: f64, instances: u64) -> RateLimit {
        let part = share / instances.max(1) as f64;
        // Three decimals, so that the printed number is the number in use.
        let calls_per_second = ((self.calls_per_second * part * 1_000.0).round() / 1_000.0).max(0.001);
        let concurrent = self.max_concurrent.map_or(calls_per_second, |limit| limit as f64 * part);
        RateLimit { calls_per_second, max_concurrent: (concurrent.floor() as u64).max(1) }
    }
}

/// How fast one instance of a function may call upstream. The plan derives it from the quota.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Calls per second.
    #[serde(rename = "per_second")]
    pub calls_per_second: f64,
    /// Concurrent calls.
    #[serde(rename = "at_once")]
    pub max_concurrent: u64,
}

/// The items in the settings of a source.
#[derive(Clone, Copy, Debug)]
pub struct SeedItems<'a> {
    /// The attribute that holds the key.
    pub key: &'a str,
    /// The items.
    pub items: &'a [InlineItem],
    /// A file with more items.
    pub file: Option<&'a RelativePath>,
    /// The maximum size of all items together, if they travel in the schedule's input.
    pub max_bytes: Option<usize>,
}
