//! Queues and dead-letter queues, with their retention and visibility.

use fanggen_runtime::model::message::MAX_MESSAGE_BYTES;
use serde::Serialize;

use super::pages;
use super::reasons::Reasons;
use super::template_value::{IN_TEMPLATE, LogicalId, TemplateValue};
use super::{PlannedResource, ResourceNames};
use crate::config::shape::Shape;
use crate::resources::sqs;

/// 14 days in seconds, SQS's maximum: long enough to return from a holiday.
const RETENTION_S: u64 = 1_209_600;
/// Receives before a message is moved to the dead-letter queue. The worker handles unreadable messages itself: this guards
/// against crashes.
pub const MAX_RECEIVES: u64 = 10;
/// How many timeouts of its function a message is hidden while it is worked on, as AWS advises.
pub const VISIBILITY_FACTOR: u32 = 6;
/// How long a message stays hidden while somebody else reads it: SQS's default.
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
    /// Maximum size of a message with its attributes, in bytes.
    pub max_message_bytes: usize,
    /// Where messages go after too many receives.
    pub dead_letter: Option<RedrivePlan>,
    /// Which queues may use it as their dead-letter queue.
    pub takes: RedriveSources,
    /// Its policy, which denies plain HTTP: the logical id.
    pub policy: LogicalId,
    /// Whether consumers of the user's read it, so that its URL is an output.
    #[serde(skip)]
    pub for_others: bool,
    /// What asked for it.
    pub path: String,
}

impl QueuePlan {
    /// A queue with SQS's default visibility and the longest retention, without a dead-letter queue.
    pub fn new(id: LogicalId, name: String, path: &str) -> Self {
        Self {
            policy: id.with("Policy"),
            id,
            name: TemplateValue::physical(name),
            visibility_s: VISIBILITY_S,
            retention_s: RETENTION_S,
            max_message_bytes: MAX_MESSAGE_BYTES,
            dead_letter: None,
            takes: RedriveSources::Nothing,
            for_others: false,
            path: path.to_owned(),
        }
    }

    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 2] {
        [
            PlannedResource::named(&sqs::QUEUE, &self.id, &self.name, &self.path),
            PlannedResource::unnamed(&sqs::QUEUE_POLICY, &self.policy, &self.path).part_of(&self.id),
        ]
    }
}

/// The queues that may use a queue as their dead-letter queue (`RedriveAllowPolicy`; SQS allows all by default).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all_fields = "camelCase", tag = "redrivePermission")]
pub enum RedriveSources {
    /// None.
    #[serde(rename = "denyAll")]
    Nothing,
    /// These, by literal ARNs: a reference would be circular, since the queue refers to this one.
    #[serde(rename = "byQueue")]
    From {
        /// The queues.
        source_queue_arns: Vec<TemplateValue>,
    },
}

/// Where the messages of a queue go after too many receives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RedrivePlan {
    /// ARN of the dead-letter queue, as a reference: SQS refuses a queue that does not exist yet.
    pub arn: TemplateValue,
    /// After this many receives.
    pub after: u64,
}

/// The name of the queue that feeds a function, or of its dead-letter queue.
pub fn queue_name(names: &ResourceNames, function: &str, dead: bool) -> String {
    names.of_part(function) + if dead { "-dead" } else { "" }
}

/// The queue that feeds a function.
pub fn queue(names: &ResourceNames, shape: &Shape<'_>, timeout: u64, reasons: &mut Reasons) -> QueuePlan {
    let visibility_s = reasons.derive(
        &shape.name,
        "visibility timeout of its queue, seconds",
        u64::from(VISIBILITY_FACTOR) * timeout,
        format!("6 x the function's timeout of {timeout} s, so that retries of a throttled batch still fit"),
        pages::SQS_LAMBDA,
    );
    let after = reasons.derive(
        &shape.name,
        "receives before the dead-letter queue",
        MAX_RECEIVES,
        "the worker handles unreadable messages itself: this guards against crashes, and AWS recommends at least 5",
        pages::SQS_ERRORS,
    );
    QueuePlan {
        visibility_s,
        retention_s: retention(&shape.name, "messages of its queue", reasons),
        dead_letter: Some(RedrivePlan { arn: TemplateValue::Arn(LogicalId::of(&shape.name, "DeadQueue")), after }),
        ..QueuePlan::new(LogicalId::of(&shape.name, "Queue"), queue_name(names, &shape.name, false), &shape.path)
    }
}

/// How long a queue keeps its messages, in seconds.
pub fn retention(function: &str, what: &str, reasons: &mut Reasons) -> u64 {
    reasons.derive(
        function,
        &format!("retention of {what}, seconds"),
        RETENTION_S,
        "14 days, SQS's maximum: long enough to return from a holiday",
        pages::SQS_LIMITS,
    )
}

/// The dead-letter queue of a function; `before` is the queue that it serves, unless a service writes to it directly.
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
    QueuePlan {
        visibility_s: reasons.derive(
            function,
            "visibility timeout of its dead-letter queue, seconds",
            VISIBILITY_S,
            "the default of SQS: no function reads this queue, only people do",
            pages::SQS_VISIBILITY,
        ),
        retention_s: retention(function, "dead letters", reasons),
        takes,
        ..QueuePlan::new(LogicalId::of(function, "DeadQueue"), queue_name(names, function, true), path)
    }
}
