//! The calls of all doors, each with what it is done to.

use crate::deploy::aws::allow::{Call, On};
use crate::deploy::aws::{
    account, bucket, contents, files, functions, keys, logs, queues, roles, schedules, stack, table, topics,
};

/// All doors.
const DOORS: &[&[Call]] = &[
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

/// What every call of every door needs.
pub fn all() -> impl Iterator<Item = Call> {
    // The bucket of artifacts is emptied and deleted through the same door as a pipeline's own buckets.
    let emptied = contents::CALLS.iter().map(|call| match call.on {
        On::Objects => Call::new(call.action, On::ArtifactObjects),
        _ => Call::new(call.action, On::Artifacts),
    });
    DOORS.iter().copied().flatten().copied().chain(emptied)
}
