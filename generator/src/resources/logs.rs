//! Amazon CloudWatch Logs: log groups.

use super::card::{AcceptedFinding, AcceptedWhen, HandlerGrant, KeyUse, Lookup, NameLimit, ResourceType, Target};

/// A log group.
pub static LOG_GROUP: ResourceType = ResourceType {
    name_limit: NameLimit::new(
        512,
        "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html",
    ),
    holds: Some("log"),
    identity: &["LogGroupName"],
    // Tagging uses the first form, everything else the second.
    arns: &[
        "arn:{partition}:logs:{region}:{account}:log-group:{name}",
        "arn:{partition}:logs:{region}:{account}:log-group:{name}:*",
    ],
    handler: &[
        HandlerGrant::new(
            Target::Each(&LOG_GROUP),
            &[
                "logs:CreateLogGroup",
                "logs:DeleteLogGroup",
                "logs:DeleteRetentionPolicy",
                "logs:GetDataProtectionPolicy",
                "logs:ListTagsForResource",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
                "logs:UntagResource",
            ],
        ),
        HandlerGrant::new(Target::Everything("LogGroupsAreListedWithoutAResource"), &["logs:DescribeLogGroups"]),
        HandlerGrant::new(
            Target::Everything("ResourcePoliciesAreListedWithoutAResource"),
            &["logs:DescribeResourcePolicies"],
        ),
        HandlerGrant::new(
            Target::Everything("IndexPoliciesAreListedWithoutAResource"),
            &["logs:DescribeIndexPolicies"],
        ),
    ],
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    key_use: Some(KeyUse::ByService {
        principal: "logs",
        actions: &[
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:GenerateDataKeyWithoutPlaintext",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        ],
    }),
    accepted: &[AcceptedFinding {
        check: "CKV_AWS_158",
        wants: "a customer key for the log group",
        when: AcceptedWhen::WithoutKey,
        reason: "CloudWatch Logs encrypts every group with its own key; [data] kms = true uses a customer managed key",
    }],
    lookup: Some(Lookup::LogGroup),
    ..ResourceType::new("AWS::Logs::LogGroup", "log group", "log groups", "Logs")
};
