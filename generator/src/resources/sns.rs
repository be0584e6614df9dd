//! Amazon SNS: topics, their policies and subscriptions.

use super::card::{
    AcceptedFinding, AcceptedWhen, HandlerGrant, KeyCalls, KeyUse, Lookup, NameLimit, ResourceType, Target,
};

/// A topic.
pub static TOPIC: ResourceType = ResourceType {
    name_limit: NameLimit::new(256, "https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html"),
    // Subscriptions made by hand, or confirmed by mail, have to be made and confirmed again.
    holds: Some("subscriptions"),
    identity: &["TopicName"],
    arns: &["arn:{partition}:sns:{region}:{account}:{name}"],
    // The physical id is the topic's ARN.
    id_separator: Some(':'),
    handler: &[HandlerGrant::new(
        Target::Each(&TOPIC),
        &[
            "sns:CreateTopic",
            "sns:DeleteTopic",
            "sns:GetDataProtectionPolicy",
            "sns:GetTopicAttributes",
            "sns:ListSubscriptionsByTopic",
            "sns:ListTagsForResource",
            "sns:SetTopicAttributes",
            "sns:TagResource",
            "sns:UntagResource",
        ],
    )],
    // https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    key_use: Some(KeyUse::ByCaller {
        via: "sns",
        calls: &[KeyCalls { calls: &["sns:Publish"], need: &["kms:Decrypt", "kms:GenerateDataKey"] }],
    }),
    accepted: &[AcceptedFinding {
        check: "CKV_AWS_26",
        wants: "a key for the topic",
        when: AcceptedWhen::WithoutKey,
        reason: "SNS encrypts its disks, keeps no message once it is delivered, and its key alias/aws/sns would lock other \
                 services out; [data] kms = true uses a customer managed key",
    }],
    lookup: Some(Lookup::Topic),
    ..ResourceType::new("AWS::SNS::Topic", "topic", "topics", "Topic")
};

/// The policy of a topic; it goes with the topic.
pub static TOPIC_POLICY: ResourceType = ResourceType {
    handler: &[HandlerGrant::new(Target::Each(&TOPIC), &["sns:GetTopicAttributes", "sns:SetTopicAttributes"])],
    ..ResourceType::new("AWS::SNS::TopicPolicy", "topic policy", "topic policies", "Policy")
};

/// A subscription to a topic; it goes with the topic.
pub static SUBSCRIPTION: ResourceType = ResourceType {
    identity: &["TopicArn", "Protocol", "Endpoint"],
    // IAM knows no subscriptions: these actions are about their topic, whose ARN that of a subscription begins with
    // (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html>).
    arns: &["arn:{partition}:sns:{region}:{account}:{name}", "arn:{partition}:sns:{region}:{account}:{name}:*"],
    named_after: Some(&TOPIC),
    handler: &[
        HandlerGrant::new(Target::Each(&TOPIC), &["sns:Subscribe"]),
        HandlerGrant::new(
            Target::Each(&SUBSCRIPTION),
            &["sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes", "sns:Unsubscribe"],
        ),
    ],
    ..ResourceType::new("AWS::SNS::Subscription", "subscription", "subscriptions", "Subscription")
};
