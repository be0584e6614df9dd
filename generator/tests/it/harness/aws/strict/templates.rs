//! Rules on what a change set makes of a stack.

use super::intrinsics::is_true;
use super::requests::variables_are_too_long;
use super::schemas;
use super::stacks::{Deployment, Resource};

/// A resource that a change set creates, or keeps: as it was, where it was there, and as it would be.
struct Changed<'a> {
    id: &'a str,
    before: Option<&'a Resource>,
    after: &'a Resource,
}

type Rule = fn(&Changed<'_>) -> Vec<String>;

const RULES: [Rule; 5] = [
    a_rate_fires_at_once,
    a_protected_table_cannot_be_rolled_back,
    a_property_that_is_dropped_is_no_change,
    variables_are_at_most_4_kb,
    the_schema_knows_every_property,
];

pub fn broken(before: Option<&Deployment>, after: &Deployment) -> Vec<String> {
    let all = after.resources.iter().map(|(id, resource)| Changed {
        id,
        before: before.and_then(|before| before.resources.get(id)).filter(|before| before.kind == resource.kind),
        after: resource,
    });
    all.flat_map(|changed| RULES.iter().flat_map(|rule| rule(&changed)).collect::<Vec<_>>()).collect()
}

/// "If you do not provide a `StartDate` for a rate-based schedule, your schedule starts invoking the target immediately":
/// the producer would run before its tables, items and wiring are there.
///
/// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#rate-based, read on 2026-11-29
fn a_rate_fires_at_once(changed: &Changed<'_>) -> Vec<String> {
    let Changed { id, before, after } = changed;
    let schedule = &after.properties;
    let is_rate = schedule["ScheduleExpression"].as_str().is_some_and(|expression| expression.starts_with("rate("));
    let is_off = schedule["State"] == "DISABLED";
    let fires = after.kind == "AWS::Scheduler::Schedule" && is_rate && !is_off && before.is_none();
    let fires = fires && schedule["StartDate"].is_null();
    fires.then(|| format!("the schedule {id} is created ENABLED with a rate, and fires at once")).into_iter().collect()
}

/// A table with deletion protection cannot be deleted, not by the rollback of its creation either. With the policy
/// `Retain` a rollback leaves it; `RetainExceptOnCreate` deletes what the operation created.
///
/// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html, read on 2026-11-29
fn a_protected_table_cannot_be_rolled_back(changed: &Changed<'_>) -> Vec<String> {
    let Changed { id, before, after } = changed;
    let is_protected = is_true(&after.properties["DeletionProtectionEnabled"]);
    let stuck = after.kind == "AWS::DynamoDB::Table" && is_protected && before.is_none() && !after.is_retained;
    stuck.then(|| format!("the table {id} is created protected: a rollback could not delete it")).into_iter().collect()
}

/// Properties that may go, by type: their absence is a value of its own. Read on 2026-11-29.
const ABSENCES: [(&str, &str); 7] = [
    // Its update handler asks for iam:DeleteRolePermissionsBoundary: the schema of AWS::IAM::Role, `handlers.update`
    ("AWS::IAM::Role", "PermissionsBoundary"),
    // The handler removes the key of a log group, and sets a topic's attribute to nothing:
    // https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-logs, and ..-sns, `UpdateHandler.java`
    ("AWS::Logs::LogGroup", "KmsKeyId"),
    ("AWS::SNS::Topic", "KmsMasterKeyId"),
    // What an update does not name gets its default: https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html
    ("AWS::Scheduler::Schedule", "KmsKeyArn"),
    // A queue is encrypted in one of two ways, and the one that is given replaces the other:
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
    ("AWS::SQS::Queue", "KmsDataKeyReusePeriodSeconds"),
    ("AWS::SQS::Queue", "KmsMasterKeyId"),
    ("AWS::SQS::Queue", "SqsManagedSseEnabled"),
];

/// A property that is not there is not sent to the service, which keeps what it had; where nothing else is changed, the
/// update is empty and refused, and so is the rollback. What is inside of a property is sent with it.
///
/// https://github.com/aws/aws-cdk/issues/8286, read on 2026-11-28
fn a_property_that_is_dropped_is_no_change(changed: &Changed<'_>) -> Vec<String> {
    let kind = changed.after.kind.as_str();
    let had = changed.before.and_then(|before| before.properties.as_object());
    let names = had.into_iter().flat_map(|had| had.keys());
    let dropped = names.filter(|name| changed.after.properties.get(name.as_str()).is_none());
    let dropped = dropped.filter(|name| !ABSENCES.contains(&(kind, name.as_str())));
    dropped.map(|name| format!("{} drops `{name}`, which is no change", changed.id)).collect()
}

/// See `variables_are_too_long`.
fn variables_are_at_most_4_kb(changed: &Changed<'_>) -> Vec<String> {
    if changed.after.kind != "AWS::Lambda::Function" {
        return Vec::new();
    }
    let broken = variables_are_too_long(&changed.after.properties["Environment"]["Variables"]);
    broken.map(|broken| format!("{}: {broken}", changed.id)).into_iter().collect()
}

/// CloudFormation refuses properties that a type does not have, and those that only the service sets. The schemas are
/// those of the registry, which cfn-lint carries.
///
/// https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html, read on 2026-11-29
fn the_schema_knows_every_property(changed: &Changed<'_>) -> Vec<String> {
    let mistakes = schemas::mistakes(&changed.after.kind, &changed.after.properties);
    mistakes.into_iter().map(|mistake| format!("{}: {mistake}", changed.id)).collect()
}
