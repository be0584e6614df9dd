//! The tables, buckets, queues and topics that components need, and the state table.

use fanggen_runtime::component::{Store, TimeToLive};
use fanggen_runtime::model::hash::sha256_hex;
use serde::Serialize;

use super::catalog::{self, CatalogTablePlan, DatabasePlan};
use super::pages;
use super::queues::QueuePlan;
use super::reasons::Reasons;
use super::sink_targets::{self, SubscriptionPlan, TopicPlan};
use super::template_value::{IN_TEMPLATE, LogicalId, TemplateValue};
use super::{PlannedResource, ResourceNames};
use crate::config::pipeline::Pipeline;
use crate::resources::{dynamodb, s3, sns, sqs};

/// The last part of the state table's name.
pub const STATE: &str = "state";

/// Days that a bucket keeps replaced or deleted versions.
const OLD_VERSIONS_DAYS: u64 = 30;
/// Days after which an unfinished multipart upload is aborted.
const UNFINISHED_UPLOAD_DAYS: u64 = 7;

/// A DynamoDB table, billed by request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TablePlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: TemplateValue,
    /// Partition key.
    pub partition: String,
    /// Sort key.
    pub sort: Option<String>,
    /// The expiry of its rows, if they can have one.
    pub ttl: Option<TimeToLive>,
    /// Whether it outlives the stack.
    pub retain: bool,
    /// What asked for it.
    pub path: String,
    /// The word for it in the pipeline.
    #[serde(skip)]
    pub word: String,
}

impl TablePlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 1] {
        [PlannedResource::named(&dynamodb::TABLE, &self.id, &self.name, &self.path)]
    }
}

/// An S3 bucket.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BucketPlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: TemplateValue,
    /// After how many days objects are deleted.
    pub expires_days: Option<u64>,
    /// After how many days replaced or deleted versions expire.
    pub old_versions_days: u64,
    /// After how many days an unfinished multipart upload is aborted.
    pub unfinished_days: u64,
    /// Its policy, which denies plain HTTP: the logical id.
    pub policy: LogicalId,
    /// Whether it outlives the stack.
    pub retain: bool,
    /// What asked for it.
    pub path: String,
    /// The word for it in the pipeline.
    #[serde(skip)]
    pub word: String,
}

impl BucketPlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 2] {
        [
            PlannedResource::named(&s3::BUCKET, &self.id, &self.name, &self.path),
            PlannedResource::unnamed(&s3::BUCKET_POLICY, &self.policy, &self.path).part_of(&self.id),
        ]
    }
}

/// Everything that components keep their data in.
#[derive(Default)]
pub struct StorePlans {
    /// The tables; the last is the state table.
    pub tables: Vec<TablePlan>,
    pub buckets: Vec<BucketPlan>,
    pub queues: Vec<QueuePlan>,
    pub topics: Vec<TopicPlan>,
    pub subscriptions: Vec<SubscriptionPlan>,
    pub databases: Vec<DatabasePlan>,
    pub catalog: Vec<CatalogTablePlan>,
}

/// Plans the stores of all components, and the state table.
pub fn plan(pipeline: &Pipeline, names: &ResourceNames, reasons: &mut Reasons) -> StorePlans {
    let retain = pipeline.data.retain;
    let mut stores = StorePlans::default();
    for component in pipeline.components() {
        match component.settings.store(&component.name) {
            Some(Store::Table { name, partition_key: partition, sort_key: sort, ttl }) => {
                let physical = table_name(names, &name, &partition, sort.as_deref());
                reasons.derive(
                    &component.path,
                    "name of the table",
                    physical.clone(),
                    "ends in a hash of its keys: CloudFormation cannot replace a named table in place",
                    pages::STACK_NAMES,
                );
                stores.tables.push(TablePlan {
                    id: LogicalId::of(&name, "Table"),
                    name: TemplateValue::physical(physical),
                    partition,
                    sort,
                    ttl,
                    retain,
                    path: component.path.clone(),
                    word: name,
                });
            }
            Some(Store::Bucket { name, expire_days: expires_days, catalog }) => {
                let physical = bucket_name(names, &name);
                reasons.derive(
                    &component.path,
                    "name of the bucket",
                    physical.clone(),
                    "bucket names are global, so it contains account and region",
                    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html",
                );
                let id = LogicalId::of(&name, "Bucket");
                if let Some(catalog) = catalog {
                    if stores.databases.is_empty() {
                        stores.databases.push(catalog::database(names, reasons));
                    }
                    let path = &component.path;
                    stores.catalog.push(catalog::table(names, &name, &id, &catalog, path, reasons));
                }
                stores.buckets.push(BucketPlan {
                    policy: id.with("Policy"),
                    id,
                    name: TemplateValue::physical(physical),
                    expires_days,
                    old_versions_days: reasons.derive(
                        &component.path,
                        "days until an old version expires (NoncurrentDays)",
                        OLD_VERSIONS_DAYS,
                        "a month to notice an accidental deletion or overwrite",
                        pages::S3_LIFECYCLE,
                    ),
                    unfinished_days: reasons.derive(
                        &component.path,
                        "days until an unfinished upload is aborted (DaysAfterInitiation)",
                        UNFINISHED_UPLOAD_DAYS,
                        "the parts of an unfinished upload are billed but not listed",
                        pages::S3_LIFECYCLE,
                    ),
                    retain,
                    path: component.path.clone(),
                    word: name,
                });
            }
            Some(Store::Queue { name }) => {
                stores.queues.push(sink_targets::queue(names, &name, &component.path, reasons))
            }
            Some(Store::Topic { name, email }) => {
                let (topic, subscription) = sink_targets::topic(names, &name, email, &component.path, reasons);
                stores.topics.push(topic);
                stores.subscriptions.extend(subscription);
            }
            Some(Store::Existing(_)) | None => {}
        }
    }
    let state = state_name(names);
    reasons.derive(
        "pipeline",
        "state table",
        state.clone(),
        "runs, finished chunks, findings by hash of the text: nothing is done or paid for twice",
        "",
    );
    stores.tables.push(TablePlan {
        id: LogicalId::of(STATE, "Table"),
        name: TemplateValue::physical(state),
        partition: "pk".into(),
        sort: Some("sk".into()),
        ttl: Some(TimeToLive { attribute: "expires", enabled: true }),
        // Its data can be recreated, so it never blocks the deletion of a stack.
        retain: false,
        path: "pipeline".into(),
        word: STATE.to_owned(),
    });
    stores
}

/// The physical name of a table.
pub fn table_name(names: &ResourceNames, name: &str, partition: &str, sort: Option<&str>) -> String {
    let hash = sha256_hex(format!("{partition}\0{}", sort.unwrap_or_default()));
    format!("{}-{}", names.of_part(name), &hash[..6])
}

fn state_name(names: &ResourceNames) -> String {
    table_name(names, STATE, "pk", Some("sk"))
}

/// The ARN of the state table.
pub fn state_arn(names: &ResourceNames) -> String {
    dynamodb::TABLE.arn(&state_name(names), IN_TEMPLATE)
}

/// The physical name of a bucket.
pub fn bucket_name(names: &ResourceNames, name: &str) -> String {
    format!("{}-{}-{}", names.of_part(name), names.account, names.region)
}

/// How a component refers to its store (its physical name, or a placeholder for a reference), and the store's ARN.
pub fn binding_and_arn(names: &ResourceNames, store: &Store) -> (String, String) {
    match store {
        Store::Table { name, partition_key: partition, sort_key: sort, .. } => {
            let name = table_name(names, name, partition, sort.as_deref());
            let arn = dynamodb::TABLE.arn(&name, IN_TEMPLATE);
            (name, arn)
        }
        Store::Bucket { name, .. } => {
            let name = bucket_name(names, name);
            let arn = s3::BUCKET.arn(&name, IN_TEMPLATE);
            (name, arn)
        }
        Store::Queue { name } => {
            let arn = sqs::QUEUE.arn(&names.of_part(name), IN_TEMPLATE);
            (LogicalId::of(name, "Queue").sub_placeholder(), arn)
        }
        Store::Topic { name, .. } => {
            let arn = sns::TOPIC.arn(&names.of_part(name), IN_TEMPLATE);
            (LogicalId::of(name, "Topic").sub_placeholder(), arn)
        }
        Store::Existing(table) if table.starts_with("arn:") => (table.clone(), table.clone()),
        Store::Existing(table) => (table.clone(), dynamodb::TABLE.arn(table, IN_TEMPLATE)),
    }
}
