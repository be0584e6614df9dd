//! Every call that this program makes to AWS, with its target.

use crate::deploy::aws::api_call::ApiCall;
use crate::deploy::aws::s3::{artifacts, buckets, item_files, result_objects};
use crate::deploy::aws::{account, cloudformation, cloudwatch, dynamodb, iam, kms, lambda, logs, scheduler, sns, sqs};
use crate::resources::Target;

/// The calls of each service.
const SERVICES: &[&[ApiCall]] = &[
    account::CALLS,
    artifacts::CALLS,
    buckets::CALLS,
    item_files::CALLS,
    result_objects::CALLS,
    lambda::CALLS,
    kms::CALLS,
    logs::CALLS,
    logs::events::CALLS,
    sqs::CALLS,
    sqs::messages::CALLS,
    iam::CALLS,
    scheduler::CALLS,
    cloudformation::CALLS,
    cloudwatch::CALLS,
    dynamodb::CALLS,
    dynamodb::result_rows::CALLS,
    dynamodb::run_rows::CALLS,
    sns::CALLS,
];

/// Every call.
pub fn all() -> impl Iterator<Item = ApiCall> {
    // The artifact bucket is emptied and deleted with the same calls as the pipeline's own buckets.
    let emptied = buckets::CALLS.iter().map(|call| match call.on {
        Target::Objects => ApiCall::new(call.action, Target::SharedObjects),
        _ => ApiCall::new(call.action, Target::SharedBucket),
    });
    SERVICES.iter().copied().flatten().copied().chain(emptied)
}
