//! The root pipeline's two functions, set as its plan sets them, and with the stand-in for everything that they call.

use std::ffi::OsString;
use std::time::Duration;

use fanggen_runtime::component::{Pace, Role};
use fanggen_runtime::function::registry;
use fanggen_runtime::function::{Function, Inlet, Intake, Outlets, Part};
use fanggen_runtime::model::run::CHUNK_ITEMS;
use fanggen_runtime::model::tree::Tree;
use serde_json::{Value, json};

use super::lambda::{Lambda, Start};
use super::python::Peer;
use super::services::queue::Waiting;
use super::services::{Services, dynamodb, held, source};

/// The worker's queue.
pub const QUEUE: &str = "fang-prod-worker";

const BUCKET: &str = "fang-prod-archive-123456789012-us-east-1";

/// After how many receives a message is taken for dead.
const RECEIVES: u64 = 10;

/// As many calls as anybody can make: upstream's quotas are raised by the pipeline's own settings.
const FAST: Pace = Pace { per_second: 100_000.0, at_once: 64 };

/// One of the two functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Reads the items and sends them on in chunks.
    Producer,
    /// Takes a chunk through the stages and into the sinks.
    Worker,
}

/// Who does it.
#[derive(Clone, Copy)]
pub enum Who<'a> {
    /// The real `bootstrap`, by its path.
    Ours(&'a str),
    /// The Python peer.
    Python(&'a Peer),
}

impl Who<'_> {
    /// How this one's function is started, with the stand-in behind it.
    pub fn start(self, job: Job, services: &Services) -> Start {
        let mut variables = around(services);
        match self {
            Who::Ours(program) => {
                variables.extend(function(job, services).to_env().into_iter().map(|it| (it.name, it.value)));
                Start::of(program, os(variables))
            }
            Who::Python(peer) => {
                let modules = peer.modules.display().to_string();
                let handler = if job == Job::Producer { "producer.handler" } else { "worker.handler" };
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
                Start::of(&python, os(variables)).arguments(&["-m", "awslambdaric", handler])
            }
        }
    }
}

fn os(variables: Vec<(String, String)>) -> impl Iterator<Item = (OsString, OsString)> {
    variables.into_iter().map(|(name, value)| (name.into(), value.into()))
}

/// What Lambda sets beside a function's own variables.
fn around(services: &Services) -> Vec<(String, String)> {
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

fn queue(services: &Services) -> String {
    format!("{}/123456789012/{QUEUE}", services.url())
}

fn part(role: Role, name: &str, kind: &str, settings: Value, on: Option<&str>, pace: Option<Pace>) -> Part {
    let kind = registry::find(role, kind).expect("a kind");
    let settings = (kind.read)(&Tree::from_json(settings)).expect("settings");
    Part { name: name.into(), kind, settings, on: on.map(Into::into), pace }
}

fn function(job: Job, services: &Services) -> Function {
    let (name, inlet, stages, outlets) = match job {
        Job::Producer => {
            let companies = part(Role::Source, "companies", "dynamodb", json!({}), Some(source::TABLE), None);
            ("producer", Inlet::Schedule(vec![companies]), vec![], Outlets::Queue(queue(services)))
        }
        Job::Worker => {
            let wikipedia = json!({
                "sentences": 3,
                "endpoint": format!("{}/{{language}}/w/api.php", services.url()),
                "allow": [format!("127.0.0.1:{}", services.port)],
            });
            let stages = vec![
                part(Role::Stage, "summary", "wikipedia", wikipedia, None, Some(FAST)),
                part(
                    Role::Stage,
                    "sentiment",
                    "comprehend",
                    json!({ "detect": ["sentiment", "entities"] }),
                    None,
                    Some(FAST),
                ),
            ];
            let sinks = vec![
                part(Role::Sink, "archive", "s3", json!({ "format": "jsonl" }), Some(BUCKET), None),
                part(Role::Sink, "latest", "dynamodb", json!({ "ttl_days": 90 }), Some(dynamodb::ROWS), None),
            ];
            let intake = Intake {
                queue: Some(queue(services)),
                dead: Some(format!("{}-dead", queue(services))),
                receives: Some(RECEIVES),
            };
            ("worker", Inlet::Queue(intake), stages, Outlets::Sinks(sinks))
        }
    };
    Function {
        pipeline: "fang".into(),
        environment: "prod".into(),
        name: name.into(),
        contact: Some("data-team@example.com".into()),
        state: Some(dynamodb::STATE.into()),
        chunk_items: CHUNK_ITEMS,
        inlet,
        stages,
        outlets,
    }
}

/// How long Lambda lets the plan's producer and worker run.
const PRODUCER_TIME: Duration = Duration::from_secs(900);
const WORKER_TIME: Duration = Duration::from_secs(120);

/// Fires the schedule for the run of this minute of the day.
pub fn fire(producer: &Lambda, minute: usize) -> Value {
    let event = json!({ "scheduled_time": format!("2026-11-22T{:02}:{:02}:00Z", minute / 60 % 24, minute % 60) });
    let id = format!("3f5e2c1a-0000-4000-8000-{minute:012}");
    producer.invoke_as(&id, PRODUCER_TIME, &event).unwrap_or_else(|error| panic!("the producer failed: {error}"))
}

/// Gives a worker the next message of its queue, and says whether there was one. One that it hands back waits again.
pub fn work(worker: &Lambda, services: &Services) -> bool {
    let queues = &services.world().queues;
    let Some(message) = held(queues).take(QUEUE) else { return false };
    let told = worker
        .invoke_as(&message.id, WORKER_TIME, &event(&message))
        .unwrap_or_else(|error| panic!("the worker failed: {error}"));
    if told["batchItemFailures"].as_array().is_none_or(|failures| !failures.is_empty()) {
        let said = || [worker.printed(0), worker.logged(0)].concat().join("\n");
        assert!(message.taken < RECEIVES, "a chunk came {RECEIVES} times; the worker said:\n{}", said());
        held(queues).back(QUEUE, message);
    }
    true
}

/// A message as an event source mapping delivers it.
fn event(message: &Waiting) -> Value {
    json!({ "Records": [{
        "messageId": message.id,
        "receiptHandle": format!("AQEB{}", message.id),
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": message.taken.to_string(),
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
