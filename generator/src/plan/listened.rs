//! Queues and topics of sinks, to which others listen.

use serde::Serialize;

use super::explain::{Reasons, pages};
use super::queues::{Queue, Takes, VISIBILITY_S, retention};
use super::text::{LogicalId, Text};
use super::{Names, Resource};
use crate::resources::sns;

/// An SNS topic.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Topic {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: Text,
    /// The policy that closes it to plain HTTP, within the template.
    pub policy: LogicalId,
    /// What asked for it.
    pub path: String,
}

impl Topic {
    /// Its resources in the template.
    pub fn resources(&self) -> [Resource<'_>; 2] {
        [
            Resource::named(&sns::TOPIC, &self.id, &self.name, &self.path),
            Resource::unnamed(&sns::TOPIC_POLICY, &self.policy, &self.path),
        ]
    }
}

/// Who is told by mail of what a topic is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Subscription {
    /// Its name within the template.
    pub id: LogicalId,
    /// The topic.
    pub topic: LogicalId,
    /// The address, which has to confirm before it gets anything.
    pub email: String,
    /// What asked for it.
    pub path: String,
}

impl Subscription {
    /// Its resources in the template.
    pub fn resources(&self) -> [Resource<'_>; 1] {
        [Resource::unnamed(&sns::SUBSCRIPTION, &self.id, &self.path)]
    }
}

/// The queue of a sink. What is in it passes through: it goes with the stack, whatever `[data] retain` says.
pub fn queue(names: &Names, name: &str, path: &str, reasons: &mut Reasons) -> Queue {
    let id = LogicalId::of(name, "Queue");
    Queue {
        policy: id.with("Policy"),
        id,
        name: Text::physical(names.of_part(name)),
        visibility_s: reasons.derive(
            path,
            "visibility timeout of the queue, seconds",
            VISIBILITY_S,
            "SQS's own default: whoever listens knows how long a message takes, and may ask for more of it",
            pages::SQS_VISIBILITY,
        ),
        retention_s: retention(path, "messages of the queue", reasons),
        dead_letter: None,
        takes: Takes::Nothing,
        listened: true,
        path: path.to_owned(),
    }
}

/// The topic of a sink, and who is subscribed to it from the start. It has no key of its own, and never the one that
/// AWS makes for SNS, whose policy lets no other service in.
pub fn topic(
    names: &Names,
    name: &str,
    email: Option<String>,
    path: &str,
    reasons: &mut Reasons,
) -> (Topic, Option<Subscription>) {
    let id = LogicalId::of(name, "Topic");
    let subscription = email.map(|email| Subscription {
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
    let topic =
        Topic { policy: id.with("Policy"), id, name: Text::physical(names.of_part(name)), path: path.to_owned() };
    (topic, subscription)
}
