//! Amazon DynamoDB: tables.

use super::card::{
    AcceptedFinding, AcceptedWhen, HandlerGrant, KeyCalls, KeyUse, Lookup, NameLimit, ResourceType, Target,
};

/// A table.
pub static TABLE: ResourceType = ResourceType {
    name_limit: NameLimit::new(
        255,
        "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html",
    ),
    holds: Some("rows"),
    identity: &["TableName", "KeySchema"],
    arns: &["arn:{partition}:dynamodb:{region}:{account}:table/{name}"],
    handler: &[HandlerGrant::new(
        Target::Each(&TABLE),
        &[
            "dynamodb:CreateTable",
            "dynamodb:DeleteTable",
            "dynamodb:DescribeContinuousBackups",
            "dynamodb:DescribeContributorInsights",
            "dynamodb:DescribeKinesisStreamingDestination",
            "dynamodb:DescribeTable",
            "dynamodb:DescribeTimeToLive",
            "dynamodb:GetResourcePolicy",
            "dynamodb:ListTagsOfResource",
            "dynamodb:TagResource",
            "dynamodb:UntagResource",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:UpdateTable",
            "dynamodb:UpdateTimeToLive",
        ],
    )],
    // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    key_use: Some(KeyUse::ByCaller {
        via: "dynamodb",
        calls: &[
            KeyCalls {
                calls: &["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"],
                need: &["kms:Decrypt", "kms:DescribeKey"],
            },
            KeyCalls {
                calls: &["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
                need: &[
                    "kms:Decrypt",
                    "kms:DescribeKey",
                    "kms:Encrypt",
                    "kms:GenerateDataKey",
                    "kms:ReEncryptFrom",
                    "kms:ReEncryptTo",
                ],
            },
        ],
    }),
    accepted: &[AcceptedFinding {
        check: "CKV_AWS_119",
        wants: "a customer key for the table",
        when: AcceptedWhen::WithoutKey,
        reason: "DynamoDB encrypts every table with its own key; [data] kms = true uses a customer managed key",
    }],
    lookup: Some(Lookup::Table),
    ..ResourceType::new("AWS::DynamoDB::Table", "table", "tables", "Table")
};
