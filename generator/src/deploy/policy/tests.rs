//! What a deployer's policy promises: a card for every type, exact actions and ARNs, valid, small enough, and every call in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;
use serde_json::Value;

use super::*;

const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/team";
const ARTIFACTS: &str = "fanggen-artifacts-123456789012-us-east-1";

fn caller() -> CallerIdentity {
    CallerIdentity { account: "123456789012".into(), arn: "arn:aws:iam::123456789012:user/d".into() }
}

/// All files of a name below a folder.
fn files(folder: &Path, fits: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut all: Vec<PathBuf> = entries
        .flat_map(|path| if path.is_dir() { files(&path, fits) } else { vec![path] })
        .filter(|path| fits(path))
        .collect();
    all.sort();
    all
}

/// A manifest; older ones lack some fields.
fn manifest(text: &str) -> Manifest {
    let mut plan: Value = serde_json::from_str(text).expect("JSON");
    for (name, value) in [("architecture", Value::from("arm64")), ("retain", false.into())] {
        plan.as_object_mut().expect("an object").entry(name).or_insert(value);
    }
    serde_json::from_value(plan).expect("a manifest")
}

fn manifests() -> Vec<Manifest> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.join("tests/golden"), root.join("../generated")];
    let plans = folders.iter().flat_map(|folder| files(folder, &|path| path.ends_with("plan.json")));
    plans.map(|path| manifest(&fs::read_to_string(path).expect("text"))).collect()
}

fn policy_of(manifests: &[Manifest], boundary: Option<&str>) -> Vec<ManagedPolicy> {
    policies_of(PolicyHolder::Deployer { shared_bucket: true }, manifests, boundary, 0)
}

fn policies_of(
    holder: PolicyHolder,
    manifests: &[Manifest],
    boundary: Option<&str>,
    template_bytes: usize,
) -> Vec<ManagedPolicy> {
    let caller = caller();
    let environment =
        |manifest| Environment { manifest, caller: &caller, boundary, artifacts: ARTIFACTS, template_bytes };
    policies(holder, &manifests.iter().map(environment).collect::<Vec<_>>()).expect("policies")
}

fn root() -> Vec<Manifest> {
    manifests().into_iter().filter(|manifest| manifest.stack.starts_with("fang-")).collect()
}

#[test]
fn every_type_of_every_template_has_a_card() {
    let all = manifests();
    assert!(all.len() > 10, "the golden cases were found");
    for (manifest, (id, resource)) in all.iter().flat_map(|all| all.resources.iter().map(move |one| (all, one))) {
        assert!(resources::find(&resource.kind).is_some(), "`{id}` of {} has type {}", manifest.stack, resource.kind);
    }
}

#[test]
fn a_type_without_a_card_is_named() {
    let mut manifest = root().remove(0);
    manifest.resources.values_mut().for_each(|resource| resource.kind = "AWS::Glue::Job".into());
    let caller = caller();
    let environment =
        Environment { manifest: &manifest, caller: &caller, boundary: None, artifacts: ARTIFACTS, template_bytes: 0 };
    let error = policies(PolicyHolder::Planner, &[environment]).expect_err("a type without a card").to_string();
    assert!(error.contains("its type AWS::Glue::Job has no card\n  add a card"), "{error}");
}

#[test]
fn every_policy_is_exact_valid_and_small_enough() {
    let (action, sid) = (Regex::new("^[a-z0-9]+:[A-Z][A-Za-z0-9]+$"), Regex::new("^[A-Za-z0-9]+$"));
    let (action, sid) = (action.expect("a pattern"), sid.expect("a pattern"));
    let mut sets: Vec<Vec<Manifest>> = manifests().into_iter().map(|one| vec![one]).collect();
    sets.push(root());
    for boundary in [None, Some(BOUNDARY)] {
        for set in &sets {
            let documents = policy_of(set, boundary);
            let mut sids = BTreeSet::new();
            for document in &documents {
                assert!(
                    characters(&document.policy) <= LIMIT,
                    "{} has {}",
                    document.name,
                    characters(&document.policy)
                );
                for statement in &document.policy.statement {
                    assert!(sids.insert(&statement.sid) && sid.is_match(&statement.sid), "{}", statement.sid);
                    assert!(statement.action.iter().all(|name| action.is_match(name)), "{:?}", statement.action);
                    assert!(!statement.resource.is_empty());
                    for resource in &statement.resource {
                        assert!(!resource.contains("${") && (resource == "*" || resource.starts_with("arn:aws:")));
                        let whole = resource == "*" || resource.ends_with("mapping:*") || resource.ends_with(":key/*");
                        assert_eq!(
                            whole,
                            statement.sid.contains("Without")
                                || statement.sid.contains("HaveIds")
                                || statement.sid.contains("HasNo"),
                            "{resource}: {}",
                            statement.sid
                        );
                    }
                }
                let json = serde_json::to_value(&document.policy).expect("JSON");
                assert_eq!(
                    (&json["Version"], &json["Statement"][0]["Effect"]),
                    (&"2012-10-17".into(), &"Allow".into())
                );
            }
        }
    }
}

/// All statements as IAM sees them.
fn statements_of(documents: &[ManagedPolicy]) -> Vec<Value> {
    let all = documents.iter().flat_map(|document| &document.policy.statement);
    all.map(|statement| serde_json::to_value(statement).expect("JSON")).collect()
}

/// The resources and conditions on which an action is allowed.
fn allowed(statements: &[Value], action: &str) -> Vec<(Vec<String>, Value)> {
    let has = |statement: &&Value| statement["Action"].as_array().expect("a list").iter().any(|one| one == action);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let of = |statement: &Value| {
        (statement["Resource"].as_array().expect("a list").iter().map(text).collect(), statement["Condition"].clone())
    };
    statements.iter().filter(has).map(of).collect()
}

#[test]
fn a_role_is_passed_to_the_service_that_takes_it_and_made_only_within_its_boundary() {
    let dev: Vec<Manifest> = root().into_iter().filter(|manifest| manifest.stack == "fang-dev").collect();
    let free = statements_of(&policy_of(&dev, None));
    let bound = statements_of(&policy_of(&dev, Some(BOUNDARY)));
    let role = |name: &str| format!("arn:aws:iam::123456789012:role/fang-dev-{name}-us-east-1");
    let via = serde_json::json!({ "aws:CalledVia": ["cloudformation.amazonaws.com"] });
    let to = |service: &str| {
        serde_json::json!({
            "ForAnyValue:StringEquals": via, "StringEquals": { "iam:PassedToService": [service] },
        })
    };
    let mut passed = allowed(&bound, "iam:PassRole");
    passed.sort_by_key(|(resources, _)| resources.len());
    assert_eq!(
        passed,
        [
            (vec![role("schedule")], to("scheduler.amazonaws.com")),
            (vec![role("producer"), role("worker")], to("lambda.amazonaws.com")),
        ]
    );
    let within = serde_json::json!({
        "ForAnyValue:StringEquals": via, "StringEquals": { "iam:PermissionsBoundary": [BOUNDARY] },
    });
    let roles = vec![role("producer"), role("schedule"), role("worker")];
    assert_eq!(allowed(&bound, "iam:CreateRole"), [(roles.clone(), within)]);
    assert_eq!(allowed(&free, "iam:CreateRole"), [(roles, serde_json::json!({ "ForAnyValue:StringEquals": via }))]);
    assert!(allowed(&bound, "iam:DeleteRolePermissionsBoundary").is_empty());
    let of = serde_json::json!({
        "ArnEquals": { "lambda:FunctionArn": ["arn:aws:lambda:us-east-1:123456789012:function:fang-dev-worker"] },
        "ForAnyValue:StringEquals": via,
    });
    assert_eq!(allowed(&bound, "lambda:CreateEventSourceMapping"), [(vec!["*".to_owned()], of)]);
}

#[test]
fn every_call_of_the_code_is_in_the_policy() {
    // Where a call fails, its action is named: all that is named must be allowed somewhere.
    let named = Regex::new(r#""([a-z0-9]+:[A-Z][A-Za-z]+)""#).expect("a pattern");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/deploy");
    let mut statements = statements_of(&policy_of(&root(), None));
    statements.extend(statements_of(&policies_of(PolicyHolder::Operator, &root(), None, 0)));
    let mut seen = 0;
    for path in files(&folder, &|path| path.extension().is_some_and(|end| end == "rs")) {
        if path.parent().is_some_and(|folder| folder.ends_with("policy")) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("text");
        for found in named.captures_iter(&text) {
            let action = &found[1];
            // A condition's key looks like an action.
            if action.starts_with("aws:") {
                continue;
            }
            seen += 1;
            let known =
                resources::ALL.iter().flat_map(|card| card.handler).any(|grant| grant.actions.contains(&action));
            assert!(known || !allowed(&statements, action).is_empty(), "{}: {action} is not declared", path.display());
        }
    }
    assert!(seen > 20, "the calls were found");
}

#[test]
fn what_only_cloudformation_does_is_allowed_to_cloudformation_only() {
    // The calls of this program are the whole list of what is done without CloudFormation.
    let direct: BTreeSet<&str> = calls::all().map(|call| call.action).collect();
    for boundary in [None, Some(BOUNDARY)] {
        for statement in statements_of(&policy_of(&root(), boundary)) {
            if statement["Condition"]["ForAnyValue:StringEquals"]["aws:CalledVia"].is_array() {
                continue;
            }
            for action in statement["Action"].as_array().expect("a list").iter().filter_map(Value::as_str) {
                assert!(direct.contains(action), "{action} is allowed without CloudFormation: {statement}");
                assert!(!action.starts_with("iam:") || action == "iam:GetRole", "{statement}");
            }
        }
    }
}

#[test]
fn a_deployer_writes_only_the_objects_of_its_own_environment() {
    let of = |stack: &str| root().into_iter().filter(|manifest| manifest.stack == stack).collect::<Vec<_>>();
    let alone = PolicyHolder::Deployer { shared_bucket: false };
    let statements = statements_of(&policies_of(alone, &of("fang-dev"), None, 0));
    let writes = ["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutBucketPolicy", "s3:DeleteBucket"];
    let keys: BTreeSet<String> = writes
        .iter()
        .flat_map(|action| allowed(&statements, action))
        .filter(|(_, condition)| condition.is_null())
        .flat_map(|(resources, _)| resources)
        .filter_map(|arn| arn.strip_prefix(&format!("arn:aws:s3:::{ARTIFACTS}")).map(str::to_owned))
        .collect();
    let own = [
        "/locks/fang-dev.json",
        "/runtime/fang-dev/*",
        "/stacks/fang-dev.json",
        "/state/fang-dev.json",
        "/templates/fang-dev/*",
    ];
    assert_eq!(keys, own.map(str::to_owned).into());
    // Another stack whose name begins with this one's is another stack.
    assert!(!keys.iter().any(|key| key.ends_with("fang-dev*")));
}

#[test]
fn a_planner_reads_and_makes_change_sets_and_no_more() {
    let writes = |statements: &[Value]| {
        let all = statements.iter().flat_map(|statement| statement["Action"].as_array().expect("a list"));
        let names = all.filter_map(Value::as_str).filter(|action| !only_reads(action));
        names.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let planner = |bytes| statements_of(&policies_of(PolicyHolder::Planner, &root(), None, bytes));
    let sets = [
        "cloudformation:CreateChangeSet",
        "cloudformation:DeleteChangeSet",
        "cloudformation:TagResource",
        "cloudformation:UntagResource",
        "dynamodb:Scan",
    ];
    assert_eq!(writes(&planner(0)), sets.map(str::to_owned).into());
    // A template that is too large for a call goes through the bucket.
    let large = planner(INLINE_BYTES + 1);
    assert_eq!(writes(&large).len(), sets.len() + 1);
    let templates = |stack: &str| format!("arn:aws:s3:::{ARTIFACTS}/templates/{stack}/*");
    assert_eq!(allowed(&large, "s3:PutObject"), [(vec![templates("fang-dev"), templates("fang-prod")], Value::Null)]);
    // Only the tables of items are read.
    for (resources, _) in allowed(&large, "dynamodb:Scan") {
        assert!(resources.iter().all(|arn| arn.contains("-companies-")), "{resources:?}");
    }
}

#[test]
fn an_operator_writes_items_and_their_records_and_no_more() {
    let statements = statements_of(&policies_of(PolicyHolder::Operator, &root(), None, INLINE_BYTES + 1));
    let all = statements.iter().flat_map(|statement| statement["Action"].as_array().expect("a list"));
    let writes: BTreeSet<&str> = all.filter_map(Value::as_str).filter(|action| !only_reads(action)).collect();
    let rows = ["BatchWriteItem", "DeleteItem", "PutItem", "UpdateItem"];
    let rows: BTreeSet<String> = rows.iter().map(|action| format!("dynamodb:{action}")).collect();
    let expected = rows.iter().map(String::as_str).chain(["s3:DeleteObject", "s3:PutObject"]);
    // These read, by names that do not say so.
    let reads = ["dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:Scan", "logs:FilterLogEvents"];
    let expected = expected.chain(reads);
    // Dead letters are taken from their queues, and moved back to those that they came from; a run is started by its producer.
    let dead = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"];
    let expected = expected.chain(dead).chain(["sqs:SendMessage", "lambda:InvokeFunction"]);
    assert_eq!(writes, expected.collect());
    let queues = |names: &[&str]| -> BTreeSet<String> {
        let arns = ["fang-dev", "fang-prod"].into_iter().flat_map(|stack| {
            names.iter().map(move |name| format!("arn:aws:sqs:us-east-1:123456789012:{stack}-{name}"))
        });
        arns.collect()
    };
    let on = |action: &str| -> BTreeSet<String> {
        allowed(&statements, action).into_iter().flat_map(|(resources, _)| resources).collect()
    };
    for action in dead {
        assert_eq!(on(action), queues(&["producer-dead", "schedule-dead", "worker-dead"]), "{action}");
    }
    assert_eq!(on("sqs:SendMessage"), queues(&["worker"]));
    // With and without a version.
    let producers = ["fang-dev", "fang-prod"].into_iter().flat_map(|stack| {
        ["", ":*"].map(|version| format!("arn:aws:lambda:us-east-1:123456789012:function:{stack}-producer{version}"))
    });
    assert_eq!(on("lambda:InvokeFunction"), producers.collect());
    for (resources, _) in rows.iter().flat_map(|action| allowed(&statements, action)) {
        assert!(resources.iter().all(|arn| arn.contains("-companies-")), "{resources:?}");
    }
    let records = ["locks", "stacks", "state"].iter().flat_map(|folder| {
        ["fang-dev", "fang-prod"].map(|stack| format!("arn:aws:s3:::{ARTIFACTS}/{folder}/{stack}.json"))
    });
    let records: BTreeSet<String> = records.collect();
    for action in ["s3:PutObject", "s3:DeleteObject"] {
        let resources = allowed(&statements, action).into_iter().flat_map(|(resources, _)| resources);
        assert_eq!(resources.collect::<BTreeSet<_>>(), records, "{action}");
    }
}

#[test]
fn an_operator_uses_the_key_of_encrypted_queues_through_sqs_only() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kms/dev/plan.json"));
    let statements =
        statements_of(&policies_of(PolicyHolder::Operator, &[manifest(&text.expect("text"))], None, INLINE_BYTES + 1));
    for action in ["kms:Decrypt", "kms:GenerateDataKey"] {
        let via: BTreeSet<String> = allowed(&statements, action)
            .into_iter()
            .flat_map(|(_, condition)| condition["StringEquals"]["kms:ViaService"].as_array().expect("a list").clone())
            .map(|service| service.as_str().expect("text").to_owned())
            .collect();
        let services: Vec<&str> = via.iter().filter_map(|one| one.split('.').next()).collect();
        assert_eq!(services, ["dynamodb", "s3", "sqs"], "{action}");
    }
    let sqs = statements.iter().filter(|statement| {
        statement["Condition"]["StringEquals"]["kms:ViaService"][0].as_str().is_some_and(|via| via.starts_with("sqs."))
    });
    let actions: Vec<&Value> = sqs.map(|statement| &statement["Action"]).collect();
    assert_eq!(actions, [&serde_json::json!(["kms:Decrypt", "kms:GenerateDataKey"])]);
}
