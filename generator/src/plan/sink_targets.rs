//! The queues and topics of sinks, which consumers outside the pipeline read.

use serde::Serialize;

use super::pages;
use super::queues::{QueuePlan, VISIBILITY_S, retention};
use super::reasons::Reasons;
use super::template_value::{LogicalId, TemplateValue};
use super::{PlannedResource, ResourceNames};
use crate::resources::sns;

/// An SNS topic.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopicPlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: TemplateValue,
    /// Its policy, which denies plain HTTP: the logical id.
    pub policy: LogicalId,
    /// The ARNs of the alarms that may publish to it.
    pub alarms: Vec<TemplateValue>,
    /// What asked for it.
    pub path: String,
}

impl TopicPlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 2] {
        [
            PlannedResource::named(&sns::TOPIC, &self.id, &self.name, &self.path),
            PlannedResource::unnamed(&sns::TOPIC_POLICY, &self.policy, &self.path).part_of(&self.id),
        ]
    }
}

/// A subscription to a topic.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SubscriptionPlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// The topic.
    pub topic: LogicalId,
    /// How messages are delivered: `email` or `lambda`.
    pub protocol: &'static str,
    /// The address, which must confirm before it receives anything; or the function.
    pub endpoint: TemplateValue,
    /// What asked for it.
    pub path: String,
}

impl SubscriptionPlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 1] {
        [PlannedResource::unnamed(&sns::SUBSCRIPTION, &self.id, &self.path)]
    }
}

/// The queue of a sink. Its messages only pass through, so it is deleted with the stack whatever `[data] retain` says.
pub fn queue(names: &ResourceNames, name: &str, path: &str, reasons: &mut Reasons) -> QueuePlan {
    QueuePlan {
        visibility_s: reasons.derive(
            path,
            "visibility timeout of the queue, seconds",
            VISIBILITY_S,
            "the default of SQS: a consumer that needs longer can extend it per message",
            pages::SQS_VISIBILITY,
        ),
        retention_s: retention(path, "messages of the queue", reasons),
        for_others: true,
        ..QueuePlan::new(LogicalId::of(name, "Queue"), names.of_part(name), path)
    }
}

/// The topic of a sink, with its first subscription. It is never under `alias/aws/sns`, whose policy allows no other
/// service.
pub fn topic(
    names: &ResourceNames,
    name: &str,
    email: Option<String>,
    path: &str,
    reasons: &mut Reasons,
) -> (TopicPlan, Option<SubscriptionPlan>) {
    let id = LogicalId::of(name, "Topic");
    let subscription = email.map(|email| SubscriptionPlan {
        id: LogicalId::of(name, "Subscription"),
        topic: id.clone(),
        protocol: "email",
        endpoint: TemplateValue::Literal(reasons.derive(
            path,
            "subscription by e-mail",
            email,
            "SNS asks the address once: nothing is delivered until the recipient confirms",
            "https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html",
        )),
        path: path.to_owned(),
    });
    let topic = TopicPlan {
        policy: id.with("Policy"),
        id,
        name: TemplateValue::physical(names.of_part(name)),
        alarms: Vec::new(),
        path: path.to_owned(),
    };
    (topic, subscription)
}
