//! Queues and topics of sinks, to which others listen.

use serde::Serialize;

use super::pages;
use super::queues::{QueuePlan, RedriveSources, VISIBILITY_S, retention};
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
    /// The policy that closes it to plain HTTP, within the template.
    pub policy: LogicalId,
    /// What asked for it.
    pub path: String,
}

impl TopicPlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 2] {
        [
            PlannedResource::named(&sns::TOPIC, &self.id, &self.name, &self.path),
            PlannedResource::unnamed(&sns::TOPIC_POLICY, &self.policy, &self.path),
        ]
    }
}

/// Who is told by mail of what a topic is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SubscriptionPlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// The topic.
    pub topic: LogicalId,
    /// The address, which has to confirm before it gets anything.
    pub email: String,
    /// What asked for it.
    pub path: String,
}

impl SubscriptionPlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 1] {
        [PlannedResource::unnamed(&sns::SUBSCRIPTION, &self.id, &self.path)]
    }
}

/// The queue of a sink. What is in it passes through: it goes with the stack, whatever `[data] retain` says.
pub fn queue(names: &ResourceNames, name: &str, path: &str, reasons: &mut Reasons) -> QueuePlan {
    let id = LogicalId::of(name, "Queue");
    QueuePlan {
        policy: id.with("Policy"),
        id,
        name: TemplateValue::physical(names.of_part(name)),
        visibility_s: reasons.derive(
            path,
            "visibility timeout of the queue, seconds",
            VISIBILITY_S,
            "SQS's own default: whoever listens knows how long a message takes, and may ask for more of it",
            pages::SQS_VISIBILITY,
        ),
        retention_s: retention(path, "messages of the queue", reasons),
        dead_letter: None,
        takes: RedriveSources::Nothing,
        for_others: true,
        path: path.to_owned(),
    }
}

/// The topic of a sink, and who is subscribed to it from the start. It has no key of its own, and never the one that
/// AWS makes for SNS, whose policy lets no other service in.
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
        email: reasons.derive(
            path,
            "subscription by mail",
            email,
            "SNS writes to the address once: nothing comes before somebody there has said yes",
            "https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html",
        ),
        path: path.to_owned(),
    });
    let topic = TopicPlan {
        policy: id.with("Policy"),
        id,
        name: TemplateValue::physical(names.of_part(name)),
        path: path.to_owned(),
    };
    (topic, subscription)
}
