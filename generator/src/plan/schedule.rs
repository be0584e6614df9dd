//! The schedule: when it fires, what it sends, and what becomes of a firing that reaches nobody.

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

/// How often a firing is tried again where Lambda itself does not answer.
const INVOCATION_RETRIES: u64 = 3;
/// When a firing is given up: a run that comes an hour late meets the next one.
const MAX_EVENT_AGE_S: u64 = 3_600;

/// The EventBridge Scheduler schedule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SchedulePlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: TemplateValue,
    /// When it fires.
    pub expression: String,
    /// In which time zone.
    pub timezone: String,
    /// `ENABLED` or `DISABLED`.
    pub state: &'static str,
    /// The function that it invokes.
    pub function: LogicalId,
    /// Its role.
    pub role: LogicalId,
    /// What the function is sent.
    pub input: String,
    /// The queue of firings that reached no function.
    pub dead_letter: LogicalId,
    /// How often the Scheduler tries again.
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

/// What the schedule sends. Only one of its `<aws.scheduler..>` is meant for the Scheduler: those in an item's name stay
/// as they are, since within JSON a `<` can be written in another way.
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
        "the run is known by its scheduled time: a second firing of the same time is the same run",
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
            "for when Lambda itself does not answer: the function's own failures never reach the Scheduler",
            pages::SCHEDULER_RETRY,
        ),
        give_up_s: reasons.derive(
            "schedule",
            "seconds until a firing is given up (MaximumEventAgeInSeconds)",
            MAX_EVENT_AGE_S,
            "a firing that comes later meets the next ones; it goes to the dead-letter queue",
            pages::SCHEDULER_RETRY,
        ),
        path: "schedule".into(),
    }
}
