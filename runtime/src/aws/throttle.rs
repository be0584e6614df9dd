//! Counts throttled responses, including those of attempts that the SDK retries successfully.

use std::sync::Arc;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::component::meter::Meter;

/// Parts of the error codes for throttling.
const THROTTLING: [&str; 5] =
    ["Throttl", "SlowDown", "RequestLimitExceeded", "ProvisionedThroughputExceeded", "TooManyRequests"];

/// Whether an error code means throttling.
pub fn is_throttling(code: &str) -> bool {
    THROTTLING.iter().any(|part| code.contains(part))
}

/// An interceptor that counts the throttled attempts of a client's calls.
#[derive(Debug)]
pub struct Throttle(pub Arc<Meter>);

#[dyn_dispatch_hint]
impl Intercept for Throttle {
    fn name(&self) -> &'static str {
        "Throttle"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if is_throttled(context.response()) {
            self.0.add_throttled();
        }
        Ok(())
    }
}

fn is_throttled(response: &HttpResponse) -> bool {
    match response.status().as_u16() {
        429 | 503 => true,
        400..500 => error_code(response).is_some_and(is_throttling),
        _ => false,
    }
}

/// The error code of a response, in the format of any of the AWS protocols.
fn error_code(response: &HttpResponse) -> Option<&str> {
    let header = ["x-amzn-query-error", "x-amzn-errortype"].iter().find_map(|name| response.headers().get(*name));
    header.or_else(|| {
        let body = std::str::from_utf8(response.body().bytes()?).ok()?;
        let after = |start: &str| Some(body.split_once(start)?.1);
        let rest = after("<Code>").or_else(|| after("\"__type\""))?.trim_start_matches([' ', ':', '"']);
        Some(rest.split(['"', '<']).next().unwrap_or(rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    fn throttled(status: u16, header: Option<(&'static str, &'static str)>, body: &'static str) -> bool {
        let status = StatusCode::try_from(status).expect("a status");
        let mut response = HttpResponse::new(status, SdkBody::from(body));
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        is_throttled(&response)
    }

    #[test]
    fn throttling_is_recognized_in_every_protocol() {
        assert!(throttled(503, None, ""));
        assert!(throttled(429, None, ""));
        assert!(throttled(400, Some(("x-amzn-query-error", "RequestThrottled;Sender")), "{}"));
        assert!(throttled(400, Some(("x-amzn-errortype", "ThrottlingException:http://x")), "{}"));
        assert!(throttled(
            400,
            None,
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}"#
        ));
        assert!(throttled(400, None, r#"{"message":"x", "__type" : "RequestLimitExceeded"}"#));
        assert!(throttled(400, None, "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"));
    }

    #[test]
    fn other_errors_are_not_throttling() {
        assert!(!throttled(200, None, "Throttling"));
        assert!(!throttled(500, None, "<Code>Throttling</Code>"));
        assert!(!throttled(
            400,
            None,
            r#"{"__type":"ValidationException","message":"Throttling \"__type\":\"SlowDown\""}"#
        ));
        assert!(!throttled(400, None, ""));
    }
}
