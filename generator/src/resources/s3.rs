//! Amazon S3: buckets and their policies.

use super::card::{
    AcceptedFinding, AcceptedWhen, HandlerGrant, KeyCalls, KeyUse, Lookup, NameLimit, ResourceType, Target,
};

/// A bucket.
pub static BUCKET: ResourceType = ResourceType {
    name_limit: Some(NameLimit {
        characters: 63,
        reserved: &["sthree-", "amzn-s3-demo-"],
        page: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html",
    }),
    holds: Some("objects"),
    identity: &["BucketName"],
    arns: &["arn:{partition}:s3:::{name}"],
    handler: &[HandlerGrant::new(
        Target::Each(&BUCKET),
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
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    key_use: Some(KeyUse::ByCaller {
        via: "s3",
        calls: &[
            KeyCalls { calls: &["s3:PutObject"], need: &["kms:GenerateDataKey"] },
            KeyCalls { calls: &["s3:GetObject"], need: &["kms:Decrypt"] },
        ],
    }),
    accepted: &[AcceptedFinding {
        check: "CKV_AWS_18",
        wants: "server access logs of the bucket",
        when: AcceptedWhen::Always,
        reason: "Access logs need another bucket, which needs one in turn; CloudTrail data events, which an account \
                 configures once for all its buckets, record who read what",
    }],
    lookup: Some(Lookup::Bucket),
    ..ResourceType::new("AWS::S3::Bucket", "bucket", "buckets", "Bucket")
};

/// The policy of a bucket; it goes with the bucket.
pub static BUCKET_POLICY: ResourceType = ResourceType {
    handler: &[HandlerGrant::new(
        Target::Each(&BUCKET),
        &["s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:PutBucketPolicy"],
    )],
    ..ResourceType::new("AWS::S3::BucketPolicy", "bucket policy", "bucket policies", "Policy")
};
