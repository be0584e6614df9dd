//! Starts one run now, as the schedule would: the same event, with this moment as its scheduled time.

use jiff::Timestamp;
use serde::Serialize;

use super::aws::account::{Account, Identity};
use super::aws::call::CallError;
use super::aws::functions::Functions;
use super::aws::schedules::Schedules;
use super::generated::Manifest;
use crate::resources::{lambda, scheduler};

/// What the Scheduler replaces
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>).
const TIME: &str = "<aws.scheduler.scheduled-time>";

/// A run that was started: nobody knows yet how it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Started {
    /// The function that was handed the event.
    pub function: String,
    /// The run's time, in RFC 3339 and to the second.
    pub scheduled_time: String,
}

/// Why no run was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// There is no schedule to do as.
    #[error("the schedule `{0}` is not there, so nobody knows what a run is sent\n  run `fanggen apply`")]
    NoSchedule(String),
    /// Somebody changed what it sends.
    #[error("what the schedule `{0}` sends is not what fanggen made it send\n  `fanggen drift` shows the difference")]
    Input(String),
    /// The template has no function that a schedule would start.
    #[error("`plan.json` has no schedule with a function\n  run `fanggen render`")]
    NoFunction,
}

/// The time of a run that is started now, in RFC 3339 and to the second.
#[must_use]
pub fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Starts the run of a time, without waiting for its end: the same time again is the same run. What is sent is read from the schedule itself, since items that are written
/// in the file may travel in it.
///
/// # Errors
/// See [`StartError`].
pub async fn start(
    manifest: &Manifest,
    caller: &Identity,
    account: &Account,
    scheduled_time: String,
) -> Result<Started, StartError> {
    let (schedule, function) = names(manifest, caller).ok_or(StartError::NoFunction)?;
    let found = Schedules::open(account).find(&schedule).await?;
    let found = found.ok_or_else(|| StartError::NoSchedule(schedule.clone()))?;
    let payload = found.input.and_then(|input| payload(&input, &scheduled_time));
    let payload = payload.ok_or(StartError::Input(schedule))?;
    Functions::open(account).invoke(&function, &payload).await?;
    Ok(Started { function, scheduled_time })
}

/// The schedule, and the function that was asked for by the same part of the file.
fn names(manifest: &Manifest, caller: &Identity) -> Option<(String, String)> {
    let of = |kind: &str, path: Option<&str>| {
        let mut all = manifest.resources.values();
        all.find(|resource| resource.kind == kind && path.is_none_or(|path| resource.path == path))
    };
    let schedule = of(scheduler::SCHEDULE.name, None)?;
    let function = of(lambda::FUNCTION.name, Some(&schedule.path))?;
    Some((manifest.physical(schedule, caller)?, manifest.physical(function, caller)?))
}

/// What the schedule sends, with a time in its place; none where there is no such place, or what comes is no JSON.
fn payload(input: &str, time: &str) -> Option<String> {
    let payload = input.replacen(TIME, time, 1);
    let value: serde_json::Value = serde_json::from_str(&payload).ok()?;
    (value.get("scheduled_time")?.as_str()? == time).then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_sent_what_the_schedule_sends() {
        let time = "2026-11-22T09:00:00Z";
        let given = r#"{"given":{"s":{"items":["\u003caws.scheduler.scheduled-time>"],"key":"name"}},"scheduled_time":"<aws.scheduler.scheduled-time>"}"#;
        let sent = payload(given, time).expect("a payload");
        assert!(sent.contains(r#"["\u003caws.scheduler.scheduled-time>"]"#), "an item of that name stays as it is");
        assert!(sent.ends_with(r#""scheduled_time":"2026-11-22T09:00:00Z"}"#));
        assert_eq!(payload(r#"{"scheduled_time":"x"}"#, time), None);
        assert_eq!(payload("<aws.scheduler.scheduled-time>", time), None);
    }

    #[test]
    fn the_producer_is_the_function_of_the_schedule() {
        let plan = include_str!("../../../generated/dev/plan.json");
        let manifest: Manifest = serde_json::from_str(plan).expect("a manifest");
        let caller = Identity { account: "123456789012".into(), arn: "arn:aws:iam::123456789012:user/d".into() };
        assert_eq!(names(&manifest, &caller), Some(("fang-dev-schedule".into(), "fang-dev-producer".into())));
    }
}
