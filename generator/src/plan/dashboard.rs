//! The dashboard of an environment with alarms: did the last run work, how many items, what failed, what did it cost.

use fanggen_runtime::model::metric;
use serde::Serialize;
use serde_json::{Value, json};

use super::alarms::{AlarmPlan, PATH};
use super::functions::{FunctionPlan, LogGroupPlan};
use super::queues::QueuePlan;
use super::template_value::{IN_TEMPLATE, LogicalId, REGION, TemplateValue};
use super::{PlannedResource, ResourceNames};
use crate::config::pipeline::Pipeline;
use crate::resources::cloudwatch;

/// A dashboard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DashboardPlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: TemplateValue,
    /// Its widgets, as JSON
    /// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>).
    pub body: TemplateValue,
    /// What asked for it.
    pub path: String,
}

impl DashboardPlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 1] {
        [PlannedResource::named(&cloudwatch::DASHBOARD, &self.id, &self.name, &self.path)]
    }
}

/// The columns of the grid, and the height of a row of widgets.
const COLUMNS: u64 = 24;
const HEIGHT: u64 = 6;

/// The dashboard, where there are alarms.
pub fn plan(
    pipeline: &Pipeline,
    names: &ResourceNames,
    alarms: &[AlarmPlan],
    functions: &[FunctionPlan],
    queues: &[QueuePlan],
    groups: &[LogGroupPlan],
) -> Option<DashboardPlan> {
    if alarms.is_empty() {
        return None;
    }
    let (name, environment) = (pipeline.head.name.as_str(), pipeline.environment.as_str());
    let own = |metric: &str, options: Value| {
        let [one, other] = metric::DIMENSIONS;
        json!([metric::NAMESPACE, metric, one, name, other, environment, options])
    };
    let of_queue = |metric: &str, queue: &QueuePlan, options: Value| {
        json!(["AWS/SQS", metric, "QueueName", queue.name.plain(), options])
    };
    let of_function = |metric: &str, function: &FunctionPlan, options: Value| {
        json!(["AWS/Lambda", metric, "FunctionName", function.name.plain(), options])
    };
    let sum = || json!({ "stat": "Sum" });
    let arns: Vec<String> = alarms.iter().map(|alarm| cloudwatch::ALARM.arn(alarm.name.plain(), IN_TEMPLATE)).collect();
    let runs = vec![
        own(metric::FAILED_PERCENT, json!({ "stat": "SampleCount", "label": "complete runs" })),
        own(metric::FAILED_PERCENT, json!({ "stat": "Maximum", "label": "failed records, %", "yAxis": "right" })),
    ];
    let records = [metric::ITEMS, metric::RECORDS, metric::FAILED, metric::REUSED].map(|metric| own(metric, sum()));
    let cost = [metric::COMPREHEND_UNITS, metric::THROTTLED].map(|metric| own(metric, sum()));
    let waiting =
        queues.iter().map(|queue| of_queue("ApproximateNumberOfMessagesVisible", queue, json!({ "stat": "Maximum" })));
    let failing = functions
        .iter()
        .flat_map(|function| [of_function("Errors", function, sum()), of_function("Throttles", function, sum())]);
    let took = functions.iter().map(|function| of_function("Duration", function, json!({ "stat": "p95" })));
    let sources: String = groups.iter().map(|group| format!("SOURCE '{}' | ", group.name.plain())).collect();
    let query = format!(
        "{sources}fields @timestamp, function, code, message, run | filter level = \"ERROR\" | sort @timestamp desc | limit 20"
    );
    let text = format!(
        "# {name}, {environment}\nDid the last run work? `fanggen runs --env {environment}`  \nWhat came of an item? \
         `fanggen results --env {environment} --item ITEM`  \nWhat failed? `fanggen logs --env {environment} --errors`, \
         `fanggen dlq ls --env {environment}`"
    );
    let graph = |title: &str, metrics: Vec<Value>| {
        let properties = json!({
            "title": title, "region": REGION, "metrics": metrics, "view": "timeSeries", "period": 3_600,
            "yAxis": { "left": { "min": 0 }, "right": { "min": 0 } },
        });
        ("metric", 8, properties)
    };
    let widgets = [
        ("text", 12, json!({ "markdown": text })),
        ("alarm", 12, json!({ "title": "Alarms", "alarms": arns })),
        graph("Did the last runs work?", runs),
        graph("Items and records", records.into()),
        graph("What Comprehend bills, and throttled responses", cost.into()),
        graph("Messages waiting", waiting.collect()),
        graph("Errors and throttles of the functions", failing.collect()),
        graph("Duration of the functions (p95), ms", took.collect()),
        ("log", COLUMNS, json!({ "title": "The last failures", "region": REGION, "query": query, "view": "table" })),
    ];
    let body = json!({ "widgets": placed(widgets.into()) });
    Some(DashboardPlan {
        id: LogicalId::of("", "Dashboard"),
        name: TemplateValue::physical(names.stack()),
        body: TemplateValue::physical(body.to_string()),
        path: PATH.to_owned(),
    })
}

/// Places widgets from left to right and from top to bottom.
fn placed(widgets: Vec<(&'static str, u64, Value)>) -> Vec<Value> {
    let (mut x, mut y) = (0, 0);
    let place = |(kind, width, properties): (&str, u64, Value)| {
        if x + width > COLUMNS {
            (x, y) = (0, y + HEIGHT);
        }
        let widget =
            json!({ "type": kind, "x": x, "y": y, "width": width, "height": HEIGHT, "properties": properties });
        x += width;
        widget
    };
    widgets.into_iter().map(place).collect()
}
