//! Amazon SQS: queues and their policies.

use super::card::{
    AcceptedFinding, AcceptedWhen, HandlerGrant, KeyCalls, KeyUse, Lookup, NameLimit, ResourceType, Target,
};

/// A queue.
pub static QUEUE: ResourceType = ResourceType {
    name_limit: NameLimit::new(
        80,
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html",
    ),
    holds: Some("messages"),
    identity: &["QueueName", "FifoQueue"],
    arns: &["arn:{partition}:sqs:{region}:{account}:{name}"],
    // The physical id is the queue's URL.
    id_separator: Some('/'),
    handler: &[HandlerGrant::new(
        Target::Each(&QUEUE),
        &[
            "sqs:CreateQueue",
            "sqs:DeleteQueue",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ListQueueTags",
            "sqs:SetQueueAttributes",
            "sqs:TagQueue",
            "sqs:UntagQueue",
        ],
    )],
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    key_use: Some(KeyUse::ByCaller {
        via: "sqs",
        calls: &[
            KeyCalls { calls: &["sqs:SendMessage"], need: &["kms:Decrypt", "kms:GenerateDataKey"] },
            KeyCalls { calls: &["sqs:ReceiveMessage"], need: &["kms:Decrypt"] },
        ],
    }),
    accepted: &[AcceptedFinding {
        check: "CKV_AWS_27",
        wants: "a customer key for the queue",
        when: AcceptedWhen::WithoutKey,
        reason: "The queue is encrypted with the key of SQS (SqsManagedSseEnabled); [data] kms = true uses a customer managed key",
    }],
    lookup: Some(Lookup::Queue),
    ..ResourceType::new("AWS::SQS::Queue", "queue", "queues", "Queue")
};

/// The policy of a queue; it goes with the queue.
pub static QUEUE_POLICY: ResourceType = ResourceType {
    handler: &[HandlerGrant::new(
        Target::Each(&QUEUE),
        &["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SetQueueAttributes"],
    )],
    ..ResourceType::new("AWS::SQS::QueuePolicy", "queue policy", "queue policies", "Policy")
};
