//! A call to AWS in its wire format, and the error responses of each protocol.

use std::collections::BTreeMap;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use super::botocore;

pub type Answer = Response<Full<Bytes>>;

/// A request with its whole body.
#[derive(Clone, Debug)]
pub struct Call {
    /// The name that it is signed for: `s3`, `cloudformation`.
    pub service: String,
    /// `PutObject`, `CreateChangeSet`; where the service's model has no such operation, the method and the path.
    pub name: String,
    pub head: Parts,
    pub body: Bytes,
}

impl Call {
    pub fn new(head: Parts, body: Bytes) -> Self {
        let service = credential(&head).and_then(|mut parts| parts.nth(3)).unwrap_or(UNSIGNED).to_owned();
        let name = botocore::model(&service).and_then(|model| model.operation(&head, &body));
        let name = name.unwrap_or_else(|| format!("{} {}", head.method, head.uri.path()));
        Self { service, name, head, body }
    }

    /// The access key that the request is signed with.
    pub fn access_key(&self) -> &str {
        credential(&self.head).and_then(|mut parts| parts.next()).unwrap_or_default()
    }

    /// The region that the request is signed for.
    pub fn region(&self) -> &str {
        credential(&self.head).and_then(|mut parts| parts.nth(2)).unwrap_or_default()
    }

    /// As permissions name it, nearly: `s3:ListObjectVersions` is the operation, not its permission.
    pub fn operation(&self) -> String {
        format!("{}:{}", self.service, self.name)
    }

    /// The parameters of the query protocol.
    pub fn form(&self) -> BTreeMap<String, String> {
        form(&self.body)
    }

    fn protocol(&self) -> Protocol {
        match self.service.as_str() {
            "s3" => Protocol::S3,
            "sqs" => Protocol::Sqs,
            "monitoring" => Protocol::Cbor,
            _ if self.head.headers.contains_key("x-amz-target") => Protocol::Json,
            "lambda" | "scheduler" => Protocol::RestJson,
            _ => Protocol::Query,
        }
    }

    /// An error of the service, in its protocol.
    pub fn error(&self, status: u16, code: &str, message: &str) -> Answer {
        match self.protocol() {
            Protocol::Query => query_error(status, code, message),
            Protocol::Json | Protocol::RestJson => json_error(status, code, message),
            Protocol::Sqs => sqs_error(status, code, message),
            Protocol::Cbor => cbor_error(status, code, message),
            Protocol::S3 => s3_error(status, code, &escaped(message)),
        }
    }

    /// The response of the service to a throttled call.
    pub fn throttled(&self) -> Answer {
        match self.protocol() {
            Protocol::Query => query_error(400, "Throttling", "Rate exceeded"),
            Protocol::Json => json_error(400, "ThrottlingException", "Rate exceeded"),
            Protocol::RestJson if self.service == "lambda" => {
                json_error(429, "TooManyRequestsException", "Rate Exceeded.")
            }
            Protocol::RestJson => json_error(429, "ThrottlingException", "Rate exceeded"),
            Protocol::Sqs => sqs_error(400, "RequestThrottled", "Request is throttled."),
            Protocol::Cbor => cbor_error(400, "Throttling", "Rate exceeded"),
            Protocol::S3 => s3_error(503, "SlowDown", "Please reduce your request rate."),
        }
    }

    /// The response of DynamoDB to a batch of which it has done nothing yet; other calls are throttled.
    pub fn unprocessed(&self) -> Answer {
        let open = || serde_json::from_slice::<Value>(&self.body).unwrap_or_default()["RequestItems"].take();
        let answer = match self.name.as_str() {
            "BatchWriteItem" => json!({ "UnprocessedItems": open() }),
            "BatchGetItem" => json!({ "Responses": {}, "UnprocessedKeys": open() }),
            _ => return self.throttled(),
        };
        let answer =
            Response::builder().header("content-type", "application/x-amz-json-1.0").body(answer.to_string().into());
        answer.expect("a response")
    }

    /// The response of the service to an internal error.
    pub fn broken(&self) -> Answer {
        const MESSAGE: &str = "We encountered an internal error. Please try again.";
        match self.protocol() {
            Protocol::Query => query_error(500, "InternalFailure", MESSAGE),
            Protocol::Json => json_error(500, "InternalServerError", MESSAGE),
            Protocol::RestJson if self.service == "lambda" => json_error(500, "ServiceException", MESSAGE),
            Protocol::RestJson => json_error(500, "InternalServerException", MESSAGE),
            Protocol::Sqs => sqs_error(500, "InternalFailure", MESSAGE),
            Protocol::Cbor => cbor_error(500, "InternalServiceFault", MESSAGE),
            Protocol::S3 => s3_error(500, "InternalError", MESSAGE),
        }
    }
}

/// The service of a request without a signature.
pub const UNSIGNED: &str = "unsigned";

/// The parts of `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn credential(head: &Parts) -> Option<std::str::Split<'_, char>> {
    let signed = head.headers.get("authorization")?.to_str().ok()?;
    Some(signed.split_once("Credential=")?.1.split('/'))
}

enum Protocol {
    Query,
    Json,
    RestJson,
    Cbor,
    Sqs,
    S3,
}

/// The namespace of an error is that of its service: the SDK does not look at it, and neither do we.
pub fn query_error(status: u16, code: &str, message: &str) -> Answer {
    let side = if status < 500 { "Sender" } else { "Receiver" };
    xml(
        status,
        format!(
            "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error><Type>{side}</Type>\
             <Code>{code}</Code><Message>{}</Message></Error><RequestId>{ID}</RequestId></ErrorResponse>",
            escaped(message)
        ),
    )
}

pub fn s3_error(status: u16, code: &str, message: &str) -> Answer {
    xml(
        status,
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
             <RequestId>{ID}</RequestId><HostId>{ID}</HostId></Error>"
        ),
    )
}

pub fn json_error(status: u16, code: &str, message: &str) -> Answer {
    let body = json!({"__type": code, "message": message}).to_string();
    let answer = Response::builder().status(status).header("x-amzn-errortype", code);
    answer.header("content-type", "application/x-amz-json-1.0").body(body.into()).expect("an answer")
}

/// SQS answers in JSON, and has the codes of its former query protocol in a header.
pub fn sqs_error(status: u16, code: &str, message: &str) -> Answer {
    let side = if status < 500 { "Sender" } else { "Receiver" };
    let mut answer = json_error(status, &format!("com.amazonaws.sqs#{code}"), message);
    answer.headers_mut().insert("x-amzn-query-error", format!("{code};{side}").parse().expect("a value"));
    answer
}

/// CloudWatch answers in CBOR, and has the codes of its former query protocol in a header.
pub fn cbor_error(status: u16, code: &str, message: &str) -> Answer {
    let side = if status < 500 { "Sender" } else { "Receiver" };
    let mut body = Vec::new();
    ciborium::into_writer(&json!({"__type": code, "message": message}), &mut body).expect("CBOR");
    let answer = Response::builder().status(status).header("smithy-protocol", "rpc-v2-cbor");
    let answer = answer.header("x-amzn-query-error", format!("{code};{side}"));
    answer.header("content-type", "application/cbor").body(body.into()).expect("an answer")
}

pub fn xml(status: u16, body: String) -> Answer {
    let answer = Response::builder().status(status).header("content-type", "text/xml").header("x-amzn-requestid", ID);
    answer.body(body.into()).expect("an answer")
}

/// The request id of every response that does not come from the emulator.
pub const ID: &str = "00000000-0000-4000-8000-000000000000";

pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

pub fn form(body: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(body).into_owned().collect()
}
