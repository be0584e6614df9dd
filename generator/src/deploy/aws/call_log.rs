//! Logs each call: its operation, duration and outcome, once for all its attempts.

use std::time::Instant;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

use crate::log;

/// The client of an SDK crate, whose calls are logged.
macro_rules! logged_client {
    ($sdk:ident, $account:expr) => {
        $sdk::Client::from_conf(
            $sdk::config::Builder::from(&$account.sdk).interceptor(crate::deploy::aws::call_log::CallLog).build(),
        )
    };
}
pub(super) use logged_client;

/// The interceptor that logs.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallLog;

/// When a call began.
#[derive(Debug)]
struct CallStart(Instant);

impl Storable for CallStart {
    type Storer = StoreReplace<Self>;
}

impl Intercept for CallLog {
    fn name(&self) -> &'static str {
        "call log"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if log::is_on() {
            bag.interceptor_state().store_put(CallStart(Instant::now()));
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(CallStart(start)), Some(call)) = (bag.load::<CallStart>(), bag.load::<Metadata>()) {
            let outcome = match context.output_or_error() {
                Some(Ok(_)) => "ok".to_owned(),
                _ => context.response().map_or_else(|| "no response".to_owned(), failure),
            };
            let attempts = bag.load::<RequestAttempts>().map_or(1, |attempts| attempts.attempts());
            let service = call.service().to_lowercase().replace(' ', "");
            log::call(&format!("{service}:{}", call.name()), start.elapsed(), attempts, &outcome);
        }
        Ok(())
    }
}

/// The status and code of an error response.
fn failure(response: &HttpResponse) -> String {
    let status = response.status().as_u16();
    let body = response.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
    // The code of the JSON protocols and of the XML ones.
    let between = |start: &str, end: &str| {
        let from = body.split_once(start)?.1;
        Some(from.split_once(end)?.0.rsplit('#').next().unwrap_or_default().to_owned())
    };
    let header =
        response.headers().get("x-amzn-errortype").map(|code| code.split(':').next().unwrap_or(code).to_owned());
    let code = header.or_else(|| between("\"__type\":\"", "\"")).or_else(|| between("\"__type\": \"", "\""));
    let code = code.or_else(|| between("<Code>", "</Code>"));
    code.map_or_else(|| format!("HTTP {status}"), |code| format!("HTTP {status} {code}"))
}
