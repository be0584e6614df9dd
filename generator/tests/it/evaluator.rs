//! The policies of a deployer and a planner, judged by a real evaluator of IAM policies: what a run and
//! CloudFormation's handlers need is allowed, and what nobody should do is refused.

use crate::harness::{aws, iam_simulate};

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use aws::deployed::Deployed;
use aws::emulator::{ACCOUNT, Emulator, REGION};
use aws::permissions::handlers;
use aws::proxy::Proxy;
use aws::requests::all_needed;
use fanggen::deploy::aws::account::CallerIdentity;
use fanggen::deploy::generated::Generated;
use fanggen::resources::{self, ArnScope};
use iam_simulate::{Case, Question, judge, refused};
use serde_json::Value;

use crate::deployer::LEFT_OUT;

const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/boundary";
const SCOPE: ArnScope<'static> = ArnScope { partition: "aws", region: REGION, account: ACCOUNT };

pub fn documents(of: &Deployed, arguments: &[&str]) -> Vec<Value> {
    let printed = of.project.fanggen(&[&["iam"], arguments].concat());
    assert_eq!(printed.code, 0, "{printed:?}");
    printed.json().as_array().expect("a list").iter().map(|one| one["policy"].clone()).collect()
}

pub fn artifacts(key: &str) -> String {
    format!("arn:aws:s3:::fanggen-artifacts-{ACCOUNT}-{REGION}{key}")
}

/// The root's pipeline and the examples, and one with every sink and a key.
pub fn pipelines(prefix: &str) -> Vec<Deployed> {
    let keys = include_str!("../pipelines/sinks.toml")
        .replace("[sources.companies]", "[data]\nkms = true\n\n[sources.companies]");
    let examples = ["crm", "fang", "isolated", "languages", "press", "reviews", "tickets"];
    let examples = examples.map(|name| Deployed::example(name, &format!("{prefix}-{name}")));
    let others = [Deployed::root(prefix), Deployed::of(&keys, &format!("{prefix}-keys"))];
    examples.into_iter().chain(others).collect()
}

/// What CloudFormation's handlers for a template's resources may ask for.
fn handled(generated: &Generated) -> BTreeSet<Question> {
    let caller = CallerIdentity { account: ACCOUNT.into(), arn: format!("arn:aws:iam::{ACCOUNT}:root") };
    let manifest = &generated.manifest;
    let kinds: BTreeSet<&str> = manifest.resources.values().map(|resource| resource.kind.as_str()).collect();
    let declared = handlers(&Vec::from_iter(kinds));
    let arns = |kind: &str| -> Vec<String> {
        let all = manifest.named(kind, &caller);
        all.flat_map(|(_, name)| resources::find(kind).expect("a card").all_arns(&name, SCOPE).collect::<Vec<_>>())
            .collect()
    };
    let key = format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let mapping =
        format!("arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:1234abcd-12ab-34cd-56ef-1234567890ab");
    let mut questions = BTreeSet::new();
    for resource in manifest.resources.values() {
        let kind = resource.kind.as_str();
        let card = resources::find(kind).expect("a card");
        let name = manifest.name_by_card(card, resource, &caller).unwrap_or_default();
        let own: Vec<String> = card.all_arns(&name, SCOPE).collect();
        let function = resources::lambda::FUNCTION.arn(&name, SCOPE);
        let mine = |action: &str| match (kind, action.split(':').next().unwrap_or_default()) {
            (_, "iam") if kind != "AWS::IAM::Role" => arns("AWS::IAM::Role"),
            ("AWS::KMS::Alias", _) => [&own[..], std::slice::from_ref(&key)].concat(),
            (_, "kms") => vec![key.clone()],
            ("AWS::Lambda::EventSourceMapping", _) => vec![mapping.clone()],
            ("AWS::Lambda::Function", "s3") => vec![artifacts(&format!("/runtime/{}/arm64/1.zip", manifest.stack))],
            _ if own.is_empty() => {
                // A policy or subscription is about the resource that it belongs to.
                let service = kind.rsplit_once("::").map_or(kind, |(service, _)| service);
                ["Queue", "Topic", "Bucket"].iter().flat_map(|of| arns(&format!("{service}::{of}"))).take(1).collect()
            }
            _ => own.clone(),
        };
        let actions = declared[kind].iter().filter(|(handler, _)| *handler != "list").flat_map(|(_, actions)| actions);
        for action in actions.collect::<BTreeSet<_>>() {
            let out = LEFT_OUT.iter().any(|(of, start, _)| [kind, "*"].contains(of) && action.starts_with(start));
            let of_key = action.starts_with("kms:") || action.ends_with("sociateKmsKey");
            let keyless = of_key && !manifest.resources.values().any(|it| it.kind == "AWS::KMS::Key");
            if out || keyless {
                continue;
            }
            let service = match kind {
                "AWS::Scheduler::Schedule" => "scheduler.amazonaws.com",
                _ => "lambda.amazonaws.com",
            };
            let of_service = |arn: &String| {
                let named = |it: &&fanggen::deploy::generated::ManifestResource| {
                    manifest.physical(it, &caller).is_some_and(|name| arn.ends_with(&format!("role/{name}")))
                };
                manifest.resources.values().find(named).is_none_or(|role| role.service.as_deref() == Some(service))
            };
            let on: Vec<String> = match action.as_str() {
                "iam:PassRole" => mine(action).into_iter().filter(of_service).take(1).collect(),
                _ => mine(action),
            };
            let question =
                Question { resources: [&on[..], &["*".to_owned()]].concat(), ..Question::direct(action, "") };
            questions.insert(
                question
                    .with("iam:PassedToService", service)
                    .with("iam:PermissionsBoundary", BOUNDARY)
                    .with("lambda:FunctionArn", &function)
                    .via_cloudformation(),
            );
        }
    }
    questions
}

#[test]
fn what_cloudformation_does_for_every_resource_is_allowed_to_the_deployer() {
    let mut cases = Vec::new();
    let mut names = Vec::new();
    for deployed in pipelines("handled") {
        for environment in deployed.environments() {
            let text = |name: &str| deployed.project.read(&format!("generated/{environment}/{name}"));
            let generated = Generated::of(&text("plan.json"), text("template.yaml")).expect("a manifest");
            let policies = documents(&deployed, &["--deployer", "--env", &environment]);
            cases.push(Case { policies, questions: Vec::from_iter(handled(&generated)) });
            names.push(format!("{} {environment}", deployed.name));
        }
    }
    let judged: usize = cases.iter().map(|case| case.questions.len()).sum();
    let Some(all) = judge(ACCOUNT, &cases) else { return };
    let mut wrong = Vec::new();
    for (name, refused) in names.iter().zip(all) {
        // `prod` of the examples has a boundary of its own: these are refused, being asked with that of the tests.
        let foreign = |question: &Question| name.ends_with(" prod") && IN_BOUNDARY.contains(&&*question.action);
        let refused = refused.into_iter().filter(|(question, _)| !foreign(question));
        wrong.extend(refused.map(|(one, how)| format!("{name}: {how}: {} on {:?}", one.action, one.resources)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    eprintln!("{judged} requests of handlers were judged");
    assert!(judged > 1_000, "{judged}");
}

/// What may be done only to roles within the boundary.
const IN_BOUNDARY: [&str; 4] =
    ["iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"];

/// A proxy, and every permission that the calls through it needed.
pub fn recorded() -> (Proxy, Arc<Mutex<BTreeSet<Question>>>) {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = Arc::clone(&seen);
    let proxy = Proxy::with(
        Emulator::shared(),
        Arc::new(move |call| {
            noted.lock().unwrap_or_else(PoisonError::into_inner).extend(all_needed(call));
            None
        }),
    );
    (proxy, seen)
}

#[test]
fn every_call_of_a_run_is_allowed_to_the_deployer_and_every_call_of_a_plan_to_the_planner() {
    let deployed = Deployed::root("recorded");
    let deployer = documents(&deployed, &["--deployer", "--artifacts"]);
    let planner = documents(&deployed, &["--planner", "--env", "dev"]);
    let through = |arguments: &[&[&str]]| {
        let (proxy, seen) = recorded();
        for arguments in arguments {
            let ran = deployed.through(&proxy.endpoint(), arguments);
            assert!([0, 2].contains(&ran.code), "{arguments:?}: {ran:?}");
        }
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        Vec::from_iter(seen.iter().cloned())
    };
    let before = through(&[&["plan", "--env", "dev"]]);
    let all = through(&[
        &["apply", "--env", "dev", "--yes"],
        &["status"],
        &["outputs", "--env", "dev"],
        &["drift", "--env", "dev"],
        &["apply", "--env", "prod", "--yes"],
    ]);
    let after = through(&[&["plan", "--env", "dev"]]);
    let end = through(&[
        &["destroy", "--env", "prod", "--yes", "--delete-data"],
        &["destroy", "--env", "dev", "--yes", "--artifacts"],
    ]);
    let Some(wrong) = refused(ACCOUNT, &deployer, &[&all[..], &end[..], &before[..]].concat()) else { return };
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(all.len() + end.len() > 60, "{} and {}", all.len(), end.len());
    // Who plans leaves a stack without resources alone, and the bucket is there already.
    let left = ["cloudformation:DeleteStack"];
    let plans: Vec<Question> = before.into_iter().chain(after).filter(|one| !left.contains(&&*one.action)).collect();
    let wrong = refused(ACCOUNT, &planner, &plans).expect("judged before");
    assert!(wrong.is_empty(), "{wrong:#?}");
    // A planner gets none of what changes something.
    let changing = all.iter().filter(|one| {
        ["Execute", "Put", "Delete", "Update", "BatchWrite", "Invoke"]
            .iter()
            .any(|verb| one.action.contains(&format!(":{verb}")))
            && one.action != "cloudformation:DeleteChangeSet"
    });
    let changing: Vec<Question> = changing.cloned().collect();
    let all_refused = refused(ACCOUNT, &planner, &changing).expect("judged before");
    assert!(!changing.is_empty() && all_refused.len() == changing.len(), "{all_refused:#?} of {changing:#?}");
}

#[test]
fn a_boundary_is_set_changed_and_removed_with_the_old_and_the_new_policy_together() {
    let deployed = Deployed::root("bounded");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/bounded-dev-worker-{REGION}");
    let original = deployed.project.read("pipeline.toml");
    let other = format!("{BOUNDARY}-2");
    let unset =
        original.lines().filter(|line| !line.starts_with("permissions_boundary")).collect::<Vec<_>>().join("\n");
    // The policy of each boundary, and none.
    let [none, first, second] = [None, Some(BOUNDARY), Some(other.as_str())].map(|boundary| {
        let section = boundary.map(|arn| format!("[iam]\npermissions_boundary = \"{arn}\"")).unwrap_or_default();
        deployed.project.write("pipeline.toml", &unset.replacen("[iam]", &section, 1));
        (boundary, documents(&deployed, &["--deployer", "--env", "dev"]))
    });
    for (before, after) in [(&none, &first), (&first, &second), (&second, &none)] {
        let both = [&before.1[..], &after.1[..]].concat();
        // CloudFormation does not say in which order it changes a role.
        let mut questions = Vec::new();
        for action in IN_BOUNDARY {
            for boundary in [before.0, after.0] {
                let question = Question::direct(action, &role).via_cloudformation();
                questions.push(match boundary {
                    Some(boundary) => question.with("iam:PermissionsBoundary", boundary),
                    None if action == "iam:PutRolePermissionsBoundary" => continue,
                    None => question,
                });
            }
        }
        if after.0.is_none() {
            questions.push(Question::direct("iam:DeleteRolePermissionsBoundary", &role).via_cloudformation());
        }
        let Some(wrong) = refused(ACCOUNT, &both, &questions) else { return };
        assert!(wrong.is_empty(), "{:?} to {:?}: {wrong:#?}", before.0, after.0);
    }
    // One of them alone is not enough.
    let old =
        [Question::direct("iam:PutRolePolicy", &role).via_cloudformation().with("iam:PermissionsBoundary", BOUNDARY)];
    assert_eq!(refused(ACCOUNT, &second.1, &old).map(|wrong| wrong.len()), Some(1));
}

#[test]
fn what_nobody_should_do_is_refused() {
    let deployed = Deployed::root("narrow");
    let dev = documents(&deployed, &["--deployer", "--env", "dev"]);
    let planner = documents(&deployed, &["--planner", "--env", "dev"]);
    let role = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/{name}-{REGION}");
    let own = |service: &str, name: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}");
    let direct = Question::direct;
    let via = |action: &str, resource: &str| direct(action, resource).via_cloudformation();
    let of_others = [
        // Another environment's lock, memory, use of the bucket, code and templates.
        direct("s3:PutObject", &artifacts("/locks/narrow-prod.json")),
        direct("s3:DeleteObject", &artifacts("/locks/narrow-prod.json")),
        direct("s3:PutObject", &artifacts("/state/narrow-prod.json")),
        direct("s3:DeleteObject", &artifacts("/stacks/narrow-prod.json")),
        direct("s3:PutObject", &artifacts("/runtime/narrow-prod/arm64/1.zip")),
        direct("s3:PutObject", &artifacts("/templates/narrow-prod/1.yaml")),
        direct("s3:GetObject", &artifacts("/state/narrow-prod.json")),
        via("s3:PutObject", &artifacts("/runtime/narrow-prod/arm64/1.zip")),
        // A stack whose name begins with this one's.
        direct("s3:PutObject", &artifacts("/runtime/narrow-dev2/arm64/1.zip")),
        direct("cloudformation:CreateChangeSet", &own("cloudformation", "stack/narrow-dev2/1")),
        direct("cloudformation:ExecuteChangeSet", &own("cloudformation", "stack/narrow-prod/1")),
        // The bucket that everybody shares.
        direct("s3:PutBucketPolicy", &artifacts("")),
        direct("s3:DeleteBucket", &artifacts("")),
        direct("s3:DeleteObjectVersion", &artifacts("/locks/narrow-prod.json")),
        // Roles without CloudFormation, without the boundary, of others, and to another service.
        direct("iam:CreateRole", &role("narrow-dev-worker")).with("iam:PermissionsBoundary", BOUNDARY),
        direct("iam:PutRolePolicy", &role("narrow-dev-worker")).with("iam:PermissionsBoundary", BOUNDARY),
        direct("iam:DeleteRole", &role("narrow-dev-worker")),
        direct("iam:UpdateAssumeRolePolicy", &role("narrow-dev-worker")),
        direct("iam:PassRole", &role("narrow-dev-worker")).with("iam:PassedToService", "lambda.amazonaws.com"),
        via("iam:PassRole", &role("narrow-dev-worker")).with("iam:PassedToService", "ec2.amazonaws.com"),
        via("iam:PassRole", &role("narrow-dev-schedule")).with("iam:PassedToService", "lambda.amazonaws.com"),
        via("iam:PassRole", &role("narrow-prod-worker")).with("iam:PassedToService", "lambda.amazonaws.com"),
        via("iam:CreateRole", &role("narrow-dev-worker")),
        via("iam:CreateRole", &role("admin")).with("iam:PermissionsBoundary", BOUNDARY),
        via("iam:DeleteRolePermissionsBoundary", &role("narrow-dev-worker")),
        via("iam:AttachRolePolicy", &role("narrow-dev-worker")).with("iam:PermissionsBoundary", BOUNDARY),
        // Functions, tables and queues: without CloudFormation, or of others.
        direct("lambda:UpdateFunctionCode", &own("lambda", "function:narrow-dev-worker")),
        direct("lambda:CreateFunction", &own("lambda", "function:narrow-dev-worker")),
        via("lambda:UpdateFunctionCode", &own("lambda", "function:narrow-prod-worker")),
        direct("lambda:InvokeFunction", &own("lambda", "function:narrow-prod-producer")),
        via("lambda:CreateEventSourceMapping", "*")
            .with("lambda:FunctionArn", &own("lambda", "function:narrow-prod-worker")),
        direct("dynamodb:DeleteTable", &own("dynamodb", "table/narrow-prod-state-1")),
        direct("dynamodb:CreateTable", &own("dynamodb", "table/narrow-dev-state-1")),
        direct("dynamodb:Scan", &own("dynamodb", "table/somebody-elses")),
        direct("sqs:DeleteQueue", &own("sqs", "narrow-dev-worker")),
        via("sqs:DeleteQueue", &own("sqs", "narrow-prod-worker")),
        direct("sqs:SendMessage", &own("sqs", "narrow-dev-worker")),
        direct("scheduler:UpdateSchedule", &own("scheduler", "schedule/default/narrow-prod-schedule")),
        direct("sts:AssumeRole", &role("narrow-dev-worker")),
    ];
    let Some(wrong) = refused(ACCOUNT, &dev, &of_others) else { return };
    let missing: Vec<_> = of_others
        .iter()
        .filter(|one| !wrong.iter().any(|(refused, how)| refused == *one && how == "ImplicitlyDenied"))
        .collect();
    assert!(missing.is_empty(), "allowed, or no request at all: {missing:#?}\n{wrong:#?}");

    let stack = own("cloudformation", "stack/narrow-dev/1");
    let state = deployed.plan("dev")["resources"]["StateTable"]["name"].as_str().expect("a name").to_owned();
    let writes = [
        direct("cloudformation:ExecuteChangeSet", &stack),
        direct("cloudformation:DeleteStack", &stack),
        direct("cloudformation:UpdateTerminationProtection", &stack),
        direct("s3:PutObject", &artifacts("/locks/narrow-dev.json")),
        direct("s3:PutObject", &artifacts("/templates/narrow-dev/1.yaml")),
        direct("s3:PutObject", &artifacts("/runtime/narrow-dev/arm64/1.zip")),
        direct("dynamodb:Scan", &own("dynamodb", &format!("table/{state}"))),
        direct("lambda:InvokeFunction", &own("lambda", "function:narrow-dev-producer")),
        direct("sqs:ReceiveMessage", &own("sqs", "narrow-dev-worker")),
        via("iam:CreateRole", &role("narrow-dev-worker")).with("iam:PermissionsBoundary", BOUNDARY),
        via("iam:PassRole", &role("narrow-dev-worker")).with("iam:PassedToService", "lambda.amazonaws.com"),
        via("lambda:UpdateFunctionCode", &own("lambda", "function:narrow-dev-worker")),
        via("sqs:CreateQueue", &own("sqs", "narrow-dev-worker")),
    ];
    let wrong = refused(ACCOUNT, &planner, &writes).expect("judged before");
    assert_eq!(wrong.len(), writes.len(), "{wrong:#?}");
    // An operator locks the environment while it writes items, starts runs, and does none of the others.
    let operator = documents(&deployed, &["--operator", "--env", "dev"]);
    let wrong = refused(ACCOUNT, &operator, &writes).expect("judged before");
    let may = [
        direct("s3:PutObject", &artifacts("/locks/narrow-dev.json")),
        direct("lambda:InvokeFunction", &own("lambda", "function:narrow-dev-producer")),
    ];
    let left = wrong.iter().all(|(question, _)| !may.contains(question));
    assert!(wrong.len() == writes.len() - may.len() && left, "{wrong:#?}");
}
