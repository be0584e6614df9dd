//! A fast stand-in for the services that a pipeline calls, in memory and on one thread, for measurements.
//!
//! It implements as much of DynamoDB, SQS, S3, Comprehend and Wikipedia as the Lambda and boto3 use, enforces the limits
//! that matter here, and counts every call. It has no permissions, no signatures and no faults: those are tested on the
//! emulator. A small rule judges the texts, and the items are computed.

pub mod comprehend;
pub mod dynamodb;
mod expression;
pub mod s3;
pub mod source;
pub mod sqs;
mod wikipedia;
pub mod write_tally;

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

use self::dynamodb::FakeTables;
use self::s3::FakeObjects;
use self::sqs::FakeQueues;
use self::write_tally::WriteTally;

/// What the services contain and how they behave.
#[derive(Clone, Copy, Debug, Default)]
pub struct FakeServicesSettings {
    /// Added to the time of every call.
    pub latency: Duration,
    /// How many items the source table has.
    pub items: u64,
    /// Only count findings and objects, so that memory does not grow with what is written.
    pub discard: bool,
}

/// An error of a service.
pub struct FakeServiceError {
    /// The service's own code: `ConditionalCheckFailedException`.
    pub code: &'static str,
    /// The message.
    pub message: String,
    /// More fields of the response.
    pub fields: Value,
}

impl FakeServiceError {
    /// An error without more fields.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: json!({}) }
    }

    /// A call that this stand-in does not implement.
    pub fn unknown(what: &str) -> Self {
        Self::new("ValidationException", format!("the stand-in does not implement `{what}`"))
    }
}

/// The response of a service.
pub type FakeServiceResult = Result<Value, FakeServiceError>;

/// The contents of the stand-in.
pub struct FakeBackend {
    settings: FakeServicesSettings,
    calls: Mutex<BTreeMap<String, u64>>,
    /// The DynamoDB tables.
    pub tables: Mutex<FakeTables>,
    /// The SQS queues.
    pub queues: Mutex<FakeQueues>,
    /// The S3 objects.
    pub objects: Mutex<FakeObjects>,
    /// What was written to the table of the sink.
    pub rows: Mutex<WriteTally>,
    /// What was written to the objects of the other sink.
    pub lines: Mutex<WriteTally>,
}

/// The running stand-in, which stops when this is dropped.
pub struct FakeServices {
    /// Its port on 127.0.0.1.
    pub port: u16,
    backend: Arc<FakeBackend>,
    _stop: oneshot::Sender<()>,
}

/// Locks a mutex that nobody holds while panicking.
pub fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().expect("no panic of the stand-in")
}

impl FakeServices {
    /// Starts it on a free port.
    pub fn start(settings: FakeServicesSettings) -> Self {
        let backend = Arc::new(FakeBackend {
            settings,
            calls: Mutex::default(),
            tables: Mutex::default(),
            queues: Mutex::default(),
            objects: Mutex::default(),
            rows: Mutex::new(WriteTally::new(settings.items)),
            lines: Mutex::new(WriteTally::new(settings.items)),
        });
        let (stop, stopped) = oneshot::channel();
        let (report, port) = mpsc::channel();
        let served = Arc::clone(&backend);
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime for the stand-in");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                report.send(listener.local_addr().expect("an address").port()).expect("the caller waits for the port");
                tokio::select! {
                    () = serve(listener, served) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { port: port.recv().expect("the stand-in starts"), backend, _stop: stop }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it contains.
    pub fn backend(&self) -> &FakeBackend {
        &self.backend
    }

    /// How often each operation was called so far.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        locked(&self.backend.calls).clone()
    }

    /// Resets the counts of calls.
    pub fn reset_calls(&self) {
        locked(&self.backend.calls).clear();
    }
}

async fn serve(listener: TcpListener, backend: Arc<FakeBackend>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let backend = Arc::clone(&backend);
        tokio::spawn(async move {
            let service = service_fn(|request| respond(&backend, request));
            // A function that is stopped closes its connections, which is not an error here.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

type FakeResponse = Response<Full<Bytes>>;

async fn respond(backend: &FakeBackend, request: Request<Incoming>) -> Result<FakeResponse, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(plain(400, Bytes::new())) };
    let body = body.to_bytes();
    if !backend.settings.latency.is_zero() {
        tokio::time::sleep(backend.settings.latency).await;
    }
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let response = if let Some(target) = header("x-amz-target") {
        let (service, operation) = target.split_once('.').unwrap_or((target, ""));
        let service = match service {
            "DynamoDB_20120810" => "dynamodb",
            "AmazonSQS" => "sqs",
            "Comprehend_20171127" => "comprehend",
            other => other,
        };
        aws(backend, service, operation, &body)
    } else if head.uri.path().ends_with("/w/api.php") {
        backend.count("wikipedia", "query");
        json_of(200, &wikipedia::respond(head.uri.query().unwrap_or_default()))
    } else {
        let (status, body) = s3::respond(backend, &head, &body);
        plain(status, body)
    };
    Ok(response)
}

/// The response to a call of a service with a JSON protocol.
fn aws(backend: &FakeBackend, service: &str, operation: &str, body: &[u8]) -> FakeResponse {
    let request: Value = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => {
            return json_of(400, &json!({ "__type": "SerializationException", "message": error.to_string() }));
        }
    };
    match service {
        "dynamodb" => backend.count(service, &format!("{operation} of {}", dynamodb::label(&request))),
        _ => backend.count(service, operation),
    }
    let result = match service {
        "dynamodb" => dynamodb::respond(backend, operation, request),
        "sqs" => sqs::respond(backend, operation, &request),
        "comprehend" => comprehend::respond(operation, &request),
        _ => Err(FakeServiceError::unknown(service)),
    };
    match result {
        Ok(response) => json_of(200, &response),
        Err(error) => {
            let mut response = error.fields;
            response["__type"] = json!(error.code);
            response["message"] = json!(error.message);
            json_of(400, &response)
        }
    }
}

impl FakeBackend {
    /// Counts a call.
    pub fn count(&self, service: &str, operation: &str) {
        *locked(&self.calls).entry(format!("{service}:{operation}")).or_default() += 1;
    }
}

fn json_of(status: u16, value: &Value) -> FakeResponse {
    let mut response = plain(status, serde_json::to_vec(value).expect("JSON").into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    response
}

fn plain(status: u16, body: Bytes) -> FakeResponse {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = hyper::StatusCode::from_u16(status).expect("a status");
    response
}
