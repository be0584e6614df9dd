//! Counts the answers by which AWS asks for patience, the ones behind which another attempt succeeds among them.

use std::sync::Arc;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::component::meter::Meter;

/// Parts of the codes by which services say that they are asked too often.
const CODES: [&str; 5] =
    ["Throttl", "SlowDown", "RequestLimitExceeded", "ProvisionedThroughputExceeded", "TooManyRequests"];

/// Whether a code says that a service is asked too often.
pub fn is_throttling(code: &str) -> bool {
    CODES.iter().any(|part| code.contains(part))
}

/// Looks at every attempt of a client's calls.
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
        if asks_for_patience(context.response()) {
            self.0.add_throttled();
        }
        Ok(())
    }
}

fn asks_for_patience(response: &HttpResponse) -> bool {
    match response.status().as_u16() {
        429 | 503 => true,
        400..500 => code(response).is_some_and(is_throttling),
        _ => false,
    }
}

/// The code of an answer that says no, in the words of whatever protocol the service speaks.
fn code(response: &HttpResponse) -> Option<&str> {
    let header = ["x-amzn-query-error", "x-amzn-errortype"].iter().find_map(|name| response.headers().get(*name));
    header.or_else(|| {
        let body = std::str::from_utf8(response.body().bytes()?).ok()?;
        let behind = |start: &str| Some(body.split_once(start)?.1);
        let rest = behind("<Code>").or_else(|| behind("\"__type\""))?.trim_start_matches([' ', ':', '"']);
        Some(rest.split(['"', '<']).next().unwrap_or(rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    fn asks(status: u16, header: Option<(&'static str, &'static str)>, body: &'static str) -> bool {
        let status = StatusCode::try_from(status).expect("a status");
        let mut response = HttpResponse::new(status, SdkBody::from(body));
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        asks_for_patience(&response)
    }

    #[test]
    fn every_protocol_has_its_way_to_ask_for_patience() {
        assert!(asks(503, None, ""));
        assert!(asks(429, None, ""));
        assert!(asks(400, Some(("x-amzn-query-error", "RequestThrottled;Sender")), "{}"));
        assert!(asks(400, Some(("x-amzn-errortype", "ThrottlingException:http://x")), "{}"));
        assert!(asks(
            400,
            None,
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}"#
        ));
        assert!(asks(400, None, r#"{"message":"x", "__type" : "RequestLimitExceeded"}"#));
        assert!(asks(400, None, "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"));
    }

    #[test]
    fn a_mistake_and_a_fault_are_something_else() {
        assert!(!asks(200, None, "Throttling"));
        assert!(!asks(500, None, "<Code>Throttling</Code>"));
        assert!(!asks(400, None, r#"{"__type":"ValidationException","message":"Throttling \"__type\":\"SlowDown\""}"#));
        assert!(!asks(400, None, ""));
    }
}
