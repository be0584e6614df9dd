//! Queues and dead-letter queues, and how long they keep and hide what is in them.

use serde::Serialize;

use super::explain::{Reasons, pages};
use super::text::{IN_TEMPLATE, LogicalId, Text};
use super::{Names, Resource};
use crate::config::shape::Shape;
use crate::resources::sqs;

/// Seconds of fourteen days, SQS's most: whoever looks after dead letters may be on holiday.
const LONGEST_RETENTION_S: u64 = 1_209_600;
/// Receives after which a message is dead. The worker deals with poison itself: this guards against crashes.
pub const RECEIVES: u64 = 10;
/// How long a message that somebody else looks at stays hidden from others: SQS's own default.
pub const VISIBILITY_S: u64 = 30;

/// An SQS queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Queue {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: Text,
    /// How long a message stays hidden from others, in seconds.
    pub visibility_s: u64,
    /// How long a message is kept, in seconds.
    pub retention_s: u64,
    /// Where messages go that were received too often.
    pub dead_letter: Option<DeadLetter>,
    /// Which queues may give up messages to it.
    pub takes: Takes,
    /// The policy that closes it to plain HTTP, within the template.
    pub policy: LogicalId,
    /// Whether others listen to it, and so have to know where it is.
    #[serde(skip)]
    pub listened: bool,
    /// What asked for it.
    pub path: String,
}

impl Queue {
    /// Its resources in the template.
    pub fn resources(&self) -> [Resource<'_>; 2] {
        [
            Resource::named(&sqs::QUEUE, &self.id, &self.name, &self.path),
            Resource::unnamed(&sqs::QUEUE_POLICY, &self.policy, &self.path),
        ]
    }
}

/// From which queues a queue takes dead letters (`RedriveAllowPolicy`; SQS admits all unless told).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all_fields = "camelCase", tag = "redrivePermission")]
pub enum Takes {
    /// From none.
    #[serde(rename = "denyAll")]
    Nothing,
    /// From these, by ARNs that are written out: the queue refers to this one already.
    #[serde(rename = "byQueue")]
    From {
        /// The queues.
        source_queue_arns: Vec<Text>,
    },
}

/// Where messages of a queue go that were received too often.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeadLetter {
    /// ARN of the dead-letter queue: SQS refuses one that does not exist yet, so the queue has to wait for it.
    pub arn: Text,
    /// After how many receives.
    pub after: u64,
}

/// The name of the queue before a function, or of its dead-letter queue.
pub fn queue_name(names: &Names, function: &str, dead: bool) -> String {
    names.of_part(function) + if dead { "-dead" } else { "" }
}

/// The queue before a function.
pub fn queue(names: &Names, shape: &Shape<'_>, timeout: u64, reasons: &mut Reasons) -> Queue {
    let visibility_s = reasons.derive(
        &shape.name,
        "visibility timeout of its queue, seconds",
        6 * timeout,
        format!("6 x the function's timeout of {timeout} s, so that a retry of a throttled batch still fits"),
        pages::SQS_LAMBDA,
    );
    let after = reasons.derive(
        &shape.name,
        "receives before the dead-letter queue",
        RECEIVES,
        "the worker deals with poison itself: this guards against crashes, and AWS asks for 5 at least",
        pages::SQS_ERRORS,
    );
    let id = LogicalId::of(&shape.name, "Queue");
    Queue {
        policy: id.with("Policy"),
        id,
        name: Text::physical(queue_name(names, &shape.name, false)),
        visibility_s,
        retention_s: retention(&shape.name, "messages of its queue", reasons),
        dead_letter: Some(DeadLetter { arn: Text::Arn(LogicalId::of(&shape.name, "DeadQueue")), after }),
        takes: Takes::Nothing,
        listened: false,
        path: shape.path.clone(),
    }
}

/// How long a queue keeps what is in it, in seconds.
pub fn retention(function: &str, what: &str, reasons: &mut Reasons) -> u64 {
    reasons.derive(
        function,
        &format!("retention of {what}, seconds"),
        LONGEST_RETENTION_S,
        "14 days, SQS's most: whoever looks after it may be on holiday",
        pages::SQS_LIMITS,
    )
}

/// The queue of a function's dead letters; `before` is the queue that they come from, unless a service puts them there.
pub fn dead_queue(names: &Names, function: &str, path: &str, before: Option<&Queue>, reasons: &mut Reasons) -> Queue {
    let arn = |queue: &Queue| Text::physical(sqs::QUEUE.arn(queue.name.plain(), IN_TEMPLATE));
    let takes = before.map_or(Takes::Nothing, |queue| Takes::From { source_queue_arns: vec![arn(queue)] });
    let id = LogicalId::of(function, "DeadQueue");
    Queue {
        policy: id.with("Policy"),
        id,
        name: Text::physical(queue_name(names, function, true)),
        visibility_s: reasons.derive(
            function,
            "visibility timeout of its dead-letter queue, seconds",
            VISIBILITY_S,
            "SQS's own default: no function takes from it, only somebody who looks",
            pages::SQS_VISIBILITY,
        ),
        retention_s: retention(function, "dead letters", reasons),
        dead_letter: None,
        takes,
        listened: false,
        path: path.to_owned(),
    }
}
