//! A fast stand-in for the services that a pipeline calls, in memory and on one thread: for measurements only.
//!
//! It speaks as much of DynamoDB, SQS, S3, Comprehend and Wikipedia as the Lambda and boto3 use, with the limits that
//! count here, and it counts every call. It knows no permissions, no signatures and no faults: what is proved about those
//! is proved on the emulator. Its answers about texts come from a small rule, and its items from arithmetic.

#![allow(dead_code, reason = "each bench uses its own part of it")]
#![allow(clippy::panic, reason = "a measurement whose services broke is none")]

pub mod comprehend;
pub mod dynamodb;
mod expression;
pub mod queue;
pub mod s3;
pub mod source;
pub mod tally;
mod wikipedia;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use self::dynamodb::Tables;
use self::queue::Queues;
use self::s3::Objects;
use self::tally::Tally;

/// What the services hold and how they behave.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// How long every call takes, beside the work itself.
    pub latency: Duration,
    /// How many items the source has.
    pub items: u64,
    /// Whether findings and objects are only counted: memory then does not grow with what is written.
    pub forget: bool,
}

/// Why a call is refused, by the service's own code.
pub struct Refusal {
    /// The code: `ConditionalCheckFailedException`.
    pub code: &'static str,
    /// What it says.
    pub words: String,
    /// More fields of the answer.
    pub more: Value,
}

impl Refusal {
    /// A refusal that says only this.
    pub fn new(code: &'static str, words: impl Into<String>) -> Self {
        Self { code, words: words.into(), more: json!({}) }
    }

    /// A call that this stand-in does not speak: the bench needs more of it.
    pub fn unknown(what: &str) -> Self {
        Self::new("ValidationException", format!("the stand-in does not know `{what}`"))
    }
}

/// What a service answers.
pub type Told = Result<Value, Refusal>;

/// Everything behind the port.
pub struct World {
    settings: Settings,
    calls: Mutex<BTreeMap<String, u64>>,
    pub tables: Mutex<Tables>,
    pub queues: Mutex<Queues>,
    pub objects: Mutex<Objects>,
    /// What the two sinks were given.
    pub rows: Mutex<Tally>,
    pub lines: Mutex<Tally>,
}

/// The running stand-in, which ends when this goes.
pub struct Services {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    world: Arc<World>,
    _stop: oneshot::Sender<()>,
}

/// A lock that is never held over a panic of ours.
pub fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().expect("no panic of the stand-in")
}

impl Services {
    /// Starts it on a free port.
    pub fn start(settings: Settings) -> Self {
        let world = Arc::new(World {
            settings,
            calls: Mutex::default(),
            tables: Mutex::default(),
            queues: Mutex::default(),
            objects: Mutex::default(),
            rows: Mutex::new(Tally::of(settings.items)),
            lines: Mutex::new(Tally::of(settings.items)),
        });
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let served = Arc::clone(&world);
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime for the stand-in");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                tell.send(listener.local_addr().expect("an address").port()).expect("somebody waits");
                tokio::select! {
                    () = serve(listener, served) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { port: told.recv().expect("the stand-in starts"), world, _stop: stop }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it holds.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// How often each operation was called so far.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        held(&self.world.calls).clone()
    }

    /// Counts calls from zero again.
    pub fn forget_calls(&self) {
        held(&self.world.calls).clear();
    }
}

async fn serve(listener: TcpListener, world: Arc<World>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let answer = service_fn(|request| answer(&world, request));
            // A function that is ended hangs up: no fault of the measurement.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

type Answer = Response<Full<Bytes>>;

async fn answer(world: &World, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(plain(400, Bytes::new())) };
    let body = body.to_bytes();
    if !world.settings.latency.is_zero() {
        tokio::time::sleep(world.settings.latency).await;
    }
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let answer = if let Some(target) = header("x-amz-target") {
        let (service, operation) = target.split_once('.').unwrap_or((target, ""));
        let called = match service {
            "DynamoDB_20120810" => "dynamodb",
            "AmazonSQS" => "sqs",
            "Comprehend_20171127" => "comprehend",
            other => other,
        };
        aws(world, called, operation, &body)
    } else if head.uri.path().ends_with("/w/api.php") {
        world.count("wikipedia", "query");
        json_of(200, &wikipedia::answer(head.uri.query().unwrap_or_default()))
    } else {
        let (status, body) = s3::answer(world, &head, &body);
        plain(status, body)
    };
    Ok(answer)
}

/// An answer to a call of a service that speaks JSON.
fn aws(world: &World, service: &str, operation: &str, body: &[u8]) -> Answer {
    let request: Value = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => {
            return json_of(400, &json!({ "__type": "SerializationException", "message": error.to_string() }));
        }
    };
    match service {
        "dynamodb" => world.count(service, &format!("{operation} of {}", dynamodb::label(&request))),
        _ => world.count(service, operation),
    }
    let told = match service {
        "dynamodb" => dynamodb::answer(world, operation, request),
        "sqs" => queue::answer(world, operation, &request),
        "comprehend" => comprehend::answer(operation, &request),
        _ => Err(Refusal::unknown(service)),
    };
    match told {
        Ok(answer) => json_of(200, &answer),
        Err(refusal) => {
            let mut answer = refusal.more;
            answer["__type"] = json!(refusal.code);
            answer["message"] = json!(refusal.words);
            json_of(400, &answer)
        }
    }
}

impl World {
    /// Counts a call.
    pub fn count(&self, service: &str, operation: &str) {
        *held(&self.calls).entry(format!("{service}:{operation}")).or_default() += 1;
    }
}

fn json_of(status: u16, value: &Value) -> Answer {
    let mut answer = plain(status, serde_json::to_vec(value).expect("JSON").into());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    answer
}

fn plain(status: u16, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = hyper::StatusCode::from_u16(status).expect("a status");
    answer
}
