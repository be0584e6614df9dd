//! The alarms of an environment, if `[alarms]` names somebody who is told, each with a text for whoever is woken by it.

use fanggen_runtime::model::metric::{self, COMPREHEND_UNIT, COMPREHEND_UNITS, FAILED_PERCENT};
use serde::Serialize;

use super::functions::FunctionPlan;
use super::pages;
use super::queues::{QueuePlan, RedriveSources};
use super::reasons::Reasons;
use super::sink_targets::{self, SubscriptionPlan, TopicPlan};
use super::template_value::{IN_TEMPLATE, LogicalId, TemplateValue};
use super::{PlannedResource, ResourceNames};
use crate::config::pipeline::Pipeline;
use crate::config::schedule::gaps::{alarm_window, longest_two_periods};
use crate::config::schedule::parse;
use crate::prices;
use crate::resources::cloudwatch;

/// What asks for the alarms.
pub const PATH: &str = "alarms";

/// The last part of the topic's name.
pub const TOPIC: &str = "alarms";

/// The periods of metrics that are used, in seconds.
const FIVE_MINUTES: u64 = 300;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

/// Errors and throttles of a function in 15 minutes that are worth an alarm: so often an event is tried that Lambda gives up
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).
const ATTEMPTS: u64 = 3;

/// An alarm on one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlarmPlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: TemplateValue,
    /// What happened, in which pipeline, and what to type first.
    pub description: String,
    /// The metric.
    pub metric: WatchedMetric,
    /// How its values are combined within a period: `Sum`, `Maximum`, `SampleCount`.
    pub statistic: &'static str,
    /// The period, in seconds.
    pub period_s: u64,
    /// How many periods must all breach the threshold.
    pub periods: u64,
    /// Which side of the threshold breaches it.
    pub comparison: &'static str,
    /// The threshold.
    pub threshold: u64,
    /// What a period without values means: `breaching` or `notBreaching`.
    pub missing: &'static str,
    /// The topic that is told of it, and of its end.
    pub topic: LogicalId,
    /// What asked for it.
    pub path: String,
}

impl AlarmPlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 1] {
        [PlannedResource::named(&cloudwatch::ALARM, &self.id, &self.name, &self.path)]
    }
}

/// A metric of one resource, or of the pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WatchedMetric {
    /// Its namespace.
    pub namespace: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its dimensions: names and values.
    pub dimensions: Vec<MetricDimension>,
}

/// A dimension of a metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricDimension {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: TemplateValue,
}

/// What the alarms of an environment need to know of it.
struct AlarmTexts<'a> {
    names: &'a ResourceNames,
    pipeline: &'a str,
    environment: &'a str,
}

impl AlarmTexts<'_> {
    /// An alarm above or below a threshold; the text ends in the command to type first.
    fn alarm(&self, id: LogicalId, part: &str, metric: WatchedMetric, text: &str, first: &str) -> AlarmPlan {
        let Self { pipeline, environment, .. } = self;
        AlarmPlan {
            id,
            name: TemplateValue::physical(self.names.of_part(part)),
            description: format!("{pipeline}, {environment}: {text} Run first: fanggen {first} --env {environment}"),
            metric,
            statistic: "Sum",
            period_s: FIVE_MINUTES,
            periods: 1,
            comparison: "GreaterThanOrEqualToThreshold",
            threshold: 1,
            missing: "notBreaching",
            topic: LogicalId::of(TOPIC, "Topic"),
            path: PATH.to_owned(),
        }
    }

    /// The part of the environment that a queue is: `worker`, `worker-dead`.
    fn part_of<'q>(&self, queue: &'q QueuePlan) -> &'q str {
        let name = queue.name.plain();
        name.strip_prefix(self.names.stack()).map_or(name, |part| part.trim_start_matches('-'))
    }

    fn own(&self, name: &'static str) -> WatchedMetric {
        let values = [self.pipeline, self.environment].map(|value| TemplateValue::Literal(value.to_owned()));
        let dimensions = metric::DIMENSIONS.into_iter().zip(values);
        let dimensions = dimensions.map(|(name, value)| MetricDimension { name, value }).collect();
        WatchedMetric { namespace: metric::NAMESPACE, name, dimensions }
    }
}

/// A metric that AWS makes of one resource.
fn of_resource(
    namespace: &'static str,
    name: &'static str,
    dimension: &'static str,
    value: &TemplateValue,
) -> WatchedMetric {
    let dimensions = vec![MetricDimension { name: dimension, value: value.clone() }];
    WatchedMetric { namespace, name, dimensions }
}

/// Where the alarms are told.
pub struct AlarmTopic {
    /// The topic; none without alarms.
    pub topic: Option<TopicPlan>,
    /// Its first subscription.
    pub subscription: Option<SubscriptionPlan>,
}

/// The topic that the alarms publish to.
pub fn topic(pipeline: &Pipeline, names: &ResourceNames, alarms: &[AlarmPlan], reasons: &mut Reasons) -> AlarmTopic {
    if alarms.is_empty() {
        return AlarmTopic { topic: None, subscription: None };
    }
    let email = pipeline.alarms.email.as_ref().map(ToString::to_string);
    let (topic, subscription) = sink_targets::topic(names, TOPIC, email, PATH, reasons);
    let arn = |alarm: &AlarmPlan| cloudwatch::ALARM.arn(alarm.name.plain(), IN_TEMPLATE);
    let alarms = alarms.iter().map(|alarm| TemplateValue::physical(arn(alarm))).collect();
    AlarmTopic { topic: Some(TopicPlan { alarms, ..topic }), subscription }
}

/// The alarms, where somebody is told.
pub fn plan(
    pipeline: &Pipeline,
    names: &ResourceNames,
    functions: &[FunctionPlan],
    queues: &[QueuePlan],
    reasons: &mut Reasons,
) -> Vec<AlarmPlan> {
    if !pipeline.alarms.is_on() {
        return Vec::new();
    }
    let (name, environment) = (pipeline.head.name.as_str(), pipeline.environment.as_str());
    let texts = AlarmTexts { names, pipeline: name, environment };
    let mut all: Vec<AlarmPlan> = Vec::new();
    for queue in queues {
        // Nobody but people reads a dead-letter queue: whatever is in it waits for them.
        match &queue.dead_letter {
            None => all.push(dead_letters(&texts, queue)),
            Some(_) => all.push(oldest_message(&texts, queue, reasons)),
        }
    }
    // An alarm that the notifier fails could only be posted by the notifier, which then fails again: its dead letters raise one
    // that stays until somebody looks.
    for function in functions.iter().filter(|function| function.path != PATH) {
        all.extend(failures_of(&texts, function));
    }
    reasons.derive(
        PATH,
        "errors or throttles of a function in 15 minutes",
        ATTEMPTS,
        "so often Lambda tries an asynchronous event before it gives up; fewer are retried without loss",
        pages::LAMBDA_RETRIES,
    );
    all.extend(no_run(&texts, pipeline, reasons));
    let percent = pipeline.alarms.max_failed_percent.get();
    all.push(AlarmPlan {
        statistic: "Maximum",
        comparison: "GreaterThanThreshold",
        threshold: percent,
        ..texts.alarm(
            LogicalId::of("failed-records", "Alarm"),
            "failed-records",
            texts.own(FAILED_PERCENT),
            &format!("more than {percent}% of the records of a run failed."),
            "results --failed",
        )
    });
    all.extend(cost(&texts, pipeline, reasons));
    all
}

fn dead_letters(texts: &AlarmTexts<'_>, queue: &QueuePlan) -> AlarmPlan {
    let what = match queue.takes {
        RedriveSources::Nothing if queue.path == PATH => "alarms that did not reach Slack",
        RedriveSources::Nothing => "runs that failed three times or never started",
        RedriveSources::From { .. } => "chunks that were given up; their items have no results",
    };
    AlarmPlan {
        statistic: "Maximum",
        ..texts.alarm(
            queue.id.with("Alarm"),
            &format!("{}-letters", texts.part_of(queue)),
            of_resource("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", &queue.name),
            &format!("the dead-letter queue {} has messages: {what}.", queue.name.plain()),
            "dlq ls",
        )
    }
}

fn oldest_message(texts: &AlarmTexts<'_>, queue: &QueuePlan, reasons: &mut Reasons) -> AlarmPlan {
    let seconds = reasons.derive(
        PATH,
        &format!("age of the oldest message of {}, seconds", queue.name.plain()),
        HOUR.max(2 * queue.visibility_s),
        "an hour, or two visibility timeouts: a message that a throttled service delays is not that old",
        pages::SQS_VISIBILITY,
    );
    AlarmPlan {
        statistic: "Maximum",
        periods: 3,
        threshold: seconds,
        ..texts.alarm(
            queue.id.with("Alarm"),
            &format!("{}-oldest", texts.part_of(queue)),
            of_resource("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", &queue.name),
            &format!(
                "a message has been in the queue {} for over {} minutes. The worker is too slow, throttled or failing.",
                queue.name.plain(),
                seconds / 60
            ),
            "logs --errors",
        )
    }
}

fn failures_of(texts: &AlarmTexts<'_>, function: &FunctionPlan) -> [AlarmPlan; 2] {
    let name = function.name.plain();
    let first = format!("logs --errors --function {}", function.word);
    let kinds = [
        (
            "Errors",
            "errors",
            format!("the function {name} failed {ATTEMPTS} times or more in 15 minutes."),
            first.as_str(),
        ),
        (
            "Throttles",
            "throttles",
            format!(
                "Lambda throttled the function {name} {ATTEMPTS} times or more in 15 minutes: the account has no concurrency \
                 left, so runs are late."
            ),
            "runs",
        ),
    ];
    kinds.map(|(metric, part, text, first)| AlarmPlan {
        period_s: 3 * FIVE_MINUTES,
        threshold: ATTEMPTS,
        ..texts.alarm(
            function.id.with(&format!("{metric}Alarm")),
            &format!("{}-{part}", function.word),
            of_resource("AWS/Lambda", metric, "FunctionName", &function.name),
            &text,
            first,
        )
    })
}

/// The alarm that no run has completed for two periods of the schedule, where the schedule goes on and CloudWatch looks back
/// so far.
fn no_run(texts: &AlarmTexts<'_>, pipeline: &Pipeline, reasons: &mut Reasons) -> Option<AlarmPlan> {
    let expression = parse(&pipeline.schedule.expression).ok().filter(|_| pipeline.schedule.enabled)?;
    let (period_s, periods) = alarm_window(longest_two_periods(&expression)?)?;
    let hours = reasons.derive(
        PATH,
        "hours without a complete run",
        format!("{:.1}", (period_s * periods) as f64 / HOUR as f64),
        "the longest two periods of the schedule, and 15 minutes for a run: a single late run is no alarm",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html",
    );
    Some(AlarmPlan {
        statistic: "SampleCount",
        period_s,
        periods,
        comparison: "LessThanThreshold",
        missing: "breaching",
        ..texts.alarm(
            LogicalId::of("no-run", "Alarm"),
            "no-run",
            texts.own(FAILED_PERCENT),
            &format!("no run has completed in the last {hours} hours, although the schedule should have started two."),
            "runs",
        )
    })
}

/// The alarm that Comprehend costs more on a day than the budget has for one, where a stage uses it.
fn cost(texts: &AlarmTexts<'_>, pipeline: &Pipeline, reasons: &mut Reasons) -> Option<AlarmPlan> {
    let budget = pipeline.budget.monthly_usd?.get();
    let unit = prices::unit(COMPREHEND_UNIT)?;
    if !pipeline.is_billed(COMPREHEND_UNIT) {
        return None;
    }
    let units = reasons.derive(
        "budget",
        "Comprehend units a day",
        (budget as f64 / prices::DAYS_OF_MONTH / unit.usd) as u64,
        format!("the budget of ${budget} a month, at ${} a unit on {}", unit.usd, unit.date),
        "https://aws.amazon.com/comprehend/pricing/",
    );
    Some(AlarmPlan {
        period_s: DAY,
        comparison: "GreaterThanThreshold",
        threshold: units,
        ..texts.alarm(
            LogicalId::of("cost", "Alarm"),
            "cost",
            texts.own(COMPREHEND_UNITS),
            &format!(
                "Comprehend billed more than {units} units in a day, which is a day's share of the budget of ${budget} a month."
            ),
            "runs",
        )
    })
}
