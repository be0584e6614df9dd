//! Amazon EventBridge Scheduler: schedules.

use super::card::{GrantCondition, HandlerGrant, KeyUse, Lookup, NameLimit, ResourceType, Target};
use super::iam::ROLE;

/// A schedule, in the default group.
pub static SCHEDULE: ResourceType = ResourceType {
    name_limit: NameLimit::new(64, "https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html"),
    identity: &["Name"],
    arns: &["arn:{partition}:scheduler:{region}:{account}:schedule/default/{name}"],
    handler: &[
        HandlerGrant::new(
            Target::Each(&SCHEDULE),
            &[
                "scheduler:CreateSchedule",
                "scheduler:DeleteSchedule",
                "scheduler:GetSchedule",
                "scheduler:UpdateSchedule",
            ],
        ),
        HandlerGrant::new(Target::Each(&ROLE), &["iam:PassRole"]).only(GrantCondition::PassedToService),
    ],
    // AWS documents no condition for this: https://docs.aws.amazon.com/scheduler/latest/UserGuide/encryption-rest.html
    key_use: Some(KeyUse::ByRole {
        via: None,
        actions: &["kms:Decrypt"],
        why: "the Scheduler decrypts what the schedule sends",
    }),
    lookup: Some(Lookup::Schedule),
    ..ResourceType::new("AWS::Scheduler::Schedule", "schedule", "schedules", "")
};
