//! The deployer's policy against IAM's list of actions, which the CloudFormation linter includes.

use crate::harness::tools;

use std::fs;
use std::path::Path;

use fanggen::deploy::aws::account::CallerIdentity;
use fanggen::deploy::generated::Generated;
use fanggen::deploy::policy::{Environment, PolicyHolder, policies};
use regex_lite::Regex;
use serde_json::Value;

/// What is known of each service's actions and resources.
fn known() -> Value {
    let python = tools::cfn_lint().parent().expect("a folder").join("../lib");
    let versions = fs::read_dir(python).expect("the libraries").map(|entry| entry.expect("an entry").path());
    let file = "site-packages/cfnlint/data/AdditionalSpecs/Policies.json";
    let path = versions.map(|version| version.join(file)).find(|path| path.is_file()).expect("the list");
    serde_json::from_str(&fs::read_to_string(path).expect("text")).expect("JSON")
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The patterns of the ARNs that an action is about; none where the service knows no resources for it.
fn patterns(service: &Value, action: &Value) -> Vec<Regex> {
    let formats = |kind: &str| texts(&service["Resources"][kind.to_lowercase()]["ARNFormats"]);
    let pattern = |format: &str| {
        let format = format.replace("${Partition}", "aws").replace("${Region}", "[a-z0-9-]*");
        Regex::new(&format!("^{}$", format.replace("${Account}", "[0-9]*"))).expect("a pattern")
    };
    texts(&action["Resources"]).into_iter().flat_map(formats).map(pattern).collect()
}

#[test]
fn every_action_is_one_of_iams_on_resources_that_it_is_about() {
    let known = known();
    let caller = CallerIdentity { account: "123456789012".into(), arn: "arn:aws:iam::123456789012:user/d".into() };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../generated");
    let mut checked = 0;
    // The last one has a key, too.
    for environment in ["dev", "prod", "../generator/tests/golden/kms/prod"] {
        let plan = fs::read_to_string(root.join(environment).join("plan.json")).expect("text");
        let generated = Generated::of(&plan, String::new()).expect("a manifest");
        let (manifest, artifacts) = (&generated.manifest, "fanggen-artifacts-123456789012-us-east-1");
        let environment = Environment { manifest, caller: &caller, boundary: None, artifacts, template_bytes: 1 << 20 };
        let all = [PolicyHolder::Deployer { shared_bucket: true }, PolicyHolder::Planner, PolicyHolder::Operator];
        for document in all.into_iter().flat_map(|holder| policies(holder, &[environment]).expect("policies")) {
            let policy = serde_json::to_value(document.policy).expect("JSON");
            for statement in policy["Statement"].as_array().expect("a list") {
                for name in texts(&statement["Action"]) {
                    let (prefix, action) = name.split_once(':').expect("a service and an action");
                    let service = &known[prefix];
                    let action = &service["Actions"][action.to_lowercase()];
                    assert!(action.is_object(), "IAM has no action {name}");
                    let patterns = patterns(service, action);
                    for resource in texts(&statement["Resource"]) {
                        let fits = if patterns.is_empty() {
                            resource == "*"
                        } else {
                            patterns.iter().any(|pattern| pattern.is_match(resource)) && resource != "*"
                        };
                        assert!(fits, "{name} is not about {resource}");
                        checked += 1;
                    }
                }
            }
        }
    }
    assert!(checked > 200, "only {checked} were checked");
}
