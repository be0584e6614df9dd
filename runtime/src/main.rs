//! The Lambda: settings from the environment, then the function for every event.

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
    std::panic::set_hook(Box::new(log::panicked));
    // Not `vars`, which panics over a variable that is not UTF-8, be it somebody else's.
    let variables: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    // Settings that cannot be read are answered to every event, with their reason, and not by a dead process.
    let function = Function::from_env(&variables).map(|function| Handler::new(function, AwsServices::new(variables)));
    let function = &function;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        match function {
            Ok(function) => function.answer(event.payload, &invocation(&event.context)).await.map_err(diagnostic),
            Err(error) => Err(diagnostic(error.clone())),
        }
    }))
    .await
}

/// No function lives for longer, whatever a clock says
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html>).
const LONGEST: Duration = Duration::from_secs(900);

/// Milliseconds from 1970 to before there was Lambda. `cargo lambda watch` says 600,000 as the end of every invocation: it
/// means ten minutes, and no time of the clock.
const BEFORE_LAMBDA: u64 = 1_400_000_000_000;

/// Lambda says when it ends by the clock; what waits here does so by another one, which is never set.
fn invocation(context: &Context) -> Invocation {
    let left = match context.deadline {
        0..BEFORE_LAMBDA => LONGEST,
        end => (SystemTime::UNIX_EPOCH + Duration::from_millis(end))
            .duration_since(SystemTime::now())
            .unwrap_or_default()
            .min(LONGEST),
    };
    let daemon = std::env::var("AWS_XRAY_DAEMON_ADDRESS").ok();
    let trace = Trace::from_header(context.xray_trace_id.as_deref(), daemon.as_deref());
    Invocation { id: context.request_id.clone(), deadline: Instant::now() + left, trace }
}

fn diagnostic(error: Error) -> Diagnostic {
    Diagnostic { error_type: error.code.to_string(), error_message: error.message }
}
