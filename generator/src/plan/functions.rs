//! The functions and what carries their work: schedule, queues, dead-letter queues, mappings, log groups.

use std::collections::BTreeMap;

use fanggen_runtime::function::{Function, Inlet, Outlets, Part};
use serde::Serialize;
use serde_json::json;

use super::Names;
use super::explain::{Reasons, pages};
use super::pace;
use super::storage::{self, Table};
use super::text::{LogicalId, Text};
use crate::config::pipeline::{Component, Pipeline};
use crate::config::sections::Architecture;
use crate::config::shape::{PRODUCER, Shape};

/// One Lambda function.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunctionPlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: Text,
    /// What it does, in a line.
    pub description: String,
    /// Its role.
    pub role: LogicalId,
    /// Its log group.
    pub log_group: LogicalId,
    /// Instruction set.
    pub architecture: &'static str,
    /// Memory in MB.
    pub memory_mb: u64,
    /// The longest that one invocation may take, in seconds.
    pub timeout_s: u64,
    /// Whether X-Ray traces it.
    pub tracing: bool,
    /// Its settings.
    pub variables: Vec<Variable>,
    /// What asked for it.
    pub path: String,
    /// The word for it in the pipeline.
    #[serde(skip)]
    pub word: String,
}

/// An environment variable.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Text,
}

/// An SQS queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Queue {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: Text,
    /// How long a message stays hidden from others, in seconds.
    pub visibility_s: u64,
    /// How long a message is kept, in seconds.
    pub retention_s: u64,
    /// Where messages go that were received too often.
    pub dead_letter: Option<DeadLetter>,
    /// Which queues may give up messages to it.
    pub takes: Takes,
    /// The policy that closes it to plain HTTP, within the template.
    pub policy: LogicalId,
    /// What asked for it.
    pub path: String,
}

/// From which queues a queue takes dead letters (`RedriveAllowPolicy`; SQS admits all unless told).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all_fields = "camelCase", tag = "redrivePermission")]
pub enum Takes {
    /// From none.
    #[serde(rename = "denyAll")]
    Nothing,
    /// From these, by ARNs that are written out: the queue refers to this one already.
    #[serde(rename = "byQueue")]
    From {
        /// The queues.
        source_queue_arns: Vec<Text>,
    },
}

/// Where messages of a queue go that were received too often.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeadLetter {
    /// ARN of the dead-letter queue: SQS refuses one that does not exist yet, so the queue has to wait for it.
    pub arn: Text,
    /// After how many receives.
    pub after: u64,
}

/// From a queue to a function.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mapping {
    /// Its name within the template.
    pub id: LogicalId,
    /// The queue.
    pub queue: LogicalId,
    /// The function.
    pub function: LogicalId,
    /// Instances at once.
    pub concurrency: u64,
    /// Messages of one invocation.
    pub batch: u64,
    /// What the function may answer.
    pub answers: Vec<&'static str>,
    /// What asked for it.
    pub path: String,
}

/// What happens when an asynchronous invocation fails.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventInvoke {
    /// Its name within the template.
    pub id: LogicalId,
    /// The function.
    pub function: LogicalId,
    /// The queue that keeps the failed event.
    pub on_failure: LogicalId,
    /// How often Lambda tries again before.
    pub retries: u64,
    /// What asked for it.
    pub path: String,
}

/// A CloudWatch log group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogGroup {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: Text,
    /// For how many days logs are kept.
    pub retention_days: u64,
    /// What asked for it.
    pub path: String,
}

/// The EventBridge Scheduler schedule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SchedulePlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: Text,
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

/// All of it.
pub struct Flow {
    pub schedule: SchedulePlan,
    pub functions: Vec<FunctionPlan>,
    pub invokes: Vec<EventInvoke>,
    pub mappings: Vec<Mapping>,
    pub queues: Vec<Queue>,
    pub log_groups: Vec<LogGroup>,
}

/// The name of the queue before a function, or of its dead-letter queue.
pub fn queue_name(names: &Names, function: &str, dead: bool) -> String {
    names.of_part(function) + if dead { "-dead" } else { "" }
}

/// Seconds of fourteen days, SQS's most: whoever looks after dead letters may be on holiday.
const LONGEST_RETENTION_S: u64 = 1_209_600;
/// Receives after which a message is dead. The worker deals with poison itself: this guards against crashes.
const RECEIVES: u64 = 10;
/// How long a dead letter that somebody looks at stays hidden from others: SQS's own default.
const DEAD_VISIBILITY_S: u64 = 30;
/// How often a firing is tried again where Lambda itself does not answer.
const FIRINGS_AGAIN: u64 = 3;
/// When a firing is given up: a run that comes an hour late meets the next one.
const GIVE_UP_S: u64 = 3_600;
/// How often Lambda tries a failed event again: its most.
const EVENTS_AGAIN: u64 = 2;
/// Lambda's longest invocation, which the producer gets: a scan is not to be cut short.
const LONGEST_TIMEOUT_S: u64 = 900;

/// Plans the functions and all between them.
pub fn plan(pipeline: &Pipeline, names: &Names, shapes: &[Shape<'_>], tables: &[Table], reasons: &mut Reasons) -> Flow {
    let state = tables.last().map(|table| table.name.plain().to_owned());
    let mut flow = Flow {
        schedule: schedule(pipeline, names, reasons),
        functions: Vec::new(),
        invokes: Vec::new(),
        mappings: Vec::new(),
        queues: Vec::new(),
        log_groups: Vec::new(),
    };
    let timeout = pipeline.functions.timeout_s.get();
    for shape in shapes {
        let producer = shape.name == PRODUCER;
        let id = LogicalId::of(&shape.name, "Function");
        let log_group = LogicalId::of(&shape.name, "Logs");
        let mut paces = BTreeMap::new();
        if producer {
            reasons.derive(
                PRODUCER,
                "timeout, seconds",
                LONGEST_TIMEOUT_S,
                "Lambda's longest: a scan of the items is not to be cut short",
                pages::LAMBDA_LIMITS,
            );
            let dead = LogicalId::of(&shape.name, "DeadQueue");
            reasons.derive(
                PRODUCER,
                "on-failure destination",
                queue_name(names, PRODUCER, true),
                "the schedule's own dead-letter queue never sees a failure of the function",
                pages::LAMBDA_ASYNC,
            );
            flow.invokes.push(EventInvoke {
                id: LogicalId::of(&shape.name, "Invoke"),
                function: id.clone(),
                on_failure: dead,
                retries: reasons.derive(
                    PRODUCER,
                    "attempts after a failure (MaximumRetryAttempts)",
                    EVENTS_AGAIN,
                    "Lambda's most: the producer goes on where its cursor is, so that another attempt repeats nothing",
                    pages::LAMBDA_RETRIES,
                ),
                path: shape.path.clone(),
            });
            flow.queues.push(dead_queue(names, &shape.name, &shape.path, None, reasons));
        } else {
            let concurrency = pace::concurrency(pipeline, &shape.name, &shape.stages, reasons);
            paces = shape
                .stages
                .iter()
                .filter_map(|stage| Some((stage.name.clone(), pace::pace(stage, concurrency, reasons)?)))
                .collect();
            let queue = queue(names, shape, timeout, reasons);
            flow.mappings.push(Mapping {
                id: LogicalId::of(&shape.name, "Mapping"),
                queue: queue.id.clone(),
                function: id.clone(),
                concurrency,
                batch: reasons.derive(
                    &shape.name,
                    "batch size",
                    1,
                    "one message is one chunk of up to 100 items: it is the batch",
                    pages::SQS_LAMBDA,
                ),
                answers: vec![reasons.derive(
                    &shape.name,
                    "answers (FunctionResponseTypes)",
                    "ReportBatchItemFailures",
                    "a chunk that is to come again is handed back by its id, and is no failure of the function",
                    pages::SQS_ERRORS,
                )],
                path: shape.path.clone(),
            });
            let dead = dead_queue(names, &shape.name, &shape.path, Some(&queue), reasons);
            flow.queues.extend([queue, dead]);
        }
        let part = |component: &Component| Part {
            name: component.name.clone(),
            kind: component.kind,
            settings: component.settings.clone(),
            on: component.settings.store(&component.name).map(|store| storage::physical(names, &store).0),
            pace: paces.get(&component.name).copied(),
        };
        let deployed = |sink: &&Component| !sink.kind.card.machine_only;
        let function = Function {
            pipeline: pipeline.head.name.to_string(),
            environment: pipeline.environment.clone(),
            name: shape.name.clone(),
            contact: pipeline.head.contact.as_ref().map(ToString::to_string),
            state: state.clone(),
            inlet: if producer { Inlet::Schedule(pipeline.sources.iter().map(part).collect()) } else { Inlet::Queue },
            stages: shape.stages.iter().map(|stage| part(stage)).collect(),
            outlets: match &shape.next {
                Some(next) => Outlets::Queue(LogicalId::of(next, "Queue").as_str().to_owned()),
                None => Outlets::Sinks(pipeline.sinks.iter().filter(deployed).map(part).collect()),
            },
        };
        flow.log_groups.push(LogGroup {
            id: log_group.clone(),
            name: Text::physical(format!("/aws/lambda/{}", names.of_part(&shape.name))),
            retention_days: reasons.derive(
                &shape.name,
                "retention of its log, days",
                pipeline.logs.retention_days.days(),
                "`logs.retention_days`, 30 unless set: a group that Lambda makes itself keeps everything for ever",
                pages::LOG_RETENTION,
            ),
            path: shape.path.clone(),
        });
        flow.functions.push(FunctionPlan {
            name: Text::physical(names.of_part(&shape.name)),
            description: describe(shape),
            role: LogicalId::of(&shape.name, "Role"),
            log_group,
            architecture: match pipeline.functions.architecture {
                Architecture::Arm64 => "arm64",
                Architecture::X86_64 => "x86_64",
            },
            memory_mb: pipeline.functions.memory_mb.get(),
            timeout_s: if producer { LONGEST_TIMEOUT_S } else { timeout },
            tracing: pipeline.functions.tracing,
            variables: variables(&function, shape.next.as_deref()),
            path: shape.path.clone(),
            word: shape.name.clone(),
            id,
        });
    }
    flow.queues.push(dead_queue(names, "schedule", "schedule", None, reasons));
    flow
}

fn describe(shape: &Shape<'_>) -> String {
    if shape.name == PRODUCER {
        return "Reads the items and sends them on in chunks".into();
    }
    let stages: Vec<&str> = shape.stages.iter().map(|stage| stage.name.as_str()).collect();
    // Lambda takes 256 characters.
    format!("Takes chunks through: {}", stages.join(", ")).chars().take(256).collect()
}

/// What the Lambda is told; the same types read it back.
fn variables(function: &Function, next: Option<&str>) -> Vec<Variable> {
    let queue = next.map(|next| LogicalId::of(next, "Queue"));
    let value = |variable: &fanggen_runtime::function::Variable| match &queue {
        Some(queue) if variable.physical && variable.value == queue.as_str() => Text::Ref(queue.clone()),
        _ if variable.physical => Text::physical(variable.value.clone()),
        _ => Text::Literal(variable.value.clone()),
    };
    function.to_env().iter().map(|it| Variable { name: it.name.clone(), value: value(it) }).collect()
}

fn queue(names: &Names, shape: &Shape<'_>, timeout: u64, reasons: &mut Reasons) -> Queue {
    let visibility_s = reasons.derive(
        &shape.name,
        "visibility timeout of its queue, seconds",
        6 * timeout,
        format!("6 x the function's timeout of {timeout} s, so that a retry of a throttled batch still fits"),
        pages::SQS_LAMBDA,
    );
    let after = reasons.derive(
        &shape.name,
        "receives before the dead-letter queue",
        RECEIVES,
        "the worker deals with poison itself: this guards against crashes, and AWS asks for 5 at least",
        pages::SQS_ERRORS,
    );
    let id = LogicalId::of(&shape.name, "Queue");
    Queue {
        policy: id.with("Policy"),
        id,
        name: Text::physical(queue_name(names, &shape.name, false)),
        visibility_s,
        retention_s: retention(&shape.name, "messages of its queue", reasons),
        dead_letter: Some(DeadLetter { arn: Text::Arn(LogicalId::of(&shape.name, "DeadQueue")), after }),
        takes: Takes::Nothing,
        path: shape.path.clone(),
    }
}

/// How long a queue keeps what is in it, in seconds.
fn retention(function: &str, what: &str, reasons: &mut Reasons) -> u64 {
    reasons.derive(
        function,
        &format!("retention of {what}, seconds"),
        LONGEST_RETENTION_S,
        "14 days, SQS's most: whoever looks after it may be on holiday",
        pages::SQS_LIMITS,
    )
}

/// The queue of a function's dead letters; `before` is the queue that they come from, unless a service puts them there.
fn dead_queue(names: &Names, function: &str, path: &str, before: Option<&Queue>, reasons: &mut Reasons) -> Queue {
    use super::text::{ACCOUNT, PARTITION, REGION};
    let arn = |queue: &Queue| Text::physical(format!("arn:{PARTITION}:sqs:{REGION}:{ACCOUNT}:{}", queue.name.plain()));
    let takes = before.map_or(Takes::Nothing, |queue| Takes::From { source_queue_arns: vec![arn(queue)] });
    let id = LogicalId::of(function, "DeadQueue");
    Queue {
        policy: id.with("Policy"),
        id,
        name: Text::physical(queue_name(names, function, true)),
        visibility_s: reasons.derive(
            function,
            "visibility timeout of its dead-letter queue, seconds",
            DEAD_VISIBILITY_S,
            "SQS's own default: no function takes from it, only somebody who looks",
            pages::SQS_VISIBILITY,
        ),
        retention_s: retention(function, "dead letters", reasons),
        dead_letter: None,
        takes,
        path: path.to_owned(),
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

fn schedule(pipeline: &Pipeline, names: &Names, reasons: &mut Reasons) -> SchedulePlan {
    let given: BTreeMap<&str, _> = pipeline
        .sources
        .iter()
        .filter_map(|source| {
            let seed = source.settings.seed()?;
            seed.most_bytes.map(|_| (source.name.as_str(), json!({ "key": seed.key, "items": seed.items })))
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
        name: Text::physical(names.of_part("schedule")),
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
            FIRINGS_AGAIN,
            "for when Lambda itself does not answer: the function's own failures never reach the Scheduler",
            pages::SCHEDULER_RETRY,
        ),
        give_up_s: reasons.derive(
            "schedule",
            "seconds until a firing is given up (MaximumEventAgeInSeconds)",
            GIVE_UP_S,
            "a firing that comes later meets the next ones; it goes to the dead-letter queue",
            pages::SCHEDULER_RETRY,
        ),
        path: "schedule".into(),
    }
}
