//! The two functions of the root pipeline, configured as in its plan, but calling the stand-in.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::component::{ComponentRole, RateLimit};
use crate::function::registry;
use crate::function::{Function, FunctionComponent, FunctionOutput, InputQueue, Trigger};
use crate::model::run::MAX_CHUNK_ITEMS;
use crate::model::tree::Tree;
use serde_json::{Value, json};

use crate::testing::lambda_api::{LambdaCommand, LambdaProcess};
use crate::testing::services::sqs::QueuedMessage;
use crate::testing::services::{FakeServices, dynamodb, locked, source};

/// The worker's queue.
pub const QUEUE: &str = "fang-prod-worker";

const BUCKET: &str = "fang-prod-archive-123456789012-us-east-1";

/// After how many receives a message goes to the dead-letter queue.
const MAX_RECEIVES: u64 = 10;

/// Faster than any function: upstream quotas do not limit a measurement.
const UNLIMITED: RateLimit = RateLimit { calls_per_second: 100_000.0, max_concurrent: 64 };

/// One of the two functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadFunction {
    /// Reads the items and sends them in chunks.
    Producer,
    /// Takes a chunk through the stages and into the sinks.
    Worker,
}

/// A Python implementation of the same two functions.
pub struct PythonPeer {
    /// The interpreter that has the packages.
    pub python: PathBuf,
    /// The folder of the two modules.
    pub modules: PathBuf,
}

/// Which implementation is measured.
#[derive(Clone, Copy)]
pub enum Contender<'a> {
    /// The real `bootstrap`, by its path.
    Fanggen(&'a str),
    /// The Python peer.
    Python(&'a PythonPeer),
}

impl Contender<'_> {
    /// The command that starts a function, which calls the stand-in.
    pub fn command(self, role: LoadFunction, services: &FakeServices) -> LambdaCommand {
        let mut variables = lambda_variables(services);
        match self {
            Contender::Fanggen(program) => {
                variables.extend(function(role, services).to_env().into_iter().map(|it| (it.name, it.value)));
                LambdaCommand::new(program, os_variables(variables))
            }
            Contender::Python(peer) => {
                let modules = peer.modules.display().to_string();
                let handler = if role == LoadFunction::Producer { "producer.handler" } else { "worker.handler" };
                let own = [
                    ("PYTHONPATH", modules.clone()),
                    ("LAMBDA_TASK_ROOT", modules),
                    ("_HANDLER", handler.into()),
                    ("SOURCE_TABLE", source::TABLE.into()),
                    ("ROWS_TABLE", dynamodb::ROWS.into()),
                    ("BUCKET", BUCKET.into()),
                    ("QUEUE_URL", queue(services)),
                    ("WIKIPEDIA", format!("{}/en/w/api.php", services.url())),
                ];
                variables.extend(own.map(|(name, value)| (name.to_owned(), value)));
                let python = peer.python.display().to_string();
                LambdaCommand::new(&python, os_variables(variables)).arguments(&["-m", "awslambdaric", handler])
            }
        }
    }
}

fn os_variables(variables: Vec<(String, String)>) -> impl Iterator<Item = (OsString, OsString)> {
    variables.into_iter().map(|(name, value)| (name.into(), value.into()))
}

/// What Lambda sets in addition to a function's own variables.
fn lambda_variables(services: &FakeServices) -> Vec<(String, String)> {
    let set = [
        ("AWS_ENDPOINT_URL", services.url()),
        ("AWS_REGION", "us-east-1".into()),
        ("AWS_DEFAULT_REGION", "us-east-1".into()),
        ("AWS_ACCESS_KEY_ID", "test".into()),
        ("AWS_SECRET_ACCESS_KEY", "test".into()),
        ("AWS_SESSION_TOKEN", "test".into()),
    ];
    set.map(|(name, value)| (name.to_owned(), value)).into()
}

fn queue(services: &FakeServices) -> String {
    format!("{}/123456789012/{QUEUE}", services.url())
}

fn component(
    role: ComponentRole,
    name: &str,
    kind: &str,
    settings: Value,
    store: Option<&str>,
    rate_limit: Option<RateLimit>,
) -> FunctionComponent {
    let kind = registry::find(role, kind).expect("a kind");
    let settings = (kind.read)(&Tree::from_json(settings)).expect("settings");
    FunctionComponent { name: name.into(), kind, settings, store: store.map(Into::into), rate_limit }
}

fn function(role: LoadFunction, services: &FakeServices) -> Function {
    let (name, trigger, stages, output) = match role {
        LoadFunction::Producer => {
            let companies =
                component(ComponentRole::Source, "companies", "dynamodb", json!({}), Some(source::TABLE), None);
            ("producer", Trigger::Schedule(vec![companies]), vec![], FunctionOutput::Queue(queue(services)))
        }
        LoadFunction::Worker => {
            let wikipedia = json!({
                "sentences": 3,
                "endpoint": format!("{}/{{language}}/w/api.php", services.url()),
                "allow": [format!("127.0.0.1:{}", services.port)],
            });
            let stages = vec![
                component(ComponentRole::Stage, "summary", "wikipedia", wikipedia, None, Some(UNLIMITED)),
                component(
                    ComponentRole::Stage,
                    "sentiment",
                    "comprehend",
                    json!({ "detect": ["sentiment", "entities"] }),
                    None,
                    Some(UNLIMITED),
                ),
            ];
            let sinks = vec![
                component(ComponentRole::Sink, "archive", "s3", json!({ "format": "jsonl" }), Some(BUCKET), None),
                component(
                    ComponentRole::Sink,
                    "latest",
                    "dynamodb",
                    json!({ "ttl_days": 90 }),
                    Some(dynamodb::ROWS),
                    None,
                ),
            ];
            let input = InputQueue {
                queue: Some(queue(services)),
                dead_letter_queue: Some(format!("{}-dead", queue(services))),
                max_receives: Some(MAX_RECEIVES),
            };
            ("worker", Trigger::Queue(input), stages, FunctionOutput::Sinks(sinks))
        }
    };
    Function {
        pipeline: "fang".into(),
        environment: "prod".into(),
        name: name.into(),
        contact: Some("data-team@example.com".into()),
        state: Some(dynamodb::STATE.into()),
        chunk_items: MAX_CHUNK_ITEMS,
        trigger,
        stages,
        output,
    }
}

/// The timeouts of the producer and the worker in the plan.
const PRODUCER_TIMEOUT: Duration = Duration::from_secs(900);
const WORKER_TIMEOUT: Duration = Duration::from_secs(120);

/// Invokes the producer for the run of this minute of the day.
pub fn fire(producer: &LambdaProcess, minute: usize) -> Value {
    let event = json!({ "scheduled_time": format!("2026-11-22T{:02}:{:02}:00Z", minute / 60 % 24, minute % 60) });
    let id = format!("3f5e2c1a-0000-4000-8000-{minute:012}");
    producer.invoke_as(&id, PRODUCER_TIMEOUT, &event).unwrap_or_else(|error| panic!("the producer failed: {error}"))
}

/// Invokes a worker with the next message of its queue, and returns whether there was one. A failed message is put back.
pub fn work(worker: &LambdaProcess, services: &FakeServices) -> bool {
    let queues = &services.backend().queues;
    let Some(message) = locked(queues).receive(QUEUE) else { return false };
    let result = worker
        .invoke_as(&message.id, WORKER_TIMEOUT, &event(&message))
        .unwrap_or_else(|error| panic!("the worker failed: {error}"));
    if result["batchItemFailures"].as_array().is_none_or(|failures| !failures.is_empty()) {
        let output = || [worker.stdout_lines(0), worker.stderr_lines(0)].concat().join("\n");
        assert!(
            message.receives < MAX_RECEIVES,
            "a chunk was received {MAX_RECEIVES} times; the worker printed:\n{}",
            output()
        );
        locked(queues).put_back(QUEUE, message);
    }
    true
}

/// A message as an event source mapping delivers it.
fn event(message: &QueuedMessage) -> Value {
    json!({ "Records": [{
        "messageId": message.id,
        "receiptHandle": format!("AQEB{}", message.id),
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": message.receives.to_string(),
            "SentTimestamp": "1763800000000",
            "SenderId": "AROAEXAMPLE:fang-prod-producer",
            "ApproximateFirstReceiveTimestamp": "1763800000001",
        },
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:us-east-1:123456789012:{QUEUE}"),
        "awsRegion": "us-east-1",
    }]})
}
