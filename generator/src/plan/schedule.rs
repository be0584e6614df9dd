//! The schedule: when it invokes the producer, with which input, and where failed invocations go.

use std::collections::BTreeMap;
use std::time::Duration;

use fanggen_runtime::model::run::FIRST_RUN_WINDOW_S;
use serde::Serialize;
use serde_json::json;

use super::pages;
use super::reasons::Reasons;
use super::template_value::{LogicalId, TemplateValue};
use super::{PlannedResource, ResourceNames};
use crate::config::pipeline::Pipeline;
use crate::config::schedule::parse;
use crate::config::shape::PRODUCER;
use crate::metadata::{FirstRun, READY};
use crate::resources::scheduler;

/// How often an invocation is retried when Lambda itself does not respond.
const INVOCATION_RETRIES: u64 = 3;
/// When an invocation is given up: a run that starts an hour late overlaps the next one.
const MAX_EVENT_AGE_S: u64 = 3_600;

/// What starts the first run, and the time between two runs if the expression is a rate.
fn first_run(pipeline: &Pipeline) -> (FirstRun, Option<Duration>) {
    let rate = parse(&pipeline.schedule.expression).ok().and_then(|expression| expression.period());
    let first = match rate {
        _ if !pipeline.schedule.enabled => FirstRun::Never,
        Some(rate) if rate.as_secs() <= FIRST_RUN_WINDOW_S => FirstRun::Schedule,
        _ => FirstRun::Apply,
    };
    (first, rate)
}

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
    /// `ENABLED` or `DISABLED`, once the environment is ready.
    pub state: &'static str,
    /// What starts the first run.
    pub first_run: FirstRun,
    /// The function that it invokes.
    pub function: LogicalId,
    /// Its role.
    pub role: LogicalId,
    /// The input of the function.
    pub input: TemplateValue,
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

/// Names the rest of the input, after the time of the first run.
const REST: &str = "Rest";

/// The input of the function. The Scheduler must replace one `<aws.scheduler..>` only: those in the names of items are
/// escaped, which JSON allows for `<`. `with_first_run` tells the function when the first run was due.
fn input(given: &BTreeMap<&str, serde_json::Value>, with_first_run: bool) -> TemplateValue {
    let mut rest = r#""scheduled_time":"<aws.scheduler.scheduled-time>"}"#.to_owned();
    if !given.is_empty() {
        let given = json!(given).to_string().replace('<', r"\u003c");
        rest = format!(r#""given":{given},{rest}"#);
    }
    if with_first_run {
        let text = format!(r#"{{"first_run":"${{{READY}}}",${{{REST}}}"#);
        TemplateValue::SubWith(text, BTreeMap::from([(REST, rest)]))
    } else {
        TemplateValue::Literal(format!("{{{rest}"))
    }
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
    let (first_run, rate) = first_run(pipeline);
    // A disabled schedule has nothing else that changes when the environment becomes ready.
    let with_first_run = first_run == FirstRun::Never || first_run == FirstRun::Apply && rate.is_some();
    SchedulePlan {
        id: LogicalId::of("schedule", ""),
        name: TemplateValue::physical(names.of_part("schedule")),
        expression: pipeline.schedule.expression.clone(),
        timezone: pipeline.schedule.timezone.clone(),
        state: if pipeline.schedule.enabled { "ENABLED" } else { "DISABLED" },
        function: LogicalId::of(PRODUCER, "Function"),
        role: LogicalId::of("schedule", "Role"),
        first_run,
        input: input(&given, with_first_run),
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
