//! Settings that are switched on and off again in a deployed environment: each update is one that AWS would accept, which
//! the gate before the emulator checks.

use crate::harness::aws;

use aws::deployed::Deployed;
use aws::services::look;
use aws::template::{asked, wanted};

const PIPELINE: &str = r#"
[pipeline]
name = "NAME"
contact = "team@example.com"

[aws]

[functions]
tracing = false

[data]
kms = false
retain = false

[sources.companies]
type = "dynamodb"
key = "name"
items = ["Apple", "Netflix"]

[[stages]]
name = "text"
type = "text"

[[stages]]
name = "words"
isolate = false
type = "lexicon"

[sinks.archive]
type = "s3"
expire_days = 90

[sinks.latest]
type = "dynamodb"
ttl_days = 90
"#;

/// Deploys the pipeline, changes a setting, and changes it back, giving up the data of the resources in `replaced`.
#[track_caller]
fn there_and_back(name: &str, from: &str, to: &str, replaced: &[&'static str]) {
    let deployed = Deployed::of(PIPELINE, name);
    let apply = |replaced: &[&'static str]| {
        let mut arguments = vec!["apply", "--yes", "--no-run"];
        arguments.extend(replaced.iter().flat_map(|id| ["--replace", id]));
        deployed.good(&arguments);
        // The id of a customer key is known to nobody beforehand, and everything refers to it.
        if !deployed.project.read("pipeline.toml").contains("kms = true") {
            let asked = asked(&deployed, "dev");
            assert_eq!(look(&asked), wanted(&asked), "{name}");
        }
    };
    apply(&[]);
    deployed.edit(from, to).render().renew();
    apply(&[]);
    // What is taken away is deleted by who may delete it: the policy of before.
    deployed.edit(to, from).render();
    apply(replaced);
    deployed.renew();
    let arguments = ["destroy", "--yes", "--delete-data"];
    deployed.good(&arguments);
}

#[test]
fn a_customer_key_can_be_switched_and_switched_back() {
    there_and_back("switch-key", "kms = false", "kms = true", &["Key"]);
}

#[test]
fn retained_data_can_be_switched_and_switched_back() {
    there_and_back("switch-retain", "retain = false", "retain = true", &[]);
}

#[test]
fn tracing_can_be_switched_and_switched_back() {
    there_and_back("switch-tracing", "tracing = false", "tracing = true", &[]);
}

#[test]
fn the_expiry_of_rows_can_be_switched_and_switched_back() {
    there_and_back("switch-rows", "ttl_days = 90", "# rows stay", &[]);
}

#[test]
fn the_expiry_of_objects_can_be_switched_and_switched_back() {
    there_and_back("switch-objects", "expire_days = 90", "# objects stay", &[]);
}

#[test]
fn isolation_can_be_switched_and_switched_back() {
    let gone = ["WorkerWordsQueue", "WorkerWordsDeadQueue", "WorkerWordsLogs"];
    there_and_back("switch-isolation", "isolate = false", "isolate = true", &gone);
}

#[test]
fn a_boundary_can_be_removed_and_added() {
    let boundary = "permissions_boundary = \"arn:aws:iam::123456789012:policy/boundary\"";
    let deployed = Deployed::of(PIPELINE, "switch-boundary");
    deployed.good(&["apply", "--yes", "--no-run"]);
    for (from, to) in [(boundary, "# no boundary"), ("# no boundary", boundary)] {
        deployed.edit(from, to).render().renew();
        deployed.good(&["apply", "--yes", "--no-run"]);
    }
    deployed.good(&["destroy", "--yes"]);
}

#[test]
fn sinks_can_be_added_and_removed() {
    let more = "[sinks.more]\ntype = \"s3\"\n\n[sinks.alert]\ntype = \"sqs\"\n\n[sinks.archive]";
    there_and_back("switch-sink", "[sinks.archive]", more, &["MoreBucket", "AlertQueue"]);
}
