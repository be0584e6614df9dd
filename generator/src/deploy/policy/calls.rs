//! Every call that this program makes to AWS, with its target.

use crate::deploy::aws::allow::Call;
use crate::deploy::aws::{
    account, bucket, contents, files, functions, keys, logs, queues, roles, schedules, stack, table, topics,
};
use crate::resources::Target;

/// The calls of each service.
const SERVICES: &[&[Call]] = &[
    account::CALLS,
    bucket::CALLS,
    contents::CALLS,
    files::CALLS,
    functions::CALLS,
    keys::CALLS,
    logs::CALLS,
    queues::CALLS,
    roles::CALLS,
    schedules::CALLS,
    stack::CALLS,
    table::CALLS,
    topics::CALLS,
];

/// Every call.
pub fn all() -> impl Iterator<Item = Call> {
    // The artifact bucket is emptied and deleted with the same calls as the pipeline's own buckets.
    let emptied = contents::CALLS.iter().map(|call| match call.on {
        Target::Objects => Call::new(call.action, Target::ArtifactObjects),
        _ => Call::new(call.action, Target::ArtifactBucket),
    });
    SERVICES.iter().copied().flatten().copied().chain(emptied)
}
