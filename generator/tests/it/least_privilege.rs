//! What a planner and the deployer of one environment cannot do, tried on the emulator with exactly their policies.

use crate::harness::aws;

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws::deployed::Deployed;
use aws::emulator::block_on;
use aws::inventory::inventory;
use aws::person::Person;
use aws::target_account::target_account;
use serde_json::{Value, json};

/// The tests share the artifact bucket of an account, which one of them deletes.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

#[track_caller]
fn denied<T: std::fmt::Debug, E: std::fmt::Debug>(answer: Result<T, E>) {
    let text = format!("{answer:?}");
    assert!(answer.is_err() && text.contains("AccessDenied"), "{text}");
}

#[test]
fn a_planner_plans_with_exactly_its_policy_and_applies_nothing() {
    let _alone = alone();
    let deployed = Deployed::root("planned");
    deployed.good(&["apply", "--env", "dev", "--only", "bucket"]);
    let planner = Person::new(&deployed, "planner", &["--planner", "--env", "dev"]);
    let all = || block_on(inventory(&target_account().sdk));
    let empty = all();

    // Before the first deployment.
    let planned = planner.run(&["plan", "--env", "dev"]);
    assert_eq!(planned.code, 2, "{planned:?}");
    assert!(planned.stderr.contains("note: the stack `planned-dev`, which has no resources yet, stays"), "{planned:?}");
    let refused = planner.run(&["apply", "--env", "dev", "--yes"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("error: missing permission: "), "{refused:?}");
    assert!(refused.stderr.contains("`fanggen iam --deployer` prints a policy that includes it"), "{refused:?}");

    // The same stack is deployed, changed, and planned again.
    deployed.good(&["apply", "--env", "dev", "--yes"]);
    let deployed_things = all();
    assert!(deployed_things.len() > empty.len() + 10, "{deployed_things:#?}");
    let planned = planner.run(&["plan", "--env", "dev"]);
    assert_eq!(planned.code, 0, "{planned:?}");
    deployed.edit("[functions]\n", "[functions]\nmemory_mb = 512\n").render();
    let planned = planner.run(&["plan", "--env", "dev", "--json"]);
    assert_eq!((planned.code, planned.json()["changed"].as_bool()), (2, Some(true)), "{planned:?}");
    for forbidden in [&["apply", "--env", "dev", "--yes"][..], &["destroy", "--env", "dev", "--yes"]] {
        let refused = planner.run(forbidden);
        assert!(refused.code == 1 && refused.stderr.contains("missing permission: "), "{forbidden:?}: {refused:?}");
    }
    assert_eq!(all(), deployed_things, "nothing has changed");

    // And without fanggen.
    let sdk = planner.sdk();
    let table = deployed.plan("dev")["resources"]["StateTable"]["name"].as_str().expect("a name").to_owned();
    denied(block_on(aws_sdk_dynamodb::Client::new(&sdk).scan().table_name(&table).send()));
    denied(block_on(aws_sdk_dynamodb::Client::new(&sdk).delete_table().table_name(&table).send()));
    let cloudformation = aws_sdk_cloudformation::Client::new(&sdk);
    denied(block_on(cloudformation.delete_stack().stack_name("planned-dev").send()));
    deployed.good(&["destroy", "--env", "dev", "--yes"]);
}

#[test]
fn the_deployer_of_dev_cannot_touch_prod_nor_make_roles_itself() {
    let _alone = alone();
    let deployed = Deployed::root("apart");
    deployed.good(&["apply", "--env", "prod", "--yes"]);
    let dev = Person::new(&deployed, "dev-only", &["--deployer", "--env", "dev"]);
    let applied = dev.run(&["apply", "--env", "dev", "--yes"]);
    assert_eq!(applied.code, 0, "the bucket is there already: {applied:?}");

    let sdk = dev.sdk();
    let s3 = aws_sdk_s3::Client::new(&sdk);
    let bucket = format!("fanggen-artifacts-{}-{}", target_account().account, target_account().region);
    let put = |key: &str| {
        let sent = block_on(s3.put_object().bucket(&bucket).key(key).body(b"{}".to_vec().into()).send());
        sent.map_err(|error| format!("{error:?}"))
    };
    let delete = |key: &str| {
        let sent = block_on(s3.delete_object().bucket(&bucket).key(key).send());
        sent.map_err(|error| format!("{error:?}"))
    };
    for key in ["locks/apart-prod.json", "state/apart-prod.json", "stacks/apart-prod.json"] {
        denied(put(key));
        denied(delete(key));
    }
    for key in ["runtime/apart-prod/x86_64/1.zip", "templates/apart-prod/1.yaml", "runtime/x86_64/1.zip"] {
        denied(put(key));
    }
    denied(block_on(s3.put_bucket_policy().bucket(&bucket).policy("{}").send()));
    denied(block_on(s3.delete_bucket().bucket(&bucket).send()));
    put("state/apart-dev.json").expect("its own");
    delete("state/apart-dev.json").expect("its own");

    // What CloudFormation does for it, it cannot do without CloudFormation: not even in its own environment.
    let iam = aws_sdk_iam::Client::new(&sdk);
    let role = format!("apart-dev-worker-{}", target_account().region);
    let anything =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    denied(block_on(iam.create_role().role_name(&role).assume_role_policy_document("{}").send()));
    let policy = iam.put_role_policy().role_name(&role).policy_name("more").policy_document(anything.to_string());
    denied(block_on(policy.send()));
    denied(block_on(iam.delete_role().role_name(&role).send()));
    let lambda = aws_sdk_lambda::Client::new(&sdk);
    let code = lambda.update_function_code().function_name("apart-dev-worker").s3_bucket(&bucket).s3_key("k");
    denied(block_on(code.send()));
    block_on(iam.get_role().role_name(&role).send()).expect("looked at");

    // Emptying the bucket that everybody shares is a permission of its own.
    let kept = dev.run(&["destroy", "--env", "prod", "--yes", "--delete-data"]);
    assert_eq!(kept.code, 1, "{kept:?}");
    deployed.good(&["destroy", "--env", "prod", "--yes", "--delete-data"]);
    let refused = dev.run(&["destroy", "--env", "dev", "--yes", "--artifacts"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.stderr.contains("`fanggen iam --deployer --artifacts` prints a policy that includes it"),
        "{refused:?}"
    );
    deployed.good(&["destroy", "--env", "dev", "--yes", "--artifacts"]);
}

#[test]
fn a_deployer_without_a_boundary_is_told_what_it_can_become() {
    let project = crate::harness::project::Project::root();
    let printed = project.fanggen(&["iam", "--deployer", "--account", "123456789012"]);
    assert_eq!(printed.code, 0, "{printed:?}");
    assert!(
        printed.stderr.contains(
            "note: whoever has this policy can give themselves more permissions: it may create the roles of `dev` and write \
             their policies, and no `[iam] permissions_boundary` limits those roles\n"
        ),
        "{printed:?}"
    );
    // The examples have one for prod.
    for example in ["tickets", "crm"].map(crate::harness::project::Project::example).iter().chain([&project]) {
        let printed = example.fanggen(&["iam", "--deployer", "--env", "prod", "--account", "123456789012"]);
        assert!(printed.code == 0 && !printed.stderr.contains("note:"), "{printed:?}");
    }
    let planner = project.fanggen(&["iam", "--planner", "--account", "123456789012"]);
    assert!(!planner.stderr.contains("note:"), "{planner:?}");
}

#[test]
fn the_roles_of_the_functions_are_printed_as_rendered_and_explained_by_line() {
    let project = crate::harness::project::Project::root();
    let printed = project.fanggen(&["iam", "--runtime", "--env", "dev", "--account", "123456789012"]);
    assert_eq!((printed.code, printed.stderr.as_str()), (0, ""));
    let roles = printed.json();
    let roles = roles.as_array().expect("a list");
    let names: Vec<&str> = roles.iter().filter_map(|role| role["name"].as_str()).collect();
    assert_eq!(names, ["fang-dev-producer-us-east-1", "fang-dev-worker-us-east-1", "fang-dev-schedule-us-east-1"]);

    // They are those of the template, whose places are filled in.
    let template = crate::harness::yaml::read(&project.read("generated/dev/template.yaml")).expect("YAML");
    let filled = |value: &Value| value.to_string().replace("${AWS::AccountId}", "123456789012");
    let filled =
        |value: &Value| filled(value).replace("${AWS::Region}", "us-east-1").replace("${AWS::Partition}", "aws");
    for (id, role) in ["ProducerRole", "WorkerRole", "ScheduleRole"].into_iter().zip(roles) {
        let rendered = &template["Resources"][id]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"];
        let rendered = rendered.as_array().expect("statements");
        let printed = role["policy"]["Statement"].as_array().expect("statements");
        assert_eq!(printed.len(), rendered.len());
        for (printed, rendered) in printed.iter().zip(rendered) {
            assert_eq!((&printed["Sid"], &printed["Action"]), (&rendered["Sid"], &rendered["Action"]));
            for arn in printed["Resource"].as_array().expect("a list") {
                assert!(filled(rendered).contains(&arn.to_string()), "{arn} of {rendered}");
            }
        }
    }

    // Each action has the line that asked for it.
    let explained = project.fanggen(&["iam", "--runtime", "--explain", "--env", "dev"]);
    assert_eq!(explained.code, 0, "{explained:?}");
    let toml = project.read("pipeline.toml");
    let line = |text: &str| toml.lines().position(|line| line == text).expect("a line") + 1;
    for (action, line, why) in [
        (
            "dynamodb:Scan",
            line("[sources.companies]"),
            "the producer reads the items page by page (`sources.companies`)",
        ),
        ("s3:PutObject", line("[sinks.archive]"), "the worker writes one object per chunk (`sinks.archive`)"),
    ] {
        let row = explained.stdout.lines().find(|row| row.trim_start().starts_with(action)).expect("a row");
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!((words[1], words[2..].join(" ").as_str()), (line.to_string().as_str(), why), "{row}");
    }
    let json = project.fanggen(&["iam", "--runtime", "--explain", "--env", "dev", "--json"]).json();
    assert_eq!(json[0]["permissions"][5]["action"], "dynamodb:Scan");
    assert_eq!(json[0]["permissions"][5]["line"], line("[sources.companies]"));

    let without = project.fanggen(&["iam", "--runtime"]);
    assert!(without.code == 1 && without.stderr.contains("names no account\n  set `[aws] account`"), "{without:?}");
}
