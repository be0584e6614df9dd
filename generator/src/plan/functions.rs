//! The functions, and what joins them to their queues, their failures and their logs.

use std::collections::BTreeMap;

use fanggen_runtime::function::{Function, Inlet, Intake, Outlets, Part};
use fanggen_runtime::model::run::CHUNK_ITEMS;
use serde::Serialize;

use super::explain::{Reasons, pages};
use super::pace;
use super::queues::{Queue, RECEIVES, dead_queue, queue, queue_name};
use super::schedule::{SchedulePlan, schedule};
use super::storage::{self, Table};
use super::text::{LogicalId, Text};
use super::{Names, Resource};
use crate::config::pipeline::{ComponentConfig, Pipeline};
use crate::config::shape::{PRODUCER, Shape};
use crate::resources::{lambda, logs};

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

impl FunctionPlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [Resource<'_>; 1] {
        [Resource::named(&lambda::FUNCTION, &self.id, &self.name, &self.path)]
    }
}

/// An environment variable.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Text,
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

impl Mapping {
    /// Its resources in the template.
    pub fn resources(&self) -> [Resource<'_>; 1] {
        [Resource::unnamed(&lambda::EVENT_SOURCE_MAPPING, &self.id, &self.path)]
    }
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

impl EventInvoke {
    /// Its resources in the template.
    pub fn resources(&self) -> [Resource<'_>; 1] {
        [Resource::unnamed(&lambda::EVENT_INVOKE_CONFIG, &self.id, &self.path)]
    }
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
    /// Whether it outlives the stack.
    pub retain: bool,
    /// What asked for it.
    pub path: String,
}

impl LogGroup {
    /// Its resources in the template.
    pub fn resources(&self) -> [Resource<'_>; 1] {
        [Resource::named(&logs::LOG_GROUP, &self.id, &self.name, &self.path)]
    }
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
            if shape.chunk_items != CHUNK_ITEMS {
                reasons.derive(
                    PRODUCER,
                    "items a chunk",
                    shape.chunk_items,
                    "stages make several records of an item, and a chunk is to stay below a hundred of them",
                    pages::SQS_LAMBDA,
                );
            }
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
        let part = |component: &ComponentConfig| Part {
            name: component.name.clone(),
            kind: component.kind,
            settings: component.settings.clone(),
            on: component.settings.store(&component.name).map(|store| storage::physical(names, &store).0),
            pace: paces.get(&component.name).copied(),
        };
        let deployed = |sink: &&ComponentConfig| !sink.kind.card.machine_only;
        let function = Function {
            pipeline: pipeline.head.name.to_string(),
            environment: pipeline.environment.clone(),
            name: shape.name.clone(),
            contact: pipeline.head.contact.as_ref().map(ToString::to_string),
            state: state.clone(),
            chunk_items: shape.chunk_items,
            inlet: if producer {
                Inlet::Schedule(pipeline.sources.iter().map(part).collect())
            } else {
                Inlet::Queue(intake(&shape.name))
            },
            stages: shape.stages.iter().map(|stage| part(stage)).collect(),
            outlets: match &shape.next {
                Some(next) => Outlets::Queue(LogicalId::of(next, "Queue").place()),
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
            retain: pipeline.data.retain,
            path: shape.path.clone(),
        });
        flow.functions.push(FunctionPlan {
            name: Text::physical(names.of_part(&shape.name)),
            description: describe(shape),
            role: LogicalId::of(&shape.name, "Role"),
            log_group,
            architecture: pipeline.functions.architecture.word(),
            memory_mb: pipeline.functions.memory_mb.get(),
            timeout_s: if producer { LONGEST_TIMEOUT_S } else { timeout },
            tracing: pipeline.functions.tracing,
            variables: variables(&function),
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

/// The queue before a function, by places for the URLs.
fn intake(function: &str) -> Intake {
    let queue = |kind| Some(LogicalId::of(function, kind).place());
    Intake { queue: queue("Queue"), dead: queue("DeadQueue"), receives: Some(RECEIVES) }
}

/// What the Lambda is told; the same types read it back.
fn variables(function: &Function) -> Vec<Variable> {
    let value = |variable: &fanggen_runtime::function::Variable| match variable.physical {
        true => Text::told(&variable.value),
        false => Text::Literal(variable.value.clone()),
    };
    function.to_env().iter().map(|it| Variable { name: it.name.clone(), value: value(it) }).collect()
}
