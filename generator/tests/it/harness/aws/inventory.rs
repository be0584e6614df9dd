//! Lists everything in an account: two accounts in the same state have the same inventory.

use std::collections::{BTreeMap, BTreeSet};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::error::ProvideErrorMetadata as _;

use super::catalog;

/// One line for each resource, with its relevant properties.
pub type Inventory = BTreeSet<String>;

/// Reads the inventory from all services.
pub async fn inventory(sdk: &SdkConfig) -> Inventory {
    let mut all = Inventory::new();
    stacks(sdk, &mut all).await;
    functions(sdk, &mut all).await;
    tables(sdk, &mut all).await;
    buckets(sdk, &mut all).await;
    let queues = aws_sdk_sqs::Client::new(sdk).list_queues().send().await.expect("queues");
    all.extend(queues.queue_urls().iter().map(|url| format!("queue {}", last(url))));
    let roles = aws_sdk_iam::Client::new(sdk).list_roles().send().await.expect("roles");
    all.extend(roles.roles().iter().map(|role| format!("role {}", role.role_name())));
    let schedules = aws_sdk_scheduler::Client::new(sdk).list_schedules().send().await.expect("schedules");
    all.extend(schedules.schedules().iter().map(|one| format!("schedule {}", one.name().unwrap_or_default())));
    let groups = aws_sdk_cloudwatchlogs::Client::new(sdk).describe_log_groups().send().await.expect("log groups");
    all.extend(groups.log_groups().iter().map(|group| format!("log group {}", group.log_group_name().unwrap_or("?"))));
    let cloudwatch = aws_sdk_cloudwatch::Client::new(sdk);
    let alarms = cloudwatch.describe_alarms().send().await.expect("alarms");
    all.extend(alarms.metric_alarms().iter().map(|alarm| format!("alarm {}", alarm.alarm_name().unwrap_or("?"))));
    let dashboards = cloudwatch.list_dashboards().send().await.expect("dashboards");
    let dashboards = dashboards.dashboard_entries().iter().map(|one| one.dashboard_name().unwrap_or("?"));
    all.extend(dashboards.map(|name| format!("dashboard {name}")));
    let topics = aws_sdk_sns::Client::new(sdk);
    let found = topics.list_topics().send().await.expect("topics");
    all.extend(found.topics().iter().map(|topic| format!("topic {}", topic.topic_arn().unwrap_or("?"))));
    let found = topics.list_subscriptions().send().await.expect("subscriptions");
    all.extend(found.subscriptions().iter().map(|one| {
        let (topic, endpoint) = (one.topic_arn().unwrap_or("?"), one.endpoint().unwrap_or("?"));
        format!("subscription of {endpoint} to {topic}")
    }));
    all.extend(catalog::all(sdk).await.into_iter().map(|name| format!("catalog {name}")));
    all
}

fn last(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

async fn stacks(sdk: &SdkConfig, all: &mut Inventory) {
    let client = aws_sdk_cloudformation::Client::new(sdk);
    let found = client.describe_stacks().send().await.expect("stacks");
    for stack in found.stacks() {
        let status = stack.stack_status().map_or("?", |status| status.as_str());
        if status == "DELETE_COMPLETE" {
            continue;
        }
        let name = stack.stack_name().unwrap_or_default();
        all.insert(format!("stack {name}: {status}, protected {:?}", stack.enable_termination_protection()));
        for output in stack.outputs() {
            let (key, value) = (output.output_key().unwrap_or_default(), output.output_value().unwrap_or_default());
            all.insert(format!("output {name} {key}: {value}"));
        }
        for parameter in stack.parameters() {
            let (key, value) =
                (parameter.parameter_key().unwrap_or_default(), parameter.parameter_value().unwrap_or_default());
            // It is a time, which differs from run to run.
            let value = if key == "Ready" && !value.is_empty() { "a time" } else { value };
            all.insert(format!("parameter {name} {key}: {value}"));
        }
        let sets = client.list_change_sets().stack_name(name).send().await.expect("change sets");
        for set in sets.summaries() {
            let execution = set.execution_status().map_or("?", |status| status.as_str());
            // What was carried out is history.
            if !execution.starts_with("EXECUTE_") {
                all.insert(format!("change set {}: {execution}", set.change_set_name().unwrap_or_default()));
            }
        }
    }
}

async fn functions(sdk: &SdkConfig, all: &mut Inventory) {
    let client = aws_sdk_lambda::Client::new(sdk);
    for function in client.list_functions().send().await.expect("functions").functions() {
        let (name, memory) = (function.function_name().unwrap_or_default(), function.memory_size());
        let hash = function.code_sha256().unwrap_or_default();
        all.insert(format!("function {name}: {memory:?} MB, code {hash}"));
    }
    let mappings = client.list_event_source_mappings().send().await.expect("mappings");
    for mapping in mappings.event_source_mappings() {
        let (from, to) = (mapping.event_source_arn().unwrap_or_default(), mapping.function_arn().unwrap_or_default());
        all.insert(format!("mapping {from} to {to}"));
    }
}

async fn tables(sdk: &SdkConfig, all: &mut Inventory) {
    let client = aws_sdk_dynamodb::Client::new(sdk);
    for table in client.list_tables().send().await.expect("tables").table_names() {
        all.insert(format!("table {table}"));
        let rows = client.scan().table_name(table).consistent_read(true).send().await.expect("rows");
        for row in rows.items() {
            let row: BTreeMap<&String, &AttributeValue> = row.iter().collect();
            all.insert(format!("row of {table}: {row:?}"));
        }
    }
}

/// The keys of each bucket, and its settings.
async fn buckets(sdk: &SdkConfig, all: &mut Inventory) {
    let client = aws_sdk_s3::Client::new(sdk);
    for bucket in client.list_buckets().send().await.expect("buckets").buckets() {
        let name = bucket.name().unwrap_or_default();
        let tags = client.get_bucket_tagging().bucket(name).send().await;
        let tags = match &tags {
            Ok(tags) => tags.tag_set().iter().map(|tag| format!(" {}={}", tag.key(), tag.value())).collect(),
            Err(error) => format!(" {}", error.code().unwrap_or("?")),
        };
        let versions = client.get_bucket_versioning().bucket(name).send().await.expect("versioning");
        let policy = client.get_bucket_policy().bucket(name).send().await.ok();
        let policy = policy.and_then(|answer| answer.policy).unwrap_or_default();
        all.insert(format!("bucket {name}: {:?},{tags}, {policy}", versions.status()));
        let objects = client.list_objects_v2().bucket(name).send().await.expect("objects");
        all.extend(objects.contents().iter().map(|object| format!("object {name}/{}", object.key().unwrap_or("?"))));
    }
}

/// The lines that only one of them has.
pub fn difference(expected: &Inventory, found: &Inventory) -> Vec<String> {
    let missing = expected.difference(found).map(|line| format!("missing: {line}"));
    missing.chain(found.difference(expected).map(|line| format!("too much: {line}"))).collect()
}
