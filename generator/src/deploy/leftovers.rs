//! Which resources of an environment still exist, asked of each service and not of CloudFormation.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::aws::account::{Account, CallerIdentity};
use super::aws::call_error::CallError;
use super::aws::cloudwatch::CloudWatchClient;
use super::aws::dynamodb::DynamoDbClient;
use super::aws::iam::IamClient;
use super::aws::kms::KmsClient;
use super::aws::lambda::LambdaClient;
use super::aws::logs::LogsClient;
use super::aws::s3::buckets::{BucketOwner, BucketsClient};
use super::aws::scheduler::SchedulerClient;
use super::aws::sns::SnsClient;
use super::aws::sqs::SqsClient;
use super::generated::Manifest;
use crate::resources::{self, Lookup};

/// How many calls may be open at once.
const AT_ONCE: usize = 8;

/// A resource, and whether it exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Found {
    /// Its logical id.
    pub id: String,
    /// Its CloudFormation type.
    pub kind: String,
    /// Its physical name; for an event source mapping, which has none, the function's.
    pub name: String,
    /// The path in the pipeline's file that asked for it.
    pub path: String,
    /// Whether it exists.
    pub there: bool,
    /// Whether its name is taken by another account, which only a bucket's can be. It does not count as existing.
    #[serde(skip)]
    pub elsewhere: bool,
}

impl Found {
    /// What people call it.
    #[must_use]
    pub fn word(&self) -> &str {
        let Some(card) = resources::find(&self.kind) else { return &self.kind };
        match card.lookup {
            // These two are asked about something else than the resource itself.
            Some(Lookup::KeyOfAlias) => "key",
            Some(Lookup::MappingsOfFunction) => "event source mapping of",
            _ => card.noun,
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.word(), self.name, self.path)
    }
}

/// The services that are asked.
struct LookupServices {
    alarms: CloudWatchClient,
    functions: LambdaClient,
    keys: KmsClient,
    logs: LogsClient,
    queues: SqsClient,
    roles: IamClient,
    schedules: SchedulerClient,
    tables: DynamoDbClient,
    topics: SnsClient,
    contents: BucketsClient,
}

impl LookupServices {
    /// Whether a resource exists.
    async fn there(&self, lookup: Lookup, name: &str) -> Result<bool, CallError> {
        match lookup {
            Lookup::Alarm => self.alarms.has_alarm(name).await,
            Lookup::Bucket => self.contents.owner(name).await.map(|owner| owner == BucketOwner::ThisAccount),
            Lookup::Dashboard => self.alarms.has_dashboard(name).await,
            Lookup::Function => self.functions.exists(name).await,
            Lookup::KeyOfAlias => self.keys.exists(name).await,
            Lookup::LogGroup => self.logs.exists(name).await,
            Lookup::MappingsOfFunction => self.functions.mappings(name).await.map(|count| count > 0),
            Lookup::Queue => self.queues.exists(name).await,
            Lookup::Role => self.roles.exists(name).await,
            Lookup::Schedule => self.schedules.find(name).await.map(|found| found.is_some()),
            Lookup::Table => self.tables.find(name).await.map(|found| found.is_some()),
            Lookup::Topic => self.topics.exists(name).await,
        }
    }
}

/// Asks for every resource whose card says how, in the order of the logical ids.
///
/// # Errors
/// The first call that failed.
pub async fn look(manifest: &Manifest, caller: &CallerIdentity, account: &Account) -> Result<Vec<Found>, CallError> {
    let services = Arc::new(LookupServices {
        alarms: CloudWatchClient::open(account),
        functions: LambdaClient::open(account),
        keys: KmsClient::open(account),
        logs: LogsClient::open(account),
        queues: SqsClient::open(account),
        roles: IamClient::open(account),
        schedules: SchedulerClient::open(account),
        tables: DynamoDbClient::open(account),
        topics: SnsClient::open(account, caller),
        contents: BucketsClient::open(account, &caller.account),
    });
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut asking = JoinSet::new();
    for (lookup, found) in asked(manifest, caller) {
        let (services, permits) = (Arc::clone(&services), Arc::clone(&permits));
        asking.spawn(async move {
            // The semaphore is never closed. Even without a permit, the call would only start earlier.
            let _permit = permits.acquire().await;
            if let Lookup::Bucket = lookup {
                let owner = services.contents.owner(&found.name).await?;
                let (there, elsewhere) = (owner == BucketOwner::ThisAccount, owner == BucketOwner::SomebodyElse);
                return Ok(Found { there, elsewhere, ..found });
            }
            services.there(lookup, &found.name).await.map(|there| Found { there, ..found })
        });
    }
    let mut all = BTreeSet::new();
    while let Some(answer) = asking.join_next().await {
        // A panicked task has printed its message; it must not be mistaken for a resource that is gone.
        let answer = answer.map_err(|error| CallError::Unreachable { action: "look", reason: error.to_string() })?;
        all.insert(answer?);
    }
    Ok(all.into_iter().collect())
}

/// What to ask for, before it is known whether it exists.
fn asked(manifest: &Manifest, caller: &CallerIdentity) -> Vec<(Lookup, Found)> {
    manifest
        .resources
        .iter()
        .filter_map(|(id, resource)| {
            let card = resources::find(&resource.kind)?;
            let name = manifest.name_by_card(card, resource, caller)?;
            let (kind, path) = (resource.kind.clone(), resource.path.clone());
            Some((card.lookup?, Found { id: id.clone(), kind, name, path, there: false, elsewhere: false }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_whose_card_says_how_is_asked_for() {
        let plan = include_str!("../../../generated/dev/plan.json");
        let manifest: Manifest = serde_json::from_str(plan).expect("a manifest");
        let caller = CallerIdentity { account: "123456789012".into(), arn: "arn:aws:iam::123456789012:user/d".into() };
        let asked = asked(&manifest, &caller);
        let has_lookup = |kind: &str| resources::find(kind).is_some_and(|card| card.lookup.is_some());
        let to_ask = manifest.resources.iter().filter(|(_, resource)| has_lookup(&resource.kind)).map(|(id, _)| id);
        assert_eq!(asked.iter().map(|(_, found)| &found.id).collect::<Vec<_>>(), to_ask.collect::<Vec<_>>());
        let words = |id: &str| asked.iter().find(|(_, found)| found.id == id).map(|(_, found)| found.to_string());
        assert_eq!(words("WorkerMapping").as_deref(), Some("event source mapping of fang-dev-worker (stages.summary)"));
        assert_eq!(
            words("ArchiveBucket").as_deref(),
            Some("bucket fang-dev-archive-123456789012-us-east-1 (sinks.archive)")
        );
    }
}
