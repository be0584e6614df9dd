//! Queues and dead-letter queues, and how long they keep and hide what is in them.

use serde::Serialize;

use super::pages;
use super::reasons::Reasons;
use super::template_value::{IN_TEMPLATE, LogicalId, TemplateValue};
use super::{PlannedResource, ResourceNames};
use crate::config::shape::Shape;
use crate::resources::sqs;

/// Seconds of fourteen days, SQS's most: whoever looks after dead letters may be on holiday.
const RETENTION_S: u64 = 1_209_600;
/// Receives after which a message is dead. The worker deals with poison itself: this guards against crashes.
pub const MAX_RECEIVES: u64 = 10;
/// How long a message that somebody else looks at stays hidden from others: SQS's own default.
pub const VISIBILITY_S: u64 = 30;

/// An SQS queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueuePlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: TemplateValue,
    /// How long a message stays hidden from others, in seconds.
    pub visibility_s: u64,
    /// How long a message is kept, in seconds.
    pub retention_s: u64,
    /// Where messages go that were received too often.
    pub dead_letter: Option<RedrivePlan>,
    /// Which queues may give up messages to it.
    pub takes: RedriveSources,
    /// The policy that closes it to plain HTTP, within the template.
    pub policy: LogicalId,
    /// Whether others listen to it, and so have to know where it is.
    #[serde(skip)]
    pub for_others: bool,
    /// What asked for it.
    pub path: String,
}

impl QueuePlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 2] {
        [
            PlannedResource::named(&sqs::QUEUE, &self.id, &self.name, &self.path),
            PlannedResource::unnamed(&sqs::QUEUE_POLICY, &self.policy, &self.path),
        ]
    }
}

/// From which queues a queue takes dead letters (`RedriveAllowPolicy`; SQS admits all unless told).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all_fields = "camelCase", tag = "redrivePermission")]
pub enum RedriveSources {
    /// From none.
    #[serde(rename = "denyAll")]
    Nothing,
    /// From these, by ARNs that are written out: the queue refers to this one already.
    #[serde(rename = "byQueue")]
    From {
        /// The queues.
        source_queue_arns: Vec<TemplateValue>,
    },
}

/// Where messages of a queue go that were received too often.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RedrivePlan {
    /// ARN of the dead-letter queue: SQS refuses one that does not exist yet, so the queue has to wait for it.
    pub arn: TemplateValue,
    /// After how many receives.
    pub after: u64,
}

/// The name of the queue before a function, or of its dead-letter queue.
pub fn queue_name(names: &ResourceNames, function: &str, dead: bool) -> String {
    names.of_part(function) + if dead { "-dead" } else { "" }
}

/// The queue before a function.
pub fn queue(names: &ResourceNames, shape: &Shape<'_>, timeout: u64, reasons: &mut Reasons) -> QueuePlan {
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
        MAX_RECEIVES,
        "the worker deals with poison itself: this guards against crashes, and AWS asks for 5 at least",
        pages::SQS_ERRORS,
    );
    let id = LogicalId::of(&shape.name, "Queue");
    QueuePlan {
        policy: id.with("Policy"),
        id,
        name: TemplateValue::physical(queue_name(names, &shape.name, false)),
        visibility_s,
        retention_s: retention(&shape.name, "messages of its queue", reasons),
        dead_letter: Some(RedrivePlan { arn: TemplateValue::Arn(LogicalId::of(&shape.name, "DeadQueue")), after }),
        takes: RedriveSources::Nothing,
        for_others: false,
        path: shape.path.clone(),
    }
}

/// How long a queue keeps what is in it, in seconds.
pub fn retention(function: &str, what: &str, reasons: &mut Reasons) -> u64 {
    reasons.derive(
        function,
        &format!("retention of {what}, seconds"),
        RETENTION_S,
        "14 days, SQS's most: whoever looks after it may be on holiday",
        pages::SQS_LIMITS,
    )
}

/// The queue of a function's dead letters; `before` is the queue that they come from, unless a service puts them there.
pub fn dead_queue(
    names: &ResourceNames,
    function: &str,
    path: &str,
    before: Option<&QueuePlan>,
    reasons: &mut Reasons,
) -> QueuePlan {
    let arn = |queue: &QueuePlan| TemplateValue::physical(sqs::QUEUE.arn(queue.name.plain(), IN_TEMPLATE));
    let takes =
        before.map_or(RedriveSources::Nothing, |queue| RedriveSources::From { source_queue_arns: vec![arn(queue)] });
    let id = LogicalId::of(function, "DeadQueue");
    QueuePlan {
        policy: id.with("Policy"),
        id,
        name: TemplateValue::physical(queue_name(names, function, true)),
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
        for_others: false,
        path: path.to_owned(),
    }
}
