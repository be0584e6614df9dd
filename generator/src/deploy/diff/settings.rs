//! Settings before and after: properties that differ, in the words of the pipeline's file.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::gathered::{Altered, Derived, Gathered, Setting};
use super::template::Definition;
use super::words::{holds, tidy};
use super::{Both, variables};

/// Where in the list a setting stands: the order of the file, then what the file does not know.
const ORDER: [&str; 10] =
    ["pipeline", "schedule", "sources", "stages", "sinks", "functions", "logs", "data", "iam", "runtime"];

/// All settings that differ, and what follows from them.
pub fn compare(both: &Both<'_>) -> (Vec<Setting>, Vec<Derived>) {
    let mut gathered = Gathered::default();
    let description = |text: &Option<String>| text.clone().map(Value::from);
    let (before, after) = (description(&both.before.description), description(&both.after.description));
    gathered.setting("pipeline.description", Altered::Changed, before, after, None, &[]);
    variables::compare(both, &mut gathered);
    for (id, was, is) in both.common() {
        let mut path = Vec::new();
        let mut found = Vec::new();
        leaves(&mut path, Some(&was.properties), Some(&is.properties), &mut found);
        for leaf in found {
            translate(both, id, was, leaf, &mut gathered);
        }
        rest(id, was, is, &mut gathered);
    }
    let rank = |name: &str| {
        let first = name.split('.').next().unwrap_or_default();
        (ORDER.iter().position(|known| *known == first).unwrap_or(ORDER.len()), name.to_owned())
    };
    gathered.settings.sort_by_key(|setting| rank(&setting.name));
    gathered.derived.sort_by(|a, b| (&a.what, &a.of).cmp(&(&b.what, &b.of)));
    (gathered.settings, gathered.derived)
}

/// A place where two values differ.
struct Leaf {
    path: Vec<String>,
    before: Option<Value>,
    after: Option<Value>,
}

impl Leaf {
    /// Another look at both values.
    fn map(&self, look: impl Fn(&Value) -> Value) -> (Option<Value>, Option<Value>) {
        (self.before.as_ref().map(&look), self.after.as_ref().map(&look))
    }

    fn whole(&self) -> (Option<Value>, Option<Value>) {
        (self.before.clone(), self.after.clone())
    }
}

/// All places where two values differ; a list is one place, and so is what refers to another resource.
fn leaves(path: &mut Vec<String>, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Leaf>) {
    if before == after {
        return;
    }
    let table = |value: Option<&Value>| {
        let refers = |map: &&Map<String, Value>| map.keys().any(|key| key == "Ref" || key.starts_with("Fn::"));
        value.and_then(Value::as_object).filter(|map| !refers(map)).cloned()
    };
    if let (Some(was), Some(is)) = (table(before), table(after)) {
        let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for key in keys {
            path.push(key.clone());
            leaves(path, was.get(key), is.get(key), found);
            path.pop();
        }
    } else {
        found.push(Leaf { path: path.clone(), before: before.cloned(), after: after.cloned() });
    }
}

/// A text as the number or flag that it writes.
fn typed(value: &Value) -> Value {
    match value.as_str() {
        Some("true") => true.into(),
        Some("false") => false.into(),
        Some(text) => text.parse::<i64>().map_or_else(|_| value.clone(), Value::from),
        None => value.clone(),
    }
}

/// The first digits of the hash by which a runtime is named.
fn digits(value: &Value) -> Value {
    let Some(text) = value.as_str() else { return value.clone() };
    let name = text.rsplit('/').next().unwrap_or(text);
    name.split('.').next().unwrap_or(name).chars().take(12).collect::<String>().into()
}

fn translate(both: &Both<'_>, id: &str, was: &Definition, leaf: Leaf, gathered: &mut Gathered) {
    let path: Vec<&str> = leaf.path.iter().map(String::as_str).collect();
    let mut put = |name: &str, (before, after): (Option<Value>, Option<Value>)| {
        gathered.setting(name, Altered::Changed, before, after, None, &[id]);
    };
    let on = |word: &'static str| move |value: &Value| Value::from(value.as_str() == Some(word));
    let service = was.kind.trim_start_matches("AWS::");
    match (service, path.as_slice()) {
        // What says nothing, and what is said elsewhere: variables, permissions, retention.
        (_, ["Tags", ..])
        | ("Lambda::Function", ["Environment", "Variables", ..])
        | ("IAM::Role", ["Policies" | "AssumeRolePolicyDocument" | "ManagedPolicyArns", ..])
        | ("SQS::QueuePolicy" | "S3::BucketPolicy" | "SNS::TopicPolicy", ["PolicyDocument", ..]) => {}
        ("SQS::Queue", ["SqsManagedSseEnabled"]) => {}
        ("SQS::Queue" | "SNS::Topic", ["KmsMasterKeyId"])
        | ("Lambda::Function" | "Scheduler::Schedule", ["KmsKeyArn"])
        | ("Logs::LogGroup", ["KmsKeyId"])
        | ("DynamoDB::Table", ["SSESpecification", ..])
        | ("S3::Bucket", ["BucketEncryption", ..])
            if is_keyed(&leaf.before) != is_keyed(&leaf.after) =>
        {
            put("data.kms", (Some(is_keyed(&leaf.before).into()), Some(is_keyed(&leaf.after).into())));
        }
        ("KMS::Key", ["KeyPolicy", ..]) => {
            let (before, after) = leaf.map(log_groups);
            gathered.derived("log groups that use it", &both.words(id), before, after, &[id]);
        }
        ("DynamoDB::Table", ["DeletionProtectionEnabled"]) if retention_moves(both, id) => {}
        ("Lambda::Function", ["MemorySize"]) => put("functions.memory_mb", leaf.map(typed)),
        ("Lambda::Function", ["Timeout"]) => put("functions.timeout_s", leaf.map(typed)),
        ("Lambda::Function", ["Architectures"]) => {
            put("functions.architecture", leaf.map(|list| list.get(0).cloned().unwrap_or_else(|| list.clone())));
        }
        ("Lambda::Function", ["TracingConfig", ..]) => {
            let active = |value: &Option<Value>| {
                let mode = value.as_ref().and_then(|value| value.get("Mode").unwrap_or(value).as_str());
                Some(Value::from(mode == Some("Active")))
            };
            put("functions.tracing", (active(&leaf.before), active(&leaf.after)));
        }
        ("Lambda::Function", ["Code", "S3Key"]) => put("runtime", leaf.map(digits)),
        ("Lambda::Function", ["Code", "S3Bucket"]) => put("runtime's bucket", leaf.whole()),
        ("Scheduler::Schedule", ["ScheduleExpression"]) => put("schedule.expression", leaf.whole()),
        ("Scheduler::Schedule", ["ScheduleExpressionTimezone"]) => put("schedule.timezone", leaf.whole()),
        ("Scheduler::Schedule", ["State"]) => put("schedule.enabled", leaf.map(on("ENABLED"))),
        ("Scheduler::Schedule", ["Target", "Input"]) => given(&leaf, id, gathered),
        ("Logs::LogGroup", ["RetentionInDays"]) => put("logs.retention_days", leaf.map(typed)),
        ("IAM::Role", ["PermissionsBoundary"]) => put("iam.permissions_boundary", leaf.whole()),
        ("Glue::Table", ["TableInput", "StorageDescriptor", "Columns"]) => {
            let names = |list: &Value| {
                let names = list.as_array().into_iter().flatten().filter_map(|one| one.get("Name")?.as_str());
                Value::from(names.collect::<Vec<_>>().join(", "))
            };
            let (before, after) = leaf.map(names);
            gathered.derived("columns that Athena sees", &both.words(id), before, after, &[id]);
        }
        ("Glue::Table", ["TableInput", "StorageDescriptor", "Location"]) => {
            let (before, after) = leaf.map(|place| place.get("Fn::Sub").unwrap_or(place).clone());
            gathered.derived("where Athena looks for it", &both.words(id), before, after, &[id]);
        }
        // What follows from the form and the place of the objects, which are told.
        ("Glue::Table", ["TableInput", "StorageDescriptor", "SerdeInfo", "Parameters", ..])
        | (
            "Glue::Table",
            ["TableInput", "Parameters", "classification" | "skip.header.line.count" | "storage.location.template"],
        ) => {}
        ("SNS::Subscription", ["Endpoint"]) => {
            let sink = both.is.sink(id.strip_suffix("Subscription").unwrap_or(id));
            let path = sink.map_or_else(|| id.to_owned(), |sink| sink.path.clone());
            put(&format!("{path}.email"), leaf.whole());
        }
        ("S3::Bucket", ["LifecycleConfiguration", ..]) => lifecycle(both, id, &leaf, gathered),
        _ => match derived(service, &path) {
            Some(what) => {
                let (before, after) = leaf.map(typed);
                gathered.derived(what, &both.words(id), before, after, &[id]);
            }
            None => put(&format!("{id}.{}", path.join(".")), leaf.map(typed)),
        },
    }
}

/// The log groups that a key's policy names.
fn log_groups(statements: &Value) -> Value {
    let named = statements.as_array().into_iter().flatten();
    let arns =
        named.filter_map(|one| one.pointer("/Condition/ArnEquals/kms:EncryptionContext:aws:logs:arn")?.as_array());
    let last =
        |arn: &Value| arn.to_string().trim_end_matches(['"', '}']).rsplit('/').next().unwrap_or_default().to_owned();
    Value::from(arns.flatten().map(last).collect::<Vec<_>>().join(", "))
}

/// Whether a value names a customer key.
fn is_keyed(value: &Option<Value>) -> bool {
    value
        .as_ref()
        .is_some_and(|value| value.to_string().contains("Key.Arn") || value.to_string().contains(r#""Key","Arn""#))
}

/// Properties that the plan derives.
fn derived(service: &str, path: &[&str]) -> Option<&'static str> {
    Some(match (service, path) {
        ("SQS::Queue", ["VisibilityTimeout"]) => "visibility timeout, seconds",
        ("SQS::Queue", ["MessageRetentionPeriod"]) => "retention of messages, seconds",
        ("SQS::Queue", ["RedrivePolicy", "maxReceiveCount"]) => "receives before the dead-letter queue",
        ("SQS::Queue", ["RedriveAllowPolicy", ..]) => "queues that it takes dead letters from",
        ("Lambda::EventSourceMapping", ["ScalingConfig", "MaximumConcurrency"]) => {
            "instances at once (functions.max_concurrency, or a share of the quota)"
        }
        ("Lambda::EventSourceMapping", ["BatchSize"]) => "messages of one invocation",
        ("Lambda::EventInvokeConfig", ["MaximumRetryAttempts"])
        | ("Scheduler::Schedule", ["Target", "RetryPolicy", "MaximumRetryAttempts"]) => "attempts after a failure",
        ("Scheduler::Schedule", ["Target", "RetryPolicy", "MaximumEventAgeInSeconds"]) => {
            "seconds until a firing is given up"
        }
        ("Lambda::Function", ["Description"]) => "description",
        ("DynamoDB::Table", ["TableName"])
        | ("S3::Bucket", ["BucketName"])
        | ("SNS::Topic", ["TopicName"])
        | ("Glue::Database", ["DatabaseInput", "Name"])
        | ("Glue::Table", ["TableInput", "Name"]) => "name",
        ("Glue::Table", ["TableInput", "StorageDescriptor", "SerdeInfo", "SerializationLibrary"]) => {
            "what reads it for Athena"
        }
        ("Glue::Database", ["DatabaseInput", "Description"]) => "description",
        ("DynamoDB::Table", ["KeySchema"]) => "keys",
        ("DynamoDB::Table", ["AttributeDefinitions"]) => "key attributes",
        ("DynamoDB::Table", ["TimeToLiveSpecification", ..]) => "end of rows",
        _ => return None,
    })
}

/// Items that the schedule itself carries, by source.
fn given(leaf: &Leaf, id: &str, gathered: &mut Gathered) {
    let read = |value: &Option<Value>| -> Map<String, Value> {
        let text = value.as_ref().and_then(Value::as_str).unwrap_or_default();
        let input = serde_json::from_str::<Value>(text).unwrap_or_default();
        input.get("given").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let (was, is) = (read(&leaf.before), read(&leaf.after));
    let mut told = false;
    let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    for source in keys.into_iter().filter(|source| was.get(*source) != is.get(*source)) {
        let items = |side: &Map<String, Value>| side.get(source)?.get("items")?.as_array().cloned();
        let (before, after) = (items(&was).unwrap_or_default(), items(&is).unwrap_or_default());
        let key = is.get(source).and_then(|source| source.get("key")).and_then(Value::as_str).unwrap_or("name");
        let note = difference(&before, &after, key);
        gathered.setting(
            &format!("sources.{source}.items"),
            Altered::Changed,
            Some(before.into()),
            Some(after.into()),
            Some(note),
            &[id],
        );
        told = true;
    }
    if !told {
        gathered.derived("input", "schedule", leaf.before.clone(), leaf.after.clone(), &[id]);
    }
}

/// Names that are told of a longer list.
const TOLD: usize = 10;

/// The items that come and go, by their names.
fn difference(before: &[Value], after: &[Value], key: &str) -> String {
    let name = |item: &Value| item.as_str().or_else(|| item.get(key)?.as_str()).unwrap_or("?").to_owned();
    let missing = |these: &[Value], those: &[Value], sign: &str| -> Vec<String> {
        let those: BTreeSet<String> = those.iter().map(name).collect();
        these
            .iter()
            .map(name)
            .filter(|item| !those.contains(item))
            .map(|item| format!("{sign} {}", tidy(&item)))
            .collect()
    };
    let mut words = missing(after, before, "+");
    words.extend(missing(before, after, "-"));
    if words.is_empty() {
        return "other attributes, or another order".into();
    }
    let more = words.len().saturating_sub(TOLD);
    words.truncate(TOLD);
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    words.join(", ")
}

/// The rules of a bucket: one of them is a setting of its sink.
fn lifecycle(both: &Both<'_>, id: &str, leaf: &Leaf, gathered: &mut Gathered) {
    let rules = |value: &Option<Value>| {
        let list = value.as_ref().and_then(|value| value.get("Rules").unwrap_or(value).as_array()).cloned();
        let (ends, others): (Vec<Value>, Vec<Value>) =
            list.unwrap_or_default().into_iter().partition(|rule| rule.get("Id").is_some_and(|id| id == "end"));
        (ends.first().and_then(|rule| rule.get("ExpirationInDays")).map(typed), others)
    };
    let ((was_end, was), (is_end, is)) = (rules(&leaf.before), rules(&leaf.after));
    let path = both.manifest.resources.get(id).map_or(id, |resource| resource.path.as_str());
    gathered.setting(&format!("{path}.expire_days"), Altered::Changed, was_end, is_end, None, &[id]);
    gathered.derived("rules of old versions", &both.words(id), Some(was.into()), Some(is.into()), &[id]);
}

fn retention_moves(both: &Both<'_>, id: &str) -> bool {
    let policy = |side: &super::Template| side.resources.get(id).map(|resource| resource.keeps("DeletionPolicy"));
    policy(&both.before) != policy(&both.after)
}

/// What is said of a resource beside its properties.
fn rest(id: &str, was: &Definition, is: &Definition, gathered: &mut Gathered) {
    let retains = |side: &Definition, policy: &str| side.keeps(policy);
    let moves = |policy: &str| retains(was, policy) != retains(is, policy);
    let keys: BTreeSet<&String> = was.rest.keys().chain(is.rest.keys()).collect();
    for key in keys {
        let (before, after) = (was.rest.get(key).cloned(), is.rest.get(key).cloned());
        match key.as_str() {
            "DeletionPolicy" if holds(&was.kind).is_some() && moves(key) => {
                let (before, after) = (Some(retains(was, key).into()), Some(retains(is, key).into()));
                gathered.setting("data.retain", Altered::Changed, before, after, None, &[id]);
            }
            "UpdateReplacePolicy" if moves(key) && moves("DeletionPolicy") => {}
            _ => gathered.setting(&format!("{id}.{key}"), Altered::Changed, before, after, None, &[id]),
        }
    }
}
