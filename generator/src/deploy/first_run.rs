//! Starts one run now, with the same event as the schedule sends, and the current time as its scheduled time.

use fanggen_runtime::model::run::RunId;
use serde::Serialize;

use super::aws::account::{Account, CallerIdentity};
use super::aws::call_error::CallError;
use super::aws::lambda::LambdaClient;
use super::aws::scheduler::SchedulerClient;
use super::generated::Manifest;
use crate::not_deployed::NotDeployed;
use crate::resources::{lambda, scheduler};

/// The placeholder that EventBridge Scheduler replaces by the time
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>).
const TIME: &str = "<aws.scheduler.scheduled-time>";

/// A run that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StartedRun {
    /// The function that was invoked.
    pub function: String,
    /// The run's time, in RFC 3339 and to the second.
    pub scheduled_time: String,
    /// The run.
    pub run: RunId,
}

/// Why no run was started.
#[derive(Debug, thiserror::Error)]
pub enum FirstRunError {
    /// A failed call.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The schedule does not exist, from which the event of a run is taken.
    #[error(transparent)]
    NotDeployed(#[from] NotDeployed),
    /// Somebody changed its event.
    #[error("the event of the schedule `{0}` was changed by somebody else\n  `fanggen drift` shows the difference")]
    Input(String),
    /// The template has no schedule, or no function for it.
    #[error("`plan.json` has no schedule with a function\n  run `fanggen render`")]
    NoFunction,
}

/// Starts the run of a scheduled time without waiting for its end; the same time again is the same run. The event is read
/// from the schedule, since it may contain the items of the file.
///
/// # Errors
/// See [`FirstRunError`].
pub async fn start(
    manifest: &Manifest,
    caller: &CallerIdentity,
    account: &Account,
    scheduled_time: String,
) -> Result<StartedRun, FirstRunError> {
    let (schedule, function) = names(manifest, caller).ok_or(FirstRunError::NoFunction)?;
    let found = SchedulerClient::open(account).find(&schedule).await?;
    let found = found.ok_or_else(|| NotDeployed::new(&manifest.environment, "schedule", &schedule))?;
    let payload = found.input.and_then(|input| payload(&input, &scheduled_time));
    let (payload, run) = payload.ok_or(FirstRunError::Input(schedule))?;
    LambdaClient::open(account).invoke(&function, &payload).await?;
    Ok(StartedRun { function, scheduled_time, run })
}

/// The schedule and its function, which have the same path in the file.
fn names(manifest: &Manifest, caller: &CallerIdentity) -> Option<(String, String)> {
    let of = |kind: &str, path: Option<&str>| {
        let mut all = manifest.resources.values();
        all.find(|resource| resource.kind == kind && path.is_none_or(|path| resource.path == path))
    };
    let schedule = of(scheduler::SCHEDULE.name, None)?;
    let function = of(lambda::FUNCTION.name, Some(&schedule.path))?;
    Some((manifest.physical(schedule, caller)?, manifest.physical(function, caller)?))
}

/// The event of the schedule with the time filled in, and the run that it starts; nothing if it has no place for a time, or
/// is not JSON.
fn payload(input: &str, time: &str) -> Option<(String, RunId)> {
    let payload = input.replacen(TIME, time, 1);
    let value: serde_json::Value = serde_json::from_str(&payload).ok()?;
    let first = value.get("first_run").and_then(serde_json::Value::as_str);
    let run = RunId::of_firing(time, first).ok()?;
    (value.get("scheduled_time")?.as_str()? == time).then_some((payload, run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_gets_the_event_of_the_schedule() {
        let time = "2026-11-22T09:00:00Z";
        let given = r#"{"given":{"s":{"items":["\u003caws.scheduler.scheduled-time>"],"key":"name"}},"scheduled_time":"<aws.scheduler.scheduled-time>"}"#;
        let (sent, run) = payload(given, time).expect("a payload");
        assert_eq!(run.as_str(), "20261122T090000Z");
        assert!(sent.contains(r#"["\u003caws.scheduler.scheduled-time>"]"#), "an item of that name stays as it is");
        assert!(sent.ends_with(r#""scheduled_time":"2026-11-22T09:00:00Z"}"#));
        assert_eq!(payload(r#"{"scheduled_time":"x"}"#, time), None);
        assert_eq!(payload("<aws.scheduler.scheduled-time>", time), None);
    }

    #[test]
    fn the_producer_is_the_function_of_the_schedule() {
        let plan = include_str!("../../../generated/dev/plan.json");
        let manifest: Manifest = serde_json::from_str(plan).expect("a manifest");
        let caller = CallerIdentity { account: "123456789012".into(), arn: "arn:aws:iam::123456789012:user/d".into() };
        assert_eq!(names(&manifest, &caller), Some(("fang-dev-schedule".into(), "fang-dev-producer".into())));
    }
}
