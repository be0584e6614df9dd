//! The Lambda: reads the settings from the environment, then handles events.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use fanggen_runtime::aws::AwsServices;
use fanggen_runtime::function::Function;
use fanggen_runtime::lambda::handler::{Handler, Invocation};
use fanggen_runtime::lambda::log;
use fanggen_runtime::lambda::trace::Trace;
use fanggen_runtime::model::error::Error;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    std::panic::set_hook(Box::new(log::panic_hook));
    // Not `vars`, which panics if any variable is not UTF-8.
    let variables: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    // If the settings cannot be read, the process stays alive and every invocation returns the error.
    let handler = Function::from_env(&variables).map(|function| Handler::new(function, AwsServices::new(variables)));
    let handler = &handler;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        match handler {
            Ok(handler) => handler.handle(event.payload, &invocation(&event.context)).await.map_err(diagnostic),
            Err(error) => Err(diagnostic(error.clone())),
        }
    }))
    .await
}

/// The maximum timeout of a Lambda function
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html>).
const MAX_TIMEOUT: Duration = Duration::from_secs(900);

/// A Unix time in milliseconds before Lambda existed. Smaller deadlines are not absolute times: `cargo lambda watch` sends
/// 600,000 for every invocation.
const BEFORE_LAMBDA: u64 = 1_400_000_000_000;

/// Converts the deadline from wall-clock time to the monotonic clock, which is never adjusted.
fn invocation(context: &Context) -> Invocation {
    let left = match context.deadline {
        0..BEFORE_LAMBDA => MAX_TIMEOUT,
        end => (SystemTime::UNIX_EPOCH + Duration::from_millis(end))
            .duration_since(SystemTime::now())
            .unwrap_or_default()
            .min(MAX_TIMEOUT),
    };
    let daemon = std::env::var("AWS_XRAY_DAEMON_ADDRESS").ok();
    let trace = Trace::from_header(context.xray_trace_id.as_deref(), daemon.as_deref());
    Invocation { id: context.request_id.clone(), deadline: Instant::now() + left, trace }
}

fn diagnostic(error: Error) -> Diagnostic {
    Diagnostic { error_type: error.code.to_string(), error_message: error.message }
}
