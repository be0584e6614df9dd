//! The schedule: when it invokes the producer, with which input, and where failed invocations go.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use super::pages;
use super::reasons::Reasons;
use super::template_value::{LogicalId, TemplateValue};
use super::{PlannedResource, ResourceNames};
use crate::config::pipeline::Pipeline;
use crate::config::shape::PRODUCER;
use crate::resources::scheduler;

/// How often an invocation is retried when Lambda itself does not respond.
const INVOCATION_RETRIES: u64 = 3;
/// When an invocation is given up: a run that starts an hour late overlaps the next one.
const MAX_EVENT_AGE_S: u64 = 3_600;

/// The EventBridge Scheduler schedule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SchedulePlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: TemplateValue,
    /// Its schedule expression.
    pub expression: String,
    /// Its time zone.
    pub timezone: String,
    /// `ENABLED` or `DISABLED`.
    pub state: &'static str,
    /// The function that it invokes.
    pub function: LogicalId,
    /// Its role.
    pub role: LogicalId,
    /// The input of the function.
    pub input: String,
    /// The queue of invocations that reached no function.
    pub dead_letter: LogicalId,
    /// How often the Scheduler retries.
    pub retries: u64,
    /// After how many seconds it gives up.
    pub give_up_s: u64,
    /// What asked for it.
    pub path: String,
}

impl SchedulePlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 1] {
        [PlannedResource::named(&scheduler::SCHEDULE, &self.id, &self.name, &self.path)]
    }
}

/// The input of the function. The Scheduler must replace one `<aws.scheduler..>` only: those in the names of items are
/// escaped, which JSON allows for `<`.
fn input_text(given: &BTreeMap<&str, serde_json::Value>) -> String {
    let time = r#""scheduled_time":"<aws.scheduler.scheduled-time>""#;
    if given.is_empty() {
        return format!("{{{time}}}");
    }
    format!(r#"{{"given":{},{time}}}"#, json!(given).to_string().replace('<', r"\u003c"))
}

/// Plans the schedule.
pub fn schedule(pipeline: &Pipeline, names: &ResourceNames, reasons: &mut Reasons) -> SchedulePlan {
    let given: BTreeMap<&str, _> = pipeline
        .sources
        .iter()
        .filter_map(|source| {
            let seed = source.settings.seed()?;
            seed.max_bytes.map(|_| (source.name.as_str(), json!({ "key": seed.key, "items": seed.items })))
        })
        .collect();
    reasons.derive(
        "schedule",
        "input",
        "<aws.scheduler.scheduled-time>",
        "the scheduled time identifies the run: a second invocation for the same time is the same run",
        pages::SCHEDULER_INPUT,
    );
    SchedulePlan {
        id: LogicalId::of("schedule", ""),
        name: TemplateValue::physical(names.of_part("schedule")),
        expression: pipeline.schedule.expression.clone(),
        timezone: pipeline.schedule.timezone.clone(),
        state: if pipeline.schedule.enabled { "ENABLED" } else { "DISABLED" },
        function: LogicalId::of(PRODUCER, "Function"),
        role: LogicalId::of("schedule", "Role"),
        input: input_text(&given),
        dead_letter: LogicalId::of("schedule", "DeadQueue"),
        retries: reasons.derive(
            "schedule",
            "attempts after a failure (MaximumRetryAttempts)",
            INVOCATION_RETRIES,
            "for when Lambda itself does not respond: failures of the function never reach the Scheduler",
            pages::SCHEDULER_RETRY,
        ),
        give_up_s: reasons.derive(
            "schedule",
            "seconds until an invocation is given up (MaximumEventAgeInSeconds)",
            MAX_EVENT_AGE_S,
            "a later one would overlap the next run; it goes to the dead-letter queue",
            pages::SCHEDULER_RETRY,
        ),
        path: "schedule".into(),
    }
}
