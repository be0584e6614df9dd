//! The calls of all doors, each with what it is done to.

use crate::deploy::doors::allow::{Call, On};
use crate::deploy::doors::{account, bucket, contents, functions, logs, queues, roles, schedules, stack, table};

/// Doors that say of each call what it is done to.
const DOORS: &[&[Call]] = &[
    account::CALLS,
    contents::CALLS,
    functions::CALLS,
    logs::CALLS,
    queues::CALLS,
    roles::CALLS,
    schedules::CALLS,
    table::CALLS,
];

/// What CloudFormation needs beside the calls themselves: the tags of the stack.
const TAGS: [&str; 2] = ["cloudformation:TagResource", "cloudformation:UntagResource"];

/// Calls about stacks for which CloudFormation knows no resource, with the reason
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html>).
const NO_STACK: [(&str, &str); 2] = [
    ("cloudformation:DescribeStackDriftDetectionStatus", "DriftIsAskedForWithoutAResource"),
    ("cloudformation:ListStacks", "StacksAreListedWithoutAResource"),
];

/// What every call of every door needs.
pub fn all() -> impl Iterator<Item = Call> {
    let doors = DOORS.iter().copied().flatten().copied();
    // The bucket of artifacts is emptied and deleted through the same door as a pipeline's own buckets.
    let emptied = contents::CALLS.iter().map(|call| match call.on {
        On::Objects => Call::new(call.action, On::ArtifactObjects),
        _ => Call::new(call.action, On::Artifacts),
    });
    let stored = bucket::CALLS.iter().map(|action| {
        let objects = action.ends_with("Object");
        Call::new(action, if objects { On::ArtifactObjects } else { On::Artifacts })
    });
    let stack = stack::CALLS.iter().chain(&TAGS).map(|action| {
        let reason = NO_STACK.iter().find(|(name, _)| name == action);
        Call::new(action, reason.map_or(On::Stack, |(_, reason)| On::Everything(reason)))
    });
    doors.chain(emptied).chain(stored).chain(stack)
}
