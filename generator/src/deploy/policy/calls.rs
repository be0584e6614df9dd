//! The calls of all doors, with those that have no door of their own yet.

use crate::deploy::allow::{Call, On};
use crate::deploy::{account, contents, functions, logs, queues, roles, schedules, table};

/// What the calls of every door need.
pub const DOORS: &[&[Call]] = &[
    account::CALLS,
    contents::CALLS,
    functions::CALLS,
    logs::CALLS,
    queues::CALLS,
    roles::CALLS,
    schedules::CALLS,
    table::CALLS,
    STACK,
    ARTIFACTS,
];

/// The stack: change sets, events, drift.
const STACK: &[Call] = &[
    Call::new("cloudformation:CancelUpdateStack", On::Stack),
    Call::new("cloudformation:ContinueUpdateRollback", On::Stack),
    Call::new("cloudformation:CreateChangeSet", On::Stack),
    Call::new("cloudformation:DeleteChangeSet", On::Stack),
    Call::new("cloudformation:DeleteStack", On::Stack),
    Call::new("cloudformation:DescribeChangeSet", On::Stack),
    Call::new("cloudformation:DescribeEvents", On::Stack),
    Call::new("cloudformation:DescribeStackDriftDetectionStatus", On::Everything("DriftIsAskedForWithoutAResource")),
    Call::new("cloudformation:DescribeStackEvents", On::Stack),
    Call::new("cloudformation:DescribeStackResourceDrifts", On::Stack),
    Call::new("cloudformation:DescribeStackResources", On::Stack),
    Call::new("cloudformation:DescribeStacks", On::Stack),
    Call::new("cloudformation:DetectStackDrift", On::Stack),
    Call::new("cloudformation:DetectStackResourceDrift", On::Stack),
    Call::new("cloudformation:ExecuteChangeSet", On::Stack),
    Call::new("cloudformation:GetTemplate", On::Stack),
    Call::new("cloudformation:ListChangeSets", On::Stack),
    Call::new("cloudformation:ListStackResources", On::Stack),
    Call::new("cloudformation:ListStacks", On::Everything("StacksAreListedWithoutAResource")),
    Call::new("cloudformation:TagResource", On::Stack),
    Call::new("cloudformation:UntagResource", On::Stack),
    Call::new("cloudformation:UpdateTerminationProtection", On::Stack),
];

/// The artifact bucket: made, checked, filled, and taken away again by `destroy --artifacts`.
const ARTIFACTS: &[Call] = &[
    Call::new("s3:AbortMultipartUpload", On::ArtifactObjects),
    Call::new("s3:CreateBucket", On::Artifacts),
    Call::new("s3:DeleteBucket", On::Artifacts),
    Call::new("s3:DeleteObject", On::ArtifactObjects),
    Call::new("s3:DeleteObjectVersion", On::ArtifactObjects),
    Call::new("s3:GetBucketPolicy", On::Artifacts),
    Call::new("s3:GetBucketPublicAccessBlock", On::Artifacts),
    Call::new("s3:GetBucketTagging", On::Artifacts),
    Call::new("s3:GetBucketVersioning", On::Artifacts),
    Call::new("s3:GetEncryptionConfiguration", On::Artifacts),
    Call::new("s3:GetLifecycleConfiguration", On::Artifacts),
    Call::new("s3:GetObject", On::ArtifactObjects),
    Call::new("s3:ListBucket", On::Artifacts),
    Call::new("s3:ListBucketMultipartUploads", On::Artifacts),
    Call::new("s3:ListBucketVersions", On::Artifacts),
    Call::new("s3:PutBucketOwnershipControls", On::Artifacts),
    Call::new("s3:PutBucketPolicy", On::Artifacts),
    Call::new("s3:PutBucketPublicAccessBlock", On::Artifacts),
    Call::new("s3:PutBucketTagging", On::Artifacts),
    Call::new("s3:PutBucketVersioning", On::Artifacts),
    Call::new("s3:PutEncryptionConfiguration", On::Artifacts),
    Call::new("s3:PutLifecycleConfiguration", On::Artifacts),
    Call::new("s3:PutObject", On::ArtifactObjects),
];
