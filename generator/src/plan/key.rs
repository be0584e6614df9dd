//! The customer key of an environment, if `[data] kms` asks for one, and what each call needs of it.

use serde::Serialize;

use super::functions::LogGroupPlan;
use super::pages;
use super::reasons::Reasons;
use super::template_value::{ACCOUNT, IN_TEMPLATE, LogicalId, PARTITION, REGION, SUFFIX, TemplateValue};
use super::{PlannedResource, ResourceNames};
use crate::config::pipeline::Pipeline;
use crate::resources::{self, KeyUse, kms, logs};

/// The setting that asks for the key.
pub const PATH: &str = "data.kms";
/// Days between the deletion request and the deletion: KMS's maximum, free of charge. Backups of a deleted table, which
/// DynamoDB keeps for 35 days, stay readable for most of that time.
const WAITING_DAYS: u64 = 30;

/// A key of the Key Management Service, with its alias.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeyPlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// The alias, within the template.
    pub alias: LogicalId,
    /// The alias, by which people know it.
    pub name: TemplateValue,
    /// What it is, in a line.
    pub description: String,
    /// Days from its deletion until it is gone.
    pub waiting_days: u64,
    /// Who administers it: the account, in whose policies everything else is allowed.
    pub account: TemplateValue,
    /// The principal of CloudWatch Logs, the only service that calls KMS as itself.
    pub logs: TemplateValue,
    /// What that principal may do.
    pub logs_actions: Vec<&'static str>,
    /// The log groups for which it may do so.
    pub groups: Vec<TemplateValue>,
    /// Whether it outlives the stack, as the data that it encrypts does.
    pub retain: bool,
    /// What asked for it.
    pub path: &'static str,
}

impl KeyPlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 2] {
        [
            PlannedResource::unnamed(&kms::KEY, &self.id, self.path),
            PlannedResource::named(&kms::ALIAS, &self.alias, &self.name, self.path),
        ]
    }
}

/// The ARN of the key.
pub fn arn() -> TemplateValue {
    TemplateValue::Arn(id())
}

fn id() -> LogicalId {
    LogicalId::of("", "Key")
}

/// The key, where there is one.
pub fn plan(
    pipeline: &Pipeline,
    names: &ResourceNames,
    groups: &[LogGroupPlan],
    reasons: &mut Reasons,
) -> Option<KeyPlan> {
    let Some(KeyUse::ByService { principal, actions }) = logs::LOG_GROUP.key_use else { return None };
    pipeline.data.kms.then(|| {
        let name = reasons.derive(
            PATH,
            "alias of the key",
            format!("alias/{}", names.stack()),
            "one key for all data of the environment; it is rotated every year, and older data stays readable",
            pages::KMS_ROTATION,
        );
        let of_functions: Vec<&str> = groups.iter().filter_map(|group| group.name.plain().rsplit('/').next()).collect();
        reasons.derive(
            PATH,
            "log groups that use it",
            of_functions.join(", "),
            "CloudWatch Logs uses the key in its own name, and may do so for the logs of the functions only",
            "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",
        );
        KeyPlan {
            alias: id().with("Alias"),
            id: id(),
            name: TemplateValue::physical(name),
            description: format!("All that {} keeps", names.stack()),
            waiting_days: reasons.derive(
                PATH,
                "days until a deleted key is gone (PendingWindowInDays)",
                WAITING_DAYS,
                "KMS's maximum, free of charge: time to notice that something still needs it",
                pages::KMS_DELETION,
            ),
            account: TemplateValue::physical(format!("arn:{PARTITION}:iam::{ACCOUNT}:root")),
            logs: TemplateValue::physical(format!("{principal}.{REGION}.{SUFFIX}")),
            logs_actions: actions.to_vec(),
            groups: (groups.iter())
                .map(|group| TemplateValue::physical(logs::LOG_GROUP.arn(group.name.plain(), IN_TEMPLATE)))
                .collect(),
            retain: pipeline.data.retain,
            path: PATH,
        }
    })
}

/// What a call needs of the key that encrypts the resource: the service's name in `kms:ViaService`, and the actions. `None`
/// if the call needs nothing.
pub fn needed(action: &str) -> Option<(&'static str, &'static [&'static str])> {
    resources::ALL.iter().find_map(|card| {
        let Some(KeyUse::ByCaller { via, calls }) = card.key_use else { return None };
        let known = calls.iter().find(|known| known.calls.contains(&action))?;
        Some((via, known.need))
    })
}

/// The value of `kms:ViaService` for calls that a service makes on behalf of a caller.
pub fn via(service: &str) -> String {
    format!("{service}.{REGION}.{SUFFIX}")
}
