//! Which resources of an environment are there, asked of each service and not of CloudFormation.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::aws::account::{Account, Identity};
use super::aws::call::CallError;
use super::aws::contents::Contents;
use super::aws::functions::Functions;
use super::aws::keys::Keys;
use super::aws::logs::Logs;
use super::aws::queues::Queues;
use super::aws::roles::Roles;
use super::aws::schedules::Schedules;
use super::aws::table::Tables;
use super::aws::topics::Topics;
use super::generated::Manifest;

/// Calls under way at once.
const AT_ONCE: usize = 8;

const FUNCTION: &str = "AWS::Lambda::Function";
const MAPPING: &str = "AWS::Lambda::EventSourceMapping";

/// A resource, and whether it is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Found {
    /// Its name within the template.
    pub id: String,
    /// Its CloudFormation type.
    pub kind: String,
    /// Its physical name; for an event source mapping, which has none, its function's.
    pub name: String,
    /// The path in the pipeline's file that asked for it.
    pub path: String,
    /// Whether it is there.
    pub there: bool,
}

impl Found {
    /// What it is, in one word or two.
    #[must_use]
    pub fn word(&self) -> &str {
        match self.kind.as_str() {
            "AWS::DynamoDB::Table" => "table",
            "AWS::IAM::Role" => "role",
            "AWS::KMS::Alias" => "key",
            FUNCTION => "function",
            MAPPING => "event source mapping of",
            "AWS::Logs::LogGroup" => "log group",
            "AWS::S3::Bucket" => "bucket",
            "AWS::SNS::Topic" => "topic",
            "AWS::SQS::Queue" => "queue",
            "AWS::Scheduler::Schedule" => "schedule",
            other => other,
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.word(), self.name, self.path)
    }
}

/// All doors that are asked.
struct Doors {
    functions: Functions,
    keys: Keys,
    logs: Logs,
    queues: Queues,
    roles: Roles,
    schedules: Schedules,
    tables: Tables,
    topics: Topics,
    contents: Contents,
}

impl Doors {
    /// Whether one is there; none for a type that no service is asked about.
    async fn there(&self, kind: &str, name: &str) -> Option<Result<bool, CallError>> {
        Some(match kind {
            "AWS::DynamoDB::Table" => self.tables.find(name).await.map(|found| found.is_some()),
            "AWS::KMS::Alias" => self.keys.there(name).await,
            "AWS::IAM::Role" => self.roles.there(name).await,
            FUNCTION => self.functions.there(name).await,
            MAPPING => self.functions.mappings(name).await.map(|count| count > 0),
            "AWS::Logs::LogGroup" => self.logs.there(name).await,
            "AWS::S3::Bucket" => self.contents.there(name).await,
            "AWS::SNS::Topic" => self.topics.there(name).await,
            "AWS::SQS::Queue" => self.queues.there(name).await,
            "AWS::Scheduler::Schedule" => self.schedules.find(name).await.map(|found| found.is_some()),
            _ => return None,
        })
    }
}

/// Asks for every resource that has a name, and for the mappings of functions, in the order of their ids. What is part
/// of another resource (a policy of a queue, of a bucket; how a function is invoked) goes with it, and is not asked for;
/// nor is the catalog, which holds nothing: CloudFormation has no way to let go of it, and says so where it cannot delete it.
///
/// # Errors
/// The first call that failed.
pub async fn look(manifest: &Manifest, caller: &Identity, account: &Account) -> Result<Vec<Found>, CallError> {
    let doors = Arc::new(Doors {
        functions: Functions::open(account),
        keys: Keys::open(account),
        logs: Logs::open(account),
        queues: Queues::open(account),
        roles: Roles::open(account),
        schedules: Schedules::open(account),
        tables: Tables::open(account),
        topics: Topics::open(account, caller),
        contents: Contents::open(account, &caller.account),
    });
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut asking = JoinSet::new();
    for found in asked(manifest, caller) {
        let (doors, places) = (Arc::clone(&doors), Arc::clone(&places));
        asking.spawn(async move {
            // Nobody closes the semaphore; without a place the call would only be made at once.
            let _place = places.acquire().await;
            let there = doors.there(&found.kind, &found.name).await?;
            Some(there.map(|there| Found { there, ..found }))
        });
    }
    let mut all = BTreeSet::new();
    while let Some(answer) = asking.join_next().await {
        // A task that panicked has said so on stderr already; it must not pass for a resource that is gone.
        let answer = answer.map_err(|error| CallError::Unreachable { action: "look", reason: error.to_string() })?;
        if let Some(found) = answer {
            all.insert(found?);
        }
    }
    Ok(all.into_iter().collect())
}

/// What is asked for, not known to be there yet.
fn asked(manifest: &Manifest, caller: &Identity) -> Vec<Found> {
    let function_of = |path: &str| {
        let mut functions = manifest.resources.values().filter(|other| other.kind == FUNCTION && other.path == path);
        functions.next().and_then(|function| manifest.physical(function, caller))
    };
    let name_of = |resource: &super::generated::Resource| match resource.kind.as_str() {
        // A mapping and its function were asked for by the same stage.
        MAPPING => function_of(&resource.path),
        _ => manifest.physical(resource, caller),
    };
    manifest
        .resources
        .iter()
        .filter_map(|(id, resource)| {
            let (kind, path) = (resource.kind.clone(), resource.path.clone());
            Some(Found { id: id.clone(), kind, name: name_of(resource)?, path, there: false })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_resource_and_every_mapping_is_asked_for() {
        let plan = include_str!("../../../generated/dev/plan.json");
        let manifest: Manifest = serde_json::from_str(plan).expect("a manifest");
        let caller = Identity { account: "123456789012".into(), arn: "arn:aws:iam::123456789012:user/d".into() };
        let asked = asked(&manifest, &caller);
        let unnamed = ["AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::Lambda::EventInvokeConfig"];
        let part = manifest.resources.values().filter(|resource| unnamed.contains(&resource.kind.as_str())).count();
        assert_eq!(asked.len(), manifest.resources.len() - part);
        let words = |id: &str| asked.iter().find(|found| found.id == id).map(ToString::to_string);
        assert_eq!(words("WorkerMapping").as_deref(), Some("event source mapping of fang-dev-worker (stages.summary)"));
        assert_eq!(
            words("ArchiveBucket").as_deref(),
            Some("bucket fang-dev-archive-123456789012-us-east-1 (sinks.archive)")
        );
    }
}
