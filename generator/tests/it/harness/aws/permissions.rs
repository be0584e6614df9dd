//! What CloudFormation needs of its caller, which the emulator never asks, and whether a policy gives it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use aws_sdk_iam::types::PolicyEvaluationDecisionType;

use super::emulator::{Emulator, block_on};
use crate::harness::tools;

/// By handler (`create`, `read`, `update`, `delete`, `list`): the actions that it may call.
pub type Handlers = BTreeMap<String, BTreeSet<String>>;

/// As the registry declares them, which the linter carries with it: for all that a type can do, so more than one needs.
pub fn handlers(kinds: &[&str]) -> BTreeMap<String, Handlers> {
    const SCRIPT: &str = "import json, sys\n\
        from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as all\n\
        def of(kind): return all.get_resource_schema('us-east-1', kind).schema.get('handlers', {})\n\
        print(json.dumps({kind: {name: one['permissions'] for name, one in of(kind).items()} for kind in sys.argv[1:]}))";
    let python = tools::cfn_lint().with_file_name("python");
    let ran = Command::new(python).args(["-c", SCRIPT]).args(kinds).output().expect("python starts");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).expect("JSON")
}

/// Those of the actions that a policy does not give on a resource.
pub fn refused(emulator: &Emulator, policy: &str, actions: &[&str], resource: &str) -> BTreeSet<String> {
    let client = aws_sdk_iam::Client::new(&emulator.sdk(&emulator.endpoint(), &emulator.root()));
    let ask = client.simulate_custom_policy().policy_input_list(policy).resource_arns(resource);
    let ask = ask.set_action_names(Some(actions.iter().map(|action| (*action).to_owned()).collect()));
    let answer = block_on(ask.send()).unwrap_or_else(|error| panic!("no simulation: {error:?}"));
    let denied = answer.evaluation_results().iter();
    denied
        .filter(|one| *one.eval_decision() != PolicyEvaluationDecisionType::Allowed)
        .map(|one| one.eval_action_name().to_owned())
        .collect()
}
