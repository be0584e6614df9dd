//! A customer key for all stored data: enabled in place, used by every resource, and deleted with the last of them.

use crate::harness::aws;

use std::collections::{BTreeMap, BTreeSet};

use aws::deployed::Deployed;
use aws::emulator::block_on;
use aws::target_account::target_account;
use aws::template::names;
use aws_sdk_kms::types::KeyState;
use serde_json::{Value, json};

/// All sinks that run in AWS, with a source that keeps its items.
const PIPELINE: &str = include_str!("../pipelines/sinks.toml");

/// The key of an alias: its ARN, its state, whether it is turned over.
fn key(alias: &str) -> Option<(String, KeyState, bool)> {
    let client = aws_sdk_kms::Client::new(&target_account().sdk);
    let found = block_on(client.describe_key().key_id(alias).send()).ok()?.key_metadata?;
    let turned = block_on(client.get_key_rotation_status().key_id(&found.key_id).send()).expect("a status");
    Some((found.arn?, found.key_state?, turned.key_rotation_enabled))
}

/// By the name in the template: the key that a service says a resource is under.
fn keys(names: &BTreeMap<String, String>) -> BTreeMap<String, Option<String>> {
    let sdk = &target_account().sdk;
    let (sqs, sns) = (aws_sdk_sqs::Client::new(sdk), aws_sdk_sns::Client::new(sdk));
    let (lambda, logs) = (aws_sdk_lambda::Client::new(sdk), aws_sdk_cloudwatchlogs::Client::new(sdk));
    let mut found = BTreeMap::new();
    for (id, name) in names {
        let key = if id.ends_with("Queue") {
            let url = block_on(sqs.get_queue_url().queue_name(name).send()).expect("a queue").queue_url.expect("a URL");
            let all = aws_sdk_sqs::types::QueueAttributeName::All;
            let queue =
                block_on(sqs.get_queue_attributes().queue_url(url).attribute_names(all).send()).expect("a queue");
            queue.attributes.unwrap_or_default().remove(&aws_sdk_sqs::types::QueueAttributeName::KmsMasterKeyId)
        } else if id.ends_with("Topic") {
            let arn = format!("arn:aws:sns:{}:{}:{name}", target_account().region, target_account().account);
            let topic = block_on(sns.get_topic_attributes().topic_arn(arn).send()).expect("a topic");
            topic.attributes.unwrap_or_default().remove("KmsMasterKeyId")
        } else if id.ends_with("Function") {
            let function = block_on(lambda.get_function_configuration().function_name(name).send());
            function.expect("a function").kms_key_arn
        } else if id.ends_with("Logs") {
            let groups = block_on(logs.describe_log_groups().log_group_name_prefix(name).send()).expect("groups");
            let own = groups.log_groups.unwrap_or_default().into_iter();
            own.filter(|group| group.log_group_name.as_ref() == Some(name)).find_map(|group| group.kms_key_id)
        } else {
            continue;
        };
        found.insert(id.clone(), key);
    }
    found
}

/// The emulator knows neither the tags of a key nor the ARN of an alias, by which the deployer's policy lets it look for the key and delete it: here a
/// policy without them stands beside it, for these calls and no others.
fn unmarked(user: &str) {
    if target_account().emulator.is_none() {
        return;
    }
    let actions = ["kms:DeleteAlias", "kms:DescribeKey", "kms:ListResourceTags", "kms:ScheduleKeyDeletion"];
    let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
    let document = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let client = aws_sdk_iam::Client::new(&target_account().sdk);
    let put = client.put_user_policy().user_name(user).policy_name("unmarked").policy_document(document);
    block_on(put.send()).expect("a policy");
}

fn id(one: &Value) -> String {
    one["id"].as_str().expect("a name").to_owned()
}

#[test]
fn a_customer_key_is_enabled_in_place_and_deleted_with_its_data() {
    // The deployer may already do what the key needs.
    let pipeline = PIPELINE.replace("[sources.companies]", "[data]\nkms = true\n\n[sources.companies]");
    let deployed = Deployed::of(&pipeline, "locked-e2e");
    unmarked("locked-e2e");
    deployed.edit("kms = true", "kms = false").render();
    let alias = "alias/locked-e2e-prod";
    deployed.good(&["apply", "--env", "prod", "--yes", "--no-run"]);
    let own = names(&deployed.plan("prod"));
    assert!(keys(&own).values().all(Option::is_none), "{:?}", keys(&own));

    deployed.edit("kms = false", "kms = true").render();
    let planned = deployed.fanggen(&["plan", "--env", "prod", "--json"]);
    assert_eq!(planned.code, 2, "{planned:?}");
    let changes = &planned.json()["changes"];
    let settings = changes["settings"].as_array().expect("a list");
    let [setting] = &settings[..] else { panic!("{settings:#?}") };
    assert_eq!(
        (&setting["name"], &setting["before"], &setting["after"]),
        (&json!("data.kms"), &json!(false), &json!(true))
    );
    // Nothing that is there is replaced: no name depends on the key, and every service changes it in place.
    let resources = changes["resources"].as_array().expect("a list");
    let by =
        |action: &str| -> BTreeSet<String> { resources.iter().filter(|one| one["action"] == action).map(id).collect() };
    assert_eq!(by("add"), ["Key", "KeyAlias"].map(String::from).into());
    assert_eq!(by("change").len() + 2, resources.len(), "{resources:#?}");
    assert_eq!(changes["dangers"], json!([]));

    deployed.good(&["apply", "--env", "prod", "--yes", "--no-run"]);
    let (arn, state, turned) = key(alias).expect("a key");
    assert_eq!((state, turned), (KeyState::Enabled, true));
    let found = keys(&names(&deployed.plan("prod")));
    // The emulator forgets the key of a function, and of a topic that CloudFormation made.
    let kept = |id: &str| target_account().emulator.is_none() || !(id.ends_with("Function") || id.ends_with("Topic"));
    let found: Vec<_> = found.iter().filter(|(id, _)| kept(id)).collect();
    assert!(found.len() >= 7, "{found:?}");
    for (id, key) in found {
        assert_eq!(key.as_ref(), Some(&arn), "{id}");
    }
    let idle = deployed.good(&["plan", "--env", "prod", "--json"]).json();
    assert_eq!(idle["changed"], json!(false));

    // Off again, the key is something that is lost with what is still encrypted with it.
    deployed.edit("kms = true", "kms = false").render();
    let off = deployed.fanggen(&["plan", "--env", "prod", "--json"]).json();
    let dangers = off["changes"]["dangers"].as_array().unwrap_or_else(|| panic!("{off}"));
    assert_eq!(dangers.iter().map(id).collect::<Vec<_>>(), ["Key"]);
    assert_eq!((&dangers[0]["holds"], &dangers[0]["kept"]), (&json!("key"), &json!(true)));
    deployed.edit("kms = false", "kms = true").render();

    deployed.good(&["destroy", "--env", "prod", "--yes", "--delete-data"]);
    assert_eq!(key(alias), None);
    assert_eq!(key(&arn).map(|(_, state, _)| state), Some(KeyState::PendingDeletion));
    let again = deployed.good(&["destroy", "--env", "prod", "--yes", "--delete-data"]);
    assert!(
        again.stderr.ends_with("nothing to do: nothing is left of environment `prod` in us-east-1\n"),
        "{}",
        again.stderr
    );
}
