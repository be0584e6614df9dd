//! EventBridge Scheduler: whether a schedule exists, and its event.

use aws_sdk_scheduler::Client;

use super::account::Account;
use super::api_call::ApiCall;
use super::call_error::CallError;
use crate::deploy::aws::call_log::logged_client;
use crate::resources::{self, Target};

/// The IAM actions of this client's calls.
pub const CALLS: &[ApiCall] =
    &[ApiCall::new("scheduler:GetSchedule", Target::Each(&resources::scheduler::SCHEDULE)).operate()];

/// A schedule as EventBridge Scheduler describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleDescription {
    /// Its event, in which the Scheduler replaces `<aws.scheduler..>`.
    pub input: Option<String>,
    /// Whether it is enabled.
    pub enabled: bool,
}

/// The client.
#[derive(Clone, Debug)]
pub struct SchedulerClient(Client);

impl SchedulerClient {
    /// Creates the client without a call.
    #[must_use]
    pub fn open(account: &Account) -> Self {
        Self(logged_client!(aws_sdk_scheduler, account))
    }

    /// Describes the schedule of this name in the default group; nothing if it does not exist.
    ///
    /// # Errors
    /// A failed call.
    pub async fn find(&self, schedule: &str) -> Result<Option<ScheduleDescription>, CallError> {
        let answer = self.0.get_schedule().name(schedule).send().await;
        match answer.map_err(|error| CallError::of("scheduler:GetSchedule", error)) {
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
            Ok(answer) => Ok(Some(ScheduleDescription {
                enabled: answer.state().is_some_and(|state| state.as_str() == "ENABLED"),
                input: answer.target.and_then(|target| target.input),
            })),
        }
    }
}
