//! The notifier: the function that posts alarms to Slack, with everything between it and the topic of the alarms.

use fanggen_runtime::function::notifier::NotifierSettings;
use fanggen_runtime::function::{Function, FunctionOutput, Trigger};
use fanggen_runtime::model::run::MAX_CHUNK_ITEMS;
use fanggen_runtime::model::values::SecretArn;
use serde::Serialize;

use super::alarms::{PATH, TOPIC};
use super::functions::{self, ASYNC_RETRIES, FlowPlan, FunctionPlan, InvokeConfigPlan};
use super::pages;
use super::queues::dead_queue;
use super::reasons::Reasons;
use super::sink_targets::SubscriptionPlan;
use super::template_value::{LogicalId, TemplateValue};
use super::{PlannedResource, ResourceNames};
use crate::config::pipeline::Pipeline;
use crate::resources::lambda;

/// Its name in the pipeline.
pub const NOTIFIER: &str = "notifier";

/// Lambda's minimum: it handles one alarm at a time.
const MEMORY_MB: u64 = 128;

/// A read of the secret and a post, each of which ends within ten seconds.
const TIMEOUT_S: u64 = 30;

/// What allows a topic to invoke a function.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PermissionPlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// The function.
    pub function: LogicalId,
    /// The service that invokes it.
    pub service: &'static str,
    /// The topic on whose behalf the service may do so.
    pub topic: LogicalId,
    /// What asked for it.
    pub path: String,
}

impl PermissionPlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 1] {
        [PlannedResource::unnamed(&lambda::PERMISSION, &self.id, &self.path)]
    }
}

/// What connects the notifier to the topic.
pub struct NotifierPlan {
    /// The subscription.
    pub subscription: SubscriptionPlan,
    /// What allows it.
    pub permission: PermissionPlan,
}

/// Adds the notifier to the functions, where alarms are posted to Slack.
pub fn plan(
    pipeline: &Pipeline,
    names: &ResourceNames,
    flow: &mut FlowPlan,
    reasons: &mut Reasons,
) -> Option<NotifierPlan> {
    let secret = pipeline.alarms.slack_url_secret.as_ref()?;
    let id = LogicalId::of(NOTIFIER, "Function");
    let log_group = functions::log_group_of(pipeline, names, NOTIFIER, PATH, reasons);
    let dead = dead_queue(names, NOTIFIER, PATH, None, reasons);
    flow.invokes.push(InvokeConfigPlan {
        id: LogicalId::of(NOTIFIER, "Invoke"),
        function: id.clone(),
        on_failure: dead.id.clone(),
        retries: reasons.derive(
            NOTIFIER,
            "attempts after a failure (MaximumRetryAttempts)",
            ASYNC_RETRIES,
            "Lambda's maximum, within minutes: then the alarm is kept in a dead-letter queue, which has an alarm itself",
            pages::LAMBDA_RETRIES,
        ),
        path: PATH.to_owned(),
    });
    flow.functions.push(FunctionPlan {
        name: TemplateValue::physical(names.of_part(NOTIFIER)),
        description: "Posts alarms to Slack".to_owned(),
        role: LogicalId::of(NOTIFIER, "Role"),
        log_group: log_group.id.clone(),
        architecture: pipeline.functions.architecture.word(),
        memory_mb: reasons.derive(
            NOTIFIER,
            "memory, MB",
            MEMORY_MB,
            "Lambda's minimum: it posts one alarm at a time",
            pages::LAMBDA_LIMITS,
        ),
        timeout_s: reasons.derive(
            NOTIFIER,
            "timeout, seconds",
            TIMEOUT_S,
            "a read of the secret and a post, each of which ends within 10 seconds",
            pages::LAMBDA_LIMITS,
        ),
        tracing: pipeline.functions.tracing,
        variables: functions::variables(&function(pipeline, secret)),
        path: PATH.to_owned(),
        word: NOTIFIER.to_owned(),
        parts: vec![PATH.to_owned()],
        id: id.clone(),
    });
    flow.log_groups.push(log_group);
    flow.queues.push(dead);
    let topic = LogicalId::of(TOPIC, "Topic");
    Some(NotifierPlan {
        subscription: SubscriptionPlan {
            id: LogicalId::of(NOTIFIER, "Subscription"),
            topic: topic.clone(),
            protocol: "lambda",
            endpoint: TemplateValue::Arn(id.clone()),
            path: PATH.to_owned(),
        },
        permission: PermissionPlan {
            id: LogicalId::of(NOTIFIER, "Permission"),
            function: id,
            service: "sns.amazonaws.com",
            topic,
            path: PATH.to_owned(),
        },
    })
}

fn function(pipeline: &Pipeline, secret: &SecretArn) -> Function {
    Function {
        pipeline: pipeline.head.name.to_string(),
        environment: pipeline.environment.clone(),
        name: NOTIFIER.to_owned(),
        contact: pipeline.head.contact.as_ref().map(ToString::to_string),
        state: None,
        chunk_items: MAX_CHUNK_ITEMS,
        trigger: Trigger::Alarms(NotifierSettings { url_secret: secret.clone(), allow: Vec::new() }),
        stages: Vec::new(),
        output: FunctionOutput::Sinks(Vec::new()),
    }
}
