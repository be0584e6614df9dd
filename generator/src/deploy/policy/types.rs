//! What CloudFormation does on behalf of whoever calls it, by resource type: make, read, change, tag, delete.
//!
//! The actions are those of the handlers in the resource types' schemas, as far as the templates use their properties
//! (<https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html>,
//! `aws cloudformation describe-type --type RESOURCE --type-name ..`).

use crate::deploy::aws::allow::On;

/// Actions on something.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    pub actions: &'static [&'static str],
    pub on: On,
    pub when: When,
}

/// Under which condition something is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Under none.
    Always,
    /// Only on roles that have the permissions boundary, where one is set.
    Bounded,
    /// Only where no permissions boundary is set.
    Unbounded,
    /// Only to hand the role to the service that is to take it.
    Passed,
    /// Only for the event source mappings of a function.
    OfFunction,
    /// Only as CloudFormation does it for the caller.
    ByStack,
    /// Only as the stores do it for the caller.
    ByStores,
}

const fn need(on: On, actions: &'static [&'static str]) -> Need {
    Need { actions, on, when: When::Always }
}

const TABLE: On = On::Each("AWS::DynamoDB::Table");
const ROLE: On = On::Each("AWS::IAM::Role");
const FUNCTION: On = On::Each("AWS::Lambda::Function");
const DATABASE: On = On::Each("AWS::Glue::Database");
const GROUP: On = On::Each("AWS::Logs::LogGroup");
const BUCKET: On = On::Each("AWS::S3::Bucket");
const QUEUE: On = On::Each("AWS::SQS::Queue");
const TOPIC: On = On::Each("AWS::SNS::Topic");
const SCHEDULE: On = On::Each("AWS::Scheduler::Schedule");

/// All types that a template of ours has.
pub const TYPES: &[(&str, &[Need])] = &[
    (
        "AWS::DynamoDB::Table",
        &[need(
            TABLE,
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
    ),
    (
        "AWS::Glue::Database",
        &[
            need(DATABASE, &["glue:CreateDatabase", "glue:DeleteDatabase", "glue:GetDatabase", "glue:UpdateDatabase"]),
            need(On::Catalogued, &["glue:DeleteDatabase"]),
            // Whether the account leaves the catalog to Lake Formation.
            need(
                On::Everything("LakeFormationIsAskedWithoutAResource"),
                &[
                    "lakeformation:DescribeLakeFormationIdentityCenterConfiguration",
                    "lakeformation:DescribeResource",
                    "lakeformation:ListResources",
                ],
            ),
        ],
    ),
    (
        "AWS::Glue::Table",
        &[
            need(
                On::Each("AWS::Glue::Table"),
                &["glue:CreateTable", "glue:DeleteTable", "glue:GetTable", "glue:UpdateTable"],
            ),
            need(DATABASE, &["glue:GetDatabase"]),
        ],
    ),
    (
        "AWS::IAM::Role",
        &[
            need(
                ROLE,
                &[
                    "iam:DeleteRole",
                    "iam:GetRole",
                    "iam:GetRolePolicy",
                    "iam:ListAttachedRolePolicies",
                    "iam:ListRolePolicies",
                    "iam:ListRoleTags",
                    "iam:TagRole",
                    "iam:UntagRole",
                    "iam:UpdateAssumeRolePolicy",
                    "iam:UpdateRole",
                    "iam:UpdateRoleDescription",
                ],
            ),
            // With a boundary, no role without it is made, and none is given another policy.
            Need {
                actions: &[
                    "iam:CreateRole",
                    "iam:DeleteRolePolicy",
                    "iam:PutRolePermissionsBoundary",
                    "iam:PutRolePolicy",
                ],
                on: ROLE,
                when: When::Bounded,
            },
            Need { actions: &["iam:DeleteRolePermissionsBoundary"], on: ROLE, when: When::Unbounded },
        ],
    ),
    (
        "AWS::KMS::Alias",
        &[
            need(On::Each("AWS::KMS::Alias"), &["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"]),
            Need {
                actions: &["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"],
                on: On::Keys,
                when: When::ByStack,
            },
            need(On::Everything("AliasesAreListedWithoutAResource"), &["kms:ListAliases"]),
        ],
    ),
    (
        "AWS::KMS::Key",
        &[
            Need {
                actions: &["kms:CreateKey"],
                on: On::Everything("KeysAreMadeWithoutAResource"),
                when: When::ByStack,
            },
            // With what the others need of it: their services ask in the name of whoever makes or fills them.
            Need {
                actions: &[
                    "kms:CreateGrant",
                    "kms:Decrypt",
                    "kms:DescribeKey",
                    "kms:DisableKey",
                    "kms:DisableKeyRotation",
                    "kms:EnableKey",
                    "kms:EnableKeyRotation",
                    "kms:Encrypt",
                    "kms:GenerateDataKey",
                    "kms:GetKeyPolicy",
                    "kms:GetKeyRotationStatus",
                    "kms:ListResourceTags",
                    "kms:PutKeyPolicy",
                    "kms:RevokeGrant",
                    "kms:ScheduleKeyDeletion",
                    "kms:TagResource",
                    "kms:UntagResource",
                    "kms:UpdateKeyDescription",
                ],
                on: On::Keys,
                when: When::ByStack,
            },
            // Items in the tables, files of items in the buckets.
            Need {
                actions: &[
                    "kms:Decrypt",
                    "kms:DescribeKey",
                    "kms:Encrypt",
                    "kms:GenerateDataKey",
                    "kms:ReEncryptFrom",
                    "kms:ReEncryptTo",
                ],
                on: On::Keys,
                when: When::ByStores,
            },
            need(GROUP, &["logs:AssociateKmsKey", "logs:DisassociateKmsKey"]),
        ],
    ),
    (
        "AWS::Lambda::Function",
        &[
            need(
                FUNCTION,
                &[
                    "lambda:CreateFunction",
                    "lambda:DeleteFunction",
                    "lambda:GetFunction",
                    "lambda:GetFunctionCodeSigningConfig",
                    "lambda:GetFunctionConfiguration",
                    "lambda:GetFunctionRecursionConfig",
                    "lambda:GetFunctionScalingConfig",
                    "lambda:GetRuntimeManagementConfig",
                    "lambda:ListTags",
                    "lambda:TagResource",
                    "lambda:UntagResource",
                    "lambda:UpdateFunctionCode",
                    "lambda:UpdateFunctionConfiguration",
                ],
            ),
            need(On::ArtifactObjects, &["s3:GetObject"]),
            Need { actions: &["iam:PassRole"], on: ROLE, when: When::Passed },
        ],
    ),
    (
        "AWS::Lambda::EventInvokeConfig",
        &[need(
            On::Each("AWS::Lambda::EventInvokeConfig"),
            &[
                "lambda:DeleteFunctionEventInvokeConfig",
                "lambda:GetFunctionEventInvokeConfig",
                "lambda:PutFunctionEventInvokeConfig",
                "lambda:UpdateFunctionEventInvokeConfig",
            ],
        )],
    ),
    (
        "AWS::Lambda::EventSourceMapping",
        &[
            Need {
                actions: &["lambda:CreateEventSourceMapping"],
                on: On::Everything("MappingsAreMadeWithoutAResource"),
                when: When::OfFunction,
            },
            Need {
                actions: &[
                    "lambda:DeleteEventSourceMapping",
                    "lambda:GetEventSourceMapping",
                    "lambda:UpdateEventSourceMapping",
                ],
                on: On::Mappings,
                when: When::OfFunction,
            },
            // Here Lambda knows no condition that would name the function.
            need(On::Mappings, &["lambda:ListTags", "lambda:TagResource", "lambda:UntagResource"]),
        ],
    ),
    (
        "AWS::Logs::LogGroup",
        &[
            need(
                GROUP,
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
            need(On::Everything("LogGroupsAreListedWithoutAResource"), &["logs:DescribeLogGroups"]),
            need(On::Everything("ResourcePoliciesAreListedWithoutAResource"), &["logs:DescribeResourcePolicies"]),
            need(On::Everything("IndexPoliciesAreListedWithoutAResource"), &["logs:DescribeIndexPolicies"]),
        ],
    ),
    (
        "AWS::S3::Bucket",
        &[need(
            BUCKET,
            &[
                "s3:CreateBucket",
                "s3:DeleteBucket",
                "s3:GetAccelerateConfiguration",
                "s3:GetAnalyticsConfiguration",
                "s3:GetBucketAbac",
                "s3:GetBucketAcl",
                "s3:GetBucketCORS",
                "s3:GetBucketLogging",
                "s3:GetBucketMetadataTableConfiguration",
                "s3:GetBucketNotification",
                "s3:GetBucketObjectLockConfiguration",
                "s3:GetBucketOwnershipControls",
                "s3:GetBucketPublicAccessBlock",
                "s3:GetBucketTagging",
                "s3:GetBucketVersioning",
                "s3:GetBucketWebsite",
                "s3:GetEncryptionConfiguration",
                "s3:GetIntelligentTieringConfiguration",
                "s3:GetInventoryConfiguration",
                "s3:GetLifecycleConfiguration",
                "s3:GetMetricsConfiguration",
                "s3:GetReplicationConfiguration",
                "s3:ListBucket",
                "s3:ListTagsForResource",
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketTagging",
                "s3:PutBucketVersioning",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
                "s3:TagResource",
                "s3:UntagResource",
            ],
        )],
    ),
    ("AWS::S3::BucketPolicy", &[need(BUCKET, &["s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:PutBucketPolicy"])]),
    (
        "AWS::SNS::Subscription",
        &[
            need(TOPIC, &["sns:Subscribe"]),
            need(
                On::Everything("SubscriptionsAreKnownWithoutAResource"),
                &["sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes", "sns:Unsubscribe"],
            ),
        ],
    ),
    (
        "AWS::SNS::Topic",
        &[need(
            TOPIC,
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
    ),
    ("AWS::SNS::TopicPolicy", &[need(TOPIC, &["sns:GetTopicAttributes", "sns:SetTopicAttributes"])]),
    (
        "AWS::SQS::Queue",
        &[need(
            QUEUE,
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
    ),
    ("AWS::SQS::QueuePolicy", &[need(QUEUE, &["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SetQueueAttributes"])]),
    (
        "AWS::Scheduler::Schedule",
        &[
            need(
                SCHEDULE,
                &[
                    "scheduler:CreateSchedule",
                    "scheduler:DeleteSchedule",
                    "scheduler:GetSchedule",
                    "scheduler:UpdateSchedule",
                ],
            ),
            Need { actions: &["iam:PassRole"], on: ROLE, when: When::Passed },
        ],
    ),
];
