//! The door to EventBridge Scheduler: whether a schedule is there, and what it sends.

use aws_sdk_scheduler::Client;

use super::account::Account;
use super::allow::Call;
use super::call::CallError;
use crate::resources::{self, Target};

/// What the calls of this door need.
pub const CALLS: &[Call] = &[Call::new("scheduler:GetSchedule", Target::Each(&resources::scheduler::SCHEDULE))];

/// A schedule that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// What it sends; the Scheduler replaces `<aws.scheduler..>` in it.
    pub input: Option<String>,
    /// Whether it fires.
    pub enabled: bool,
}

/// The door.
#[derive(Clone, Debug)]
pub struct Schedules(Client);

impl Schedules {
    /// Opens the door; nothing is called.
    #[must_use]
    pub fn open(account: &Account) -> Self {
        Self(Client::new(&account.sdk))
    }

    /// The schedule of this name, in the default group; none where there is none.
    ///
    /// # Errors
    /// A call that failed.
    pub async fn find(&self, schedule: &str) -> Result<Option<Schedule>, CallError> {
        let answer = self.0.get_schedule().name(schedule).send().await;
        match answer.map_err(|error| CallError::of("scheduler:GetSchedule", error)) {
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
            Ok(answer) => Ok(Some(Schedule {
                enabled: answer.state().is_some_and(|state| state.as_str() == "ENABLED"),
                input: answer.target.and_then(|target| target.input),
            })),
        }
    }
}
