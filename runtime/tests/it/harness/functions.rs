//! Functions for the real `bootstrap`, and which program that is.

use fanggen_runtime::component::ComponentRole;
use fanggen_runtime::function::registry;
use fanggen_runtime::function::{Function, FunctionComponent, FunctionOutput, Trigger};
use fanggen_runtime::model::run::MAX_CHUNK_ITEMS;
use fanggen_runtime::model::tree::Tree;
use serde_json::{Value, json};

/// The program under test: the one of this build, or the one that the environment names, for another architecture.
pub fn bootstrap() -> String {
    std::env::var(BOOTSTRAP).unwrap_or_else(|_| env!("CARGO_BIN_EXE_bootstrap").to_owned())
}

/// The variable that names another program to test.
pub const BOOTSTRAP: &str = "FANGGEN_BOOTSTRAP";

/// A component of this type with these settings.
pub fn component(role: ComponentRole, name: &str, kind: &str, settings: Value) -> FunctionComponent {
    let kind = registry::find(role, kind).expect("a kind");
    let settings = (kind.read)(&Tree::from_json(settings)).expect("settings");
    FunctionComponent { name: name.into(), kind, settings, store: Some(format!("fang-dev-{name}")), rate_limit: None }
}

/// A function of the pipeline `fang`.
pub fn function(name: &str, trigger: Trigger, stages: Vec<FunctionComponent>, output: FunctionOutput) -> Function {
    Function {
        pipeline: "fang".into(),
        environment: "dev".into(),
        name: name.into(),
        contact: None,
        state: None,
        chunk_items: MAX_CHUNK_ITEMS,
        trigger,
        stages,
        output,
    }
}

/// The event by which SQS delivers messages, given by their ids and bodies.
pub fn delivery(bodies: &[(&str, &str)]) -> Value {
    let records: Vec<Value> = bodies
        .iter()
        .map(|(id, body)| json!({ "messageId": id, "body": body, "eventSource": "aws:sqs", "attributes": {} }))
        .collect();
    json!({ "Records": records })
}
