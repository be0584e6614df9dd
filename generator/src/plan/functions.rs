//! The functions, with their event source mappings, failure destinations and log groups.

use std::collections::BTreeMap;

use fanggen_runtime::function::{Function, FunctionComponent, FunctionOutput, InputQueue, Trigger};
use fanggen_runtime::model::run::MAX_CHUNK_ITEMS;
use serde::Serialize;

use super::concurrency;
use super::pages;
use super::queues::{MAX_RECEIVES, QueuePlan, dead_queue, queue, queue_name};
use super::reasons::Reasons;
use super::schedule::{SchedulePlan, schedule};
use super::storage::{self, TablePlan};
use super::template_value::{LogicalId, TemplateValue, json_length};
use super::{PlannedResource, ResourceNames};
use crate::config::pipeline::{ComponentConfig, Pipeline};
use crate::config::shape::{PRODUCER, Shape};
use crate::resources::{lambda, logs};

/// One Lambda function.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunctionPlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: TemplateValue,
    /// What it does, in one line.
    pub description: String,
    /// Its role.
    pub role: LogicalId,
    /// Its log group.
    pub log_group: LogicalId,
    /// Instruction set.
    pub architecture: &'static str,
    /// Memory in MB.
    pub memory_mb: u64,
    /// Its timeout, in seconds.
    pub timeout_s: u64,
    /// Whether X-Ray traces it.
    pub tracing: bool,
    /// Its environment variables.
    pub variables: Vec<EnvironmentVariable>,
    /// What asked for it.
    pub path: String,
    /// Its name in the pipeline.
    #[serde(skip)]
    pub word: String,
    /// The paths of the components that it runs.
    #[serde(skip)]
    pub parts: Vec<String>,
}

/// Bytes that the environment variables of a function may take, as Lambda counts them: the JSON of the whole map, with its
/// quotes and escapes (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const MAX_ENVIRONMENT_BYTES: usize = 4_096;

impl FunctionPlan {
    /// Bytes that its environment variables take at most, as Lambda counts them.
    #[must_use]
    pub fn environment_bytes(&self) -> usize {
        let entry = |variable: &EnvironmentVariable| {
            // A colon, and a comma or one of the outer braces.
            json_length(&variable.name) + variable.value.longest_json() + 2
        };
        1 + self.variables.iter().map(entry).sum::<usize>()
    }
}

impl FunctionPlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 1] {
        [PlannedResource::named(&lambda::FUNCTION, &self.id, &self.name, &self.path)]
    }
}

/// An environment variable.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnvironmentVariable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: TemplateValue,
}

/// What feeds a function from a queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MappingPlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// The queue.
    pub queue: LogicalId,
    /// The function.
    pub function: LogicalId,
    /// The most instances at once.
    pub concurrency: u64,
    /// Messages per invocation.
    pub batch: u64,
    /// The response types that the function may use.
    pub answers: Vec<&'static str>,
    /// What asked for it.
    pub path: String,
}

impl MappingPlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 1] {
        [PlannedResource::unnamed(&lambda::EVENT_SOURCE_MAPPING, &self.id, &self.path)]
    }
}

/// Where the failed asynchronous invocations of a function go.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InvokeConfigPlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// The function.
    pub function: LogicalId,
    /// The queue that receives the failed event.
    pub on_failure: LogicalId,
    /// How often Lambda retries first.
    pub retries: u64,
    /// What asked for it.
    pub path: String,
}

impl InvokeConfigPlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 1] {
        [PlannedResource::unnamed(&lambda::EVENT_INVOKE_CONFIG, &self.id, &self.path)]
    }
}

/// A CloudWatch log group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogGroupPlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: TemplateValue,
    /// How many days logs are kept.
    pub retention_days: u64,
    /// Whether it outlives the stack.
    pub retain: bool,
    /// What asked for it.
    pub path: String,
}

impl LogGroupPlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 1] {
        [PlannedResource::named(&logs::LOG_GROUP, &self.id, &self.name, &self.path)]
    }
}

/// Everything planned here, and the schedule and queues in between.
pub struct FlowPlan {
    pub schedule: SchedulePlan,
    pub functions: Vec<FunctionPlan>,
    pub invokes: Vec<InvokeConfigPlan>,
    pub mappings: Vec<MappingPlan>,
    pub queues: Vec<QueuePlan>,
    pub log_groups: Vec<LogGroupPlan>,
}

/// How often Lambda retries a failed event: its maximum.
pub const ASYNC_RETRIES: u64 = 2;
/// Lambda's maximum, which the producer gets so that a scan is not cut short.
pub const PRODUCER_TIMEOUT_S: u64 = 900;

/// Plans the functions and everything between them.
pub fn plan(
    pipeline: &Pipeline,
    names: &ResourceNames,
    shapes: &[Shape<'_>],
    tables: &[TablePlan],
    reasons: &mut Reasons,
) -> FlowPlan {
    let state = tables.last().map(|table| table.name.plain().to_owned());
    let mut flow = FlowPlan {
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
                PRODUCER_TIMEOUT_S,
                "Lambda's maximum: a scan of the items must not be cut short",
                pages::LAMBDA_LIMITS,
            );
            if shape.chunk_items != MAX_CHUNK_ITEMS {
                reasons.derive(
                    PRODUCER,
                    "items per chunk",
                    shape.chunk_items,
                    "stages turn one item into several records, and a chunk should stay below a hundred of them",
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
            flow.invokes.push(InvokeConfigPlan {
                id: LogicalId::of(&shape.name, "Invoke"),
                function: id.clone(),
                on_failure: dead,
                retries: reasons.derive(
                    PRODUCER,
                    "attempts after a failure (MaximumRetryAttempts)",
                    ASYNC_RETRIES,
                    "Lambda's maximum: the producer resumes at its cursor, so a retry repeats nothing",
                    pages::LAMBDA_RETRIES,
                ),
                path: shape.path.clone(),
            });
            flow.queues.push(dead_queue(names, &shape.name, &shape.path, None, reasons));
        } else {
            let concurrency = concurrency::concurrency(pipeline, &shape.name, &shape.stages, reasons);
            paces = shape
                .stages
                .iter()
                .filter_map(|stage| Some((stage.name.clone(), concurrency::pace(stage, concurrency, reasons)?)))
                .collect();
            let queue = queue(names, shape, timeout, reasons);
            flow.mappings.push(MappingPlan {
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
                    "response types (FunctionResponseTypes)",
                    "ReportBatchItemFailures",
                    "a chunk that must be retried is returned by its id, without failing the function",
                    pages::SQS_ERRORS,
                )],
                path: shape.path.clone(),
            });
            let dead = dead_queue(names, &shape.name, &shape.path, Some(&queue), reasons);
            flow.queues.extend([queue, dead]);
        }
        let part = |component: &ComponentConfig| FunctionComponent {
            name: component.name.clone(),
            kind: component.kind,
            settings: component.settings.clone(),
            store: component.settings.store(&component.name).map(|store| storage::binding_and_arn(names, &store).0),
            rate_limit: paces.get(&component.name).copied(),
        };
        let deployed = |sink: &&ComponentConfig| !sink.kind.card.local_only;
        let function = Function {
            pipeline: pipeline.head.name.to_string(),
            environment: pipeline.environment.clone(),
            name: shape.name.clone(),
            contact: pipeline.head.contact.as_ref().map(ToString::to_string),
            state: state.clone(),
            chunk_items: shape.chunk_items,
            trigger: if producer {
                Trigger::Schedule(pipeline.sources.iter().map(part).collect())
            } else {
                Trigger::Queue(intake(&shape.name))
            },
            stages: shape.stages.iter().map(|stage| part(stage)).collect(),
            output: match &shape.next {
                Some(next) => FunctionOutput::Queue(LogicalId::of(next, "Queue").sub_placeholder()),
                None => FunctionOutput::Sinks(pipeline.sinks.iter().filter(deployed).map(part).collect()),
            },
        };
        flow.log_groups.push(log_group_of(pipeline, names, &shape.name, &shape.path, reasons));
        flow.functions.push(FunctionPlan {
            name: TemplateValue::physical(names.of_part(&shape.name)),
            description: describe(shape),
            role: LogicalId::of(&shape.name, "Role"),
            log_group,
            architecture: pipeline.functions.architecture.word(),
            memory_mb: pipeline.functions.memory_mb.get(),
            timeout_s: if producer { PRODUCER_TIMEOUT_S } else { timeout },
            tracing: pipeline.functions.tracing,
            variables: variables(&function),
            path: shape.path.clone(),
            word: shape.name.clone(),
            parts: components(pipeline, shape).map(|component| component.path.clone()).collect(),
            id,
        });
    }
    flow.queues.push(dead_queue(names, "schedule", "schedule", None, reasons));
    flow
}

/// The log group of a function.
pub fn log_group_of(
    pipeline: &Pipeline,
    names: &ResourceNames,
    function: &str,
    path: &str,
    reasons: &mut Reasons,
) -> LogGroupPlan {
    LogGroupPlan {
        id: LogicalId::of(function, "Logs"),
        name: TemplateValue::physical(format!("/aws/lambda/{}", names.of_part(function))),
        retention_days: reasons.derive(
            function,
            "retention of its log, days",
            pipeline.logs.retention_days.days(),
            "`logs.retention_days`, 30 unless set: a group that Lambda creates itself keeps everything forever",
            pages::LOG_RETENTION,
        ),
        retain: pipeline.data.retain,
        path: path.to_owned(),
    }
}

/// What a function runs: the sources or some stages, and the sinks where nothing comes behind it.
fn components<'a>(pipeline: &'a Pipeline, shape: &'a Shape<'_>) -> impl Iterator<Item = &'a ComponentConfig> {
    let sources = pipeline.sources.iter().filter(|_| shape.name == PRODUCER);
    let sinks = pipeline.sinks.iter().filter(|sink| shape.next.is_none() && !sink.kind.card.local_only);
    sources.chain(shape.stages.iter().copied()).chain(sinks)
}

fn describe(shape: &Shape<'_>) -> String {
    if shape.name == PRODUCER {
        return "Reads the items and sends them on in chunks".into();
    }
    let stages: Vec<&str> = shape.stages.iter().map(|stage| stage.name.as_str()).collect();
    // Lambda takes 256 characters.
    format!("Takes chunks through: {}", stages.join(", ")).chars().take(256).collect()
}

/// The queue that feeds a function, with placeholders for the URLs.
fn intake(function: &str) -> InputQueue {
    let queue = |kind| Some(LogicalId::of(function, kind).sub_placeholder());
    InputQueue { queue: queue("Queue"), dead_letter_queue: queue("DeadQueue"), max_receives: Some(MAX_RECEIVES) }
}

/// The settings of the Lambda; the same types read them back.
pub fn variables(function: &Function) -> Vec<EnvironmentVariable> {
    let value = |variable: &fanggen_runtime::function::Variable| match variable.physical {
        true => TemplateValue::from_binding(&variable.value),
        false => TemplateValue::Literal(variable.value.clone()),
    };
    function.to_env().iter().map(|it| EnvironmentVariable { name: it.name.clone(), value: value(it) }).collect()
}
