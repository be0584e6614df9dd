//! The Lambda: settings from the environment, then the function for every event.

use fanggen_runtime::cloud::{Answering, Cloud};
use fanggen_runtime::error::Error;
use fanggen_runtime::function::Function;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    // Not `vars`, which panics over a variable that is not UTF-8, be it somebody else's.
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("FANG_"))
        .collect();
    // Settings that cannot be read are answered to every event, with their reason, and not by a dead process.
    let function = Function::from_env(&variables).map(|function| Answering::new(function, Cloud));
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async {
        match &function {
            Ok(function) => function.answer(event.payload).await.map_err(diagnostic),
            Err(error) => Err(diagnostic(error.clone())),
        }
    }))
    .await
}

fn diagnostic(error: Error) -> Diagnostic {
    Diagnostic { error_type: error.code, error_message: error.message }
}
