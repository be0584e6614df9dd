//! The metrics that alarms watch: those of the pipeline are what its functions log in a real run, and drive an alarm and its end;
//! those of AWS are as AWS documents them.
//!
//! The emulator evaluates alarms whenever metrics are put, but makes no metrics of its own services, and none of the embedded
//! ones in logs: this test reads those as CloudWatch does. It looks at names and not at dimensions, so this module, which has an
//! emulator to itself, compares the dimensions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricAlarm, MetricDatum, StateValue};
use serde_json::Value;

use crate::alarms::{told, watched};
use crate::harness::aws::emulator::block_on;
use crate::harness::aws::person::Person;
use crate::harness::aws::target_account::target_account;
use crate::harness::aws::template;
use crate::harness::deployed_pipeline::DeployedPipeline;

/// The metrics of AWS that alarms watch: namespace, name, dimension, and how the logical ids end of the resources that it names.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>,
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>
const DOCUMENTED: [(&str, &str, &str, &str); 4] = [
    ("AWS/Lambda", "Errors", "FunctionName", "Function"),
    ("AWS/Lambda", "Throttles", "FunctionName", "Function"),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "Queue"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "DeadQueue"),
];

/// A metric of a namespace, with its dimensions.
type Metric = (String, String, BTreeMap<String, String>);

/// The embedded metrics of a run, with their values
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
fn emitted(live: &DeployedPipeline, run: &str) -> Vec<(Metric, f64)> {
    let mut all = Vec::new();
    for line in live.logs().lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        for directive in
            line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten().filter(|_| line["run"] == run)
        {
            let names = directive["Dimensions"][0].as_array().expect("dimensions");
            let dimensions: BTreeMap<String, String> =
                names.iter().map(|name| (text(name), text(&line[name.as_str().expect("a name")]))).collect();
            for metric in directive["Metrics"].as_array().expect("metrics") {
                let name = text(&metric["Name"]);
                let value = line[&name].as_f64().expect("a number");
                all.push(((text(&directive["Namespace"]), name, dimensions.clone()), value));
            }
        }
    }
    all
}

fn of_alarm(alarm: &MetricAlarm) -> Metric {
    let text = |text: Option<&str>| text.expect("a text").to_owned();
    let dimensions = alarm.dimensions().iter().map(|one| (text(one.name()), text(one.value()))).collect();
    (text(alarm.namespace()), text(alarm.metric_name()), dimensions)
}

fn alarms() -> Vec<MetricAlarm> {
    let client = aws_sdk_cloudwatch::Client::new(&target_account().sdk);
    block_on(client.describe_alarms().send()).expect("alarms").metric_alarms.unwrap_or_default()
}

fn state(name: &str) -> Option<StateValue> {
    alarms().into_iter().find(|alarm| alarm.alarm_name() == Some(name))?.state_value
}

/// Puts metrics as CloudWatch takes them from a log, so many seconds ago.
fn put(metrics: &[(Metric, f64)], ago: Duration) {
    let client = aws_sdk_cloudwatch::Client::new(&target_account().sdk);
    for ((namespace, name, dimensions), value) in metrics {
        let dimension = |(name, value): (&String, &String)| Dimension::builder().name(name).value(value).build();
        let datum = MetricDatum::builder()
            .metric_name(name)
            .value(*value)
            .set_dimensions(Some(dimensions.iter().map(dimension).collect()))
            .timestamp(DateTime::from(SystemTime::now() - ago));
        block_on(client.put_metric_data().namespace(namespace).metric_data(datum.build()).send()).expect("put");
    }
}

/// The embedded metrics of a run of this time, once it is complete.
fn run(live: &DeployedPipeline, time: &str, id: &str) -> Vec<(Metric, f64)> {
    live.start_run(time).expect("produced");
    live.wait_until("a complete run", || {
        Some(emitted(live, id)).filter(|all| all.iter().any(|((_, name, _), _)| name == "FailedPercent"))
    })
}

#[test]
fn a_run_drives_an_alarm_and_its_end_by_the_metrics_that_alarms_watch() {
    let live = watched("measured");
    live.allow_send_batches();
    // No page of theirs exists: more than a fifth of the records fail.
    live.put("CompaniesTable", ["Unknown A", "Unknown B", "Unknown C"].map(str::to_owned));
    let bad = run(&live, "2026-11-22T09:00:00Z", "20261122T090000Z");
    let ours: BTreeSet<&Metric> = bad.iter().map(|(metric, _)| metric).collect();
    let names = template::names(&live.deployed.plan("prod"));
    let mut watched = BTreeSet::new();
    for alarm in alarms() {
        let metric = of_alarm(&alarm);
        let (namespace, name, dimensions) = &metric;
        if namespace == "fanggen" {
            assert!(ours.contains(&metric), "{metric:?} is not among {ours:?}");
        } else {
            let known = DOCUMENTED.iter().find(|known| (known.0, known.1) == (namespace.as_str(), name.as_str()));
            let (_, _, dimension, ending) = known.unwrap_or_else(|| panic!("AWS documents no {metric:?}"));
            let mut named = names.iter().filter(|(_, physical)| dimensions.get(*dimension) == Some(physical));
            assert!(dimensions.len() == 1 && named.any(|(id, _)| id.ends_with(ending)), "{metric:?}");
        }
        watched.insert((namespace.clone(), name.clone()));
    }
    assert_eq!(watched.len(), DOCUMENTED.len() + 2, "each of AWS, and two of ours: {watched:?}");

    let name = "measured-prod-failed-records";
    let url = live.listener("AlarmsTopic");
    let failed = bad.iter().find(|((_, metric, _), _)| metric == "FailedPercent").expect("a share");
    assert!((failed.1 - 38.0).abs() < 0.1, "three of eight: {failed:?}");
    // The alarm looks at five minutes, which these leave soon.
    put(&bad, Duration::from_secs(280));
    assert_eq!(state(name), Some(StateValue::Alarm));
    let raised = |state: &str| {
        live.wait_until(state, || {
            told(&url).into_iter().find(|(who, new, _)| who == name && new == state).map(|(_, _, text)| text)
        })
    };
    assert!(raised("ALARM").starts_with("measured, prod: more than 20% of the records of a run failed."));

    let operator = Person::new(&live.deployed, "measured-operator", &["--operator", "--env", "prod"]);
    let removed =
        operator.run(&["items", "remove", "--env", "prod", "-i", "Unknown A", "-i", "Unknown B", "-i", "Unknown C"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    let good = run(&live, "2026-11-22T10:00:00Z", "20261122T100000Z");
    live.wait_until("the end of the alarm", || {
        put(&good, Duration::ZERO);
        (state(name) == Some(StateValue::Ok)).then_some(())
    });
    assert!(raised("OK").starts_with("measured, prod: "));
}
