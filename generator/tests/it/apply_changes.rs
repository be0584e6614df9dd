//! The options of `apply`: saved change sets, data loss, parts of an apply, the first run, and the output of `plan`.

use crate::harness::{aws, project};

use std::time::{Duration, Instant};

use aws::deployed::{Deployed, Program};
use aws::emulator::{Emulator, block_on};
use aws::proxy::Proxy;
use aws::services::{look, rows, there};
use aws::stacks::{artifacts, change_sets, keys, status};
use aws::target_account::target_account;
use aws::template::{asked, names, wanted};
use aws_sdk_cloudformation::types::{Capability, Parameter, Tag};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::Blob;
use fanggen_runtime::testing::process::ProcessOutput;
use project::Project;
use serde_json::{Value, json};

/// The root's pipeline under another name, deployed without a first run.
fn applied(name: &str) -> Deployed {
    let deployed = Deployed::root(name);
    deployed.good(&["apply", "--yes", "--no-run"]);
    deployed
}

/// It failed with exactly this message.
#[track_caller]
fn stopped(ran: &ProcessOutput, said: &str) {
    let said = format!("{}error: {said}\n", target_account().note());
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (1, "", said.as_str()));
}

#[test]
fn a_saved_change_set_is_executed_exactly_or_not_at_all() {
    let deployed = applied("saved");
    let plan = |times: &str| {
        deployed.edit(times, &times.replace("rate(", "rate(1")).render();
        let planned = deployed.fanggen(&["plan", "--save", "--json"]);
        assert_eq!(planned.code, 2, "{planned:?}");
        planned.json()["change_set"].as_str().expect("a name").to_owned()
    };
    let first = plan("rate(1 day)");
    assert_eq!(change_sets("saved-dev"), std::slice::from_ref(&first));
    let before = look(&asked(&deployed, "dev"));
    assert_eq!(before["Schedule"].as_ref().expect("one")["ScheduleExpression"], "rate(1 day)", "only looked at");

    // The file has gone on since: what was saved is of another one.
    deployed.edit("rate(11 day)", "rate(7 days)").render();
    stopped(
        &deployed.fanggen(&["apply", "--yes", "--change-set", &first]),
        &format!(
            "the change set `{first}` was not applied: it was created from another `pipeline.toml` than the rendered one\n  create a new one with `fanggen plan --env dev --save`"
        ),
    );
    deployed.edit("rate(7 days)", "rate(11 day)").render();
    let done = deployed.good(&["apply", "--yes", "--no-run", "--change-set", &first, "--json"]).json();
    assert_eq!(done["stack"]["outcome"], "updated");
    let asked = asked(&deployed, "dev");
    assert_eq!(look(&asked), wanted(&asked));

    // Somebody changes the stack in between, by a way of their own.
    let second = plan("rate(11 day)");
    let client = aws_sdk_cloudformation::Client::new(&target_account().sdk);
    let kept = |name: &str| Parameter::builder().parameter_key(name).use_previous_value(true).build();
    let update = client.update_stack().stack_name("saved-dev").use_previous_template(true);
    let update = update.parameters(kept("ArtifactBucket")).parameters(kept("ArtifactKey")).parameters(kept("Ready"));
    let tag = |name: &str, value: &str| Tag::builder().key(name).value(value).build();
    let update = update.tags(tag("fanggen:pipeline", "saved")).tags(tag("fanggen:environment", "dev"));
    let update = update.tags(tag("theirs", "1")).capabilities(Capability::CapabilityNamedIam).send();
    block_on(update).expect("begun");
    while status("saved-dev").as_deref() != Some("UPDATE_COMPLETE") {
        std::thread::sleep(Duration::from_millis(100));
    }
    let before = look(&asked);
    stopped(
        &deployed.fanggen(&["apply", "--yes", "--change-set", &second]),
        &format!(
            "the change set `{second}` was not applied: the stack has changed since it was created\n  create a new one with `fanggen plan --env dev --save`"
        ),
    );
    assert_eq!(look(&asked), before);

    // Another apply: CloudFormation then removes all other change sets.
    deployed.good(&["apply", "--yes", "--no-run"]);
    for gone in [second.as_str(), "fanggen-saved-none"] {
        stopped(
            &deployed.fanggen(&["apply", "--yes", "--change-set", gone]),
            &format!(
                "there is no change set `{gone}` of stack `saved-dev`: it never existed, or a later change of the stack deleted it\n  create one with `fanggen plan --env dev --save`"
            ),
        );
    }
    deployed.good(&["destroy", "--yes"]);
}

#[test]
fn a_saved_creation_is_executed_and_a_started_one_is_followed() {
    let deployed = Deployed::root("begun");
    let planned = deployed.fanggen(&["plan", "--save", "--json"]);
    let set = planned.json()["change_set"].as_str().expect("a name").to_owned();
    assert_eq!(status("begun-dev").as_deref(), Some("REVIEW_IN_PROGRESS"));
    let begun = deployed.good(&["apply", "--yes", "--no-run", "--no-wait", "--change-set", &set, "--json"]).json();
    assert_eq!((&begun["stack"]["outcome"], &begun["items"]), (&json!("started"), &Value::Null));
    let followed = deployed.good(&["apply", "--yes", "--no-run", "--json"]).json();
    assert_eq!(followed["stack"]["outcome"], "unchanged");
    let asked = asked(&deployed, "dev");
    assert_eq!(look(&asked), wanted(&asked));
    assert_eq!(rows(&names(&deployed.plan("dev"))["CompaniesTable"]).len(), 5);
    deployed.good(&["destroy", "--yes"]);
}

#[test]
fn the_first_apply_starts_one_run_and_no_other_does() {
    let deployed = Deployed::new(Project::root(), "started", Program::Real);
    // Through a proxy that counts, where there is one: a run is one call, and there is no other.
    let proxy = target_account().emulator.map(Proxy::before);
    let apply = |runs: usize| {
        let endpoint = proxy.as_ref().map_or_else(String::new, Proxy::endpoint);
        let ran = deployed.through(&endpoint, &["apply", "--yes"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        if let Some(proxy) = &proxy {
            assert_eq!(proxy.counts().get("lambda:Invoke").copied().unwrap_or_default(), runs, "{ran:?}");
        }
        ran
    };
    let ran = apply(1);
    let started = "started the first run, 20";
    let line = ran.stderr.lines().find(|line| line.starts_with(started)).unwrap_or_else(|| panic!("{}", ran.stderr));
    assert!(
        line.ends_with(
            ", with function `started-dev-producer`: follow it in the log group `/aws/lambda/started-dev-producer`"
        ),
        "{line}"
    );
    let words = ran.stderr.to_lowercase();
    assert!(!words.contains("succe") && !words.contains("finished"), "{words}");
    assert!(!apply(1).stderr.contains("started the first run"), "a second apply starts none");
    deployed.edit("sentences = 3", "sentences = 5").render();
    assert!(apply(1).stderr.contains("updated: stack `started-dev`"));

    // The function was really there, and really ran.
    let client = aws_sdk_cloudwatchlogs::Client::new(&target_account().sdk);
    let (begin, limit) = (Instant::now(), Duration::from_secs(60));
    let ran = || {
        let all = block_on(client.filter_log_events().log_group_name("/aws/lambda/started-dev-producer").send());
        let all = all.expect("a log").events.unwrap_or_default();
        all.iter()
            .any(|event| event.message().is_some_and(|line| line.starts_with("REPORT") || line.contains("REPORT")))
    };
    while !ran() {
        assert!(begin.elapsed() < limit, "the function never ran");
        std::thread::sleep(Duration::from_millis(200));
    }
    // What it answers goes nowhere when it is invoked as the schedule does, so it is asked once more, by root.
    let event = r#"{"scheduled_time":"2026-11-22T09:00:00Z"}"#;
    let client = aws_sdk_lambda::Client::new(&target_account().sdk);
    let answer = block_on(client.invoke().function_name("started-dev-producer").payload(Blob::new(event)).send());
    let answer = answer.expect("an answer").payload.expect("a payload").into_inner();
    let answer = String::from_utf8(answer).expect("UTF-8");
    // The emulator wants a permission for the batch that AWS has not: see the harness of live pipelines.
    let own = answer.contains("sqs:SendMessageBatch") && target_account().emulator.is_some();
    assert!(own || !answer.contains("errorType"), "{answer}");
    deployed.good(&["destroy", "--yes"]);
}

/// Whether the schedule of `dev` is enabled.
fn enabled(deployed: &Deployed) -> bool {
    look(&asked(deployed, "dev"))["Schedule"].as_ref().expect("a schedule")["State"] == "ENABLED"
}

#[test]
fn the_schedule_is_enabled_once_the_items_are_written_and_disabled_before_anything_is_deleted() {
    let deployed = Deployed::root("ready");
    let proxy = Proxy::before(Emulator::shared());
    let through = |arguments: &[&str]| {
        proxy.clear();
        let ran = deployed.through(&proxy.endpoint(), arguments);
        let calls = proxy.operations();
        let places = |name: &str| -> Vec<usize> { (0..calls.len()).filter(|place| calls[*place] == name).collect() };
        (ran, places("cloudformation:ExecuteChangeSet"), places("dynamodb:BatchWriteItem"), places("lambda:Invoke"))
    };
    let (ran, executed, _, _) = through(&["apply", "--yes", "--no-items"]);
    assert!(executed.len() == 1 && !enabled(&deployed), "{ran:?}");
    let words = "the schedule is not enabled yet: `fanggen apply --env dev` writes the items and enables it\n";
    assert!(ran.stderr.ends_with(words), "{ran:?}");
    let planned = deployed.fanggen(&["plan"]);
    assert!(
        planned.code == 2 && planned.stdout.ends_with("\nenable the schedule, once the items are written\n"),
        "{planned:?}"
    );

    let (ran, executed, written, started) = through(&["apply", "--yes"]);
    assert!(
        executed.len() == 1 && written[0] < executed[0] && executed[0] < started[0] && started.len() == 1,
        "{ran:?}"
    );
    assert!(enabled(&deployed) && ran.stderr.contains("\nenabled the schedule\nstarted the first run, "), "{ran:?}");

    // An update neither disables it nor enables it again.
    deployed.edit("sentences = 3", "sentences = 5").render();
    let (ran, executed, _, started) = through(&["apply", "--yes"]);
    assert!(executed.len() == 1 && started.is_empty() && enabled(&deployed), "{ran:?}");
    assert_eq!(deployed.fanggen(&["plan"]).code, 0);

    proxy.clear();
    let ran = deployed.through(&proxy.endpoint(), &["destroy", "--yes"]);
    let calls = proxy.operations();
    let place = |name: &str| calls.iter().position(|call| call == name).unwrap_or_else(|| panic!("{name}: {ran:?}"));
    assert!(place("cloudformation:ExecuteChangeSet") < place("cloudformation:DeleteStack"), "{calls:?}");
}

#[test]
fn no_first_run_is_started_that_the_file_or_the_user_does_not_want() {
    for (name, from, to, arguments, words) in [
        ("no-run", "", "", &["--no-run"][..], "enabled the schedule\n"),
        ("paused", "[schedule]\n", "[schedule]\nenabled = false\n", &[], "nothing runs by itself\n"),
        (
            "soon",
            "rate(1 day)",
            "rate(5 minutes)",
            &[],
            "enabled the schedule, which starts the first run within minutes\n",
        ),
    ] {
        let deployed = Deployed::root(name);
        deployed.edit(from, to).render();
        let proxy = Proxy::before(Emulator::shared());
        let ran = deployed.through(&proxy.endpoint(), &[&["apply", "--yes"], arguments].concat());
        assert!(ran.code == 0 && ran.stderr.ends_with(words), "{ran:?}");
        // Nor does a later apply.
        let again = deployed.through(&proxy.endpoint(), &["apply", "--yes"]);
        assert!(again.code == 0 && again.stderr.contains("nothing to do"), "{again:?}");
        assert_eq!(proxy.counts().get("lambda:Invoke"), None);
        assert_eq!(enabled(&deployed), name != "paused");
        deployed.good(&["destroy", "--yes"]);
    }
}

#[test]
fn item_changes_by_others_are_kept() {
    let deployed = applied("items");
    let table = names(&deployed.plan("dev"))["CompaniesTable"].clone();
    let client = aws_sdk_dynamodb::Client::new(&target_account().sdk);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = |name: &str, title: &str| {
        block_on(client.put_item().table_name(&table).item("name", text(name)).item("title", text(title)).send())
            .expect("put");
    };
    put("Apple", "Apple Corps");
    put("Lego", "The Lego Group");
    block_on(client.delete_item().table_name(&table).key("name", text("Netflix")).send()).expect("deleted");
    let titles = || -> Vec<(String, Option<String>)> {
        rows(&table).into_iter().map(|mut row| (row.remove("name").expect("a key"), row.remove("title"))).collect()
    };
    let row = |name: &str, title: Option<&str>| (name.to_owned(), title.map(str::to_owned));

    // One is new in the file, one has left it.
    deployed.edit("    \"Google\",\n", "    \"Siemens\",\n");
    let planned = deployed.fanggen(&["plan", "--json"]);
    assert_eq!((planned.code, &planned.json()["changes"]), (2, &Value::Null));
    let only = deployed.good(&["apply", "--only", "items", "--yes", "--json"]).json();
    assert_eq!(only["items"]["run"], Value::Null);
    let mut expected = vec![
        row("Amazon", Some("Amazon (company)")),
        row("Apple", Some("Apple Corps")),
        row("Facebook", None),
        row("Google", None),
        row("Lego", Some("The Lego Group")),
        row("Siemens", None),
    ];
    let mut found = titles();
    found.sort();
    assert_eq!(found, expected);
    deployed.good(&["apply", "--yes", "--no-run", "--prune"]);
    expected.retain(|(name, _)| name != "Google");
    found = titles();
    found.sort();
    assert_eq!(found, expected);
    deployed.good(&["destroy", "--yes"]);
}

#[test]
fn data_is_deleted_only_if_its_resource_is_named() {
    let deployed = applied("guarded");
    let (before, old) = (asked(&deployed, "dev"), names(&deployed.plan("dev"))["CompaniesTable"].clone());
    deployed.edit("key = \"name\"", "key = \"company\"").edit("{ name = \"Apple\"", "{ company = \"Apple\"");
    deployed.edit("{ name = \"Amazon\"", "{ company = \"Amazon\"").render();
    deployed.renew();
    let refused = deployed.fanggen(&["apply", "--yes", "--no-run"]);
    let said = format!(
        "error: this would replace or delete data:\n  CompaniesTable: table companies `{old}` would be replaced by an \
         empty one, and its rows lost\n  the stack is unchanged; to lose this data, add `--replace CompaniesTable`\n"
    );
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.ends_with(&said), "{}", refused.stderr);
    assert_eq!((rows(&old).len(), there(&before).len(), change_sets("guarded-dev")), (5, before.len(), vec![]));
    deployed.good(&["apply", "--yes", "--no-run", "--replace", "CompaniesTable"]);
    let after = asked(&deployed, "dev");
    assert_eq!(look(&after), wanted(&after));
    let new = names(&deployed.plan("dev"))["CompaniesTable"].clone();
    assert_ne!(new, old);
    assert_eq!(rows(&new).len(), 5);
    assert!(!there(&before).contains(&"CompaniesTable".to_owned()));
    deployed.good(&["destroy", "--yes"]);
}

#[test]
fn a_template_too_long_for_a_call_is_uploaded_to_the_bucket() {
    let deployed = Deployed::root("long");
    let mut toml = deployed.project.read("pipeline.toml");
    for number in 0..9 {
        toml.push_str(&format!("\n[[stages]]\nname = \"more{number}\"\ntype = \"lexicon\"\nisolate = true\n"));
    }
    deployed.project.write("pipeline.toml", &toml);
    deployed.render();
    deployed.renew();
    let template = deployed.project.read("generated/dev/template.yaml");
    assert!(template.len() > 51_200, "{}", template.len());
    let others = keys("templates/");
    deployed.good(&["apply", "--yes", "--no-run"]);
    let new: Vec<String> = keys("templates/").into_iter().filter(|key| !others.contains(key)).collect();
    let [key] = new.as_slice() else { panic!("{new:?}") };
    let object = aws_sdk_s3::Client::new(&target_account().sdk).get_object().bucket(artifacts()).key(key).send();
    let body = block_on(async { object.await.expect("an object").body.collect().await.expect("a body").to_vec() });
    assert_eq!(String::from_utf8(body).expect("UTF-8"), template);
    let asked = asked(&deployed, "dev");
    assert_eq!(look(&asked), wanted(&asked));
    deployed.good(&["destroy", "--yes"]);
    assert!(there(&asked).is_empty());
}

#[test]
fn stale_files_are_not_applied() {
    let deployed = Deployed::root("stale");
    deployed.edit("rate(1 day)", "rate(3 days)");
    let refused = deployed.fanggen(&["apply", "--yes", "--no-run"]);
    assert_eq!((refused.code, status("stale-dev")), (1, None));
    assert!(refused.stderr.contains("generated/dev") && refused.stderr.contains("fanggen render"), "{refused:?}");
    deployed.good(&["apply", "--yes", "--no-run", "--render"]);
    assert!(deployed.project.read("generated/dev/template.yaml").contains("rate(3 days)"));
    let asked = asked(&deployed, "dev");
    assert_eq!(look(&asked), wanted(&asked));
    deployed.good(&["destroy", "--yes"]);
}

#[test]
fn every_command_prints_json_to_stdout_and_messages_to_stderr() {
    let deployed = Deployed::root("talk");
    let json = |arguments: &[&str], code: i32| {
        let ran = deployed.fanggen(&[arguments, &["--json"]].concat());
        assert_eq!(ran.code, code, "{arguments:?} {ran:?}");
        assert!(ran.stderr.starts_with(&target_account().note()), "{ran:?}");
        ran.json()
    };
    // Nothing is deployed yet.
    assert_eq!(json(&["status", "--env", "dev"], 0)[0]["standing"], "absent");
    let absent = "environment `dev` is not deployed: there is no stack `talk-dev` in us-east-1 of account 123456789012\n  run \
                  `fanggen apply --env dev`";
    if target_account().emulator.is_some() {
        stopped(&deployed.fanggen(&["outputs"]), absent);
        stopped(&deployed.fanggen(&["drift"]), absent);
        stopped(&deployed.fanggen(&["apply", "--only", "items", "--yes"]), absent);
    }
    assert_eq!(json(&["apply", "--only", "bucket"], 0)["bucket"], artifacts());
    assert_eq!(json(&["plan"], 2)["changed"], true);
    assert_eq!(json(&["apply", "--yes", "--no-run"], 0)["stack"]["outcome"], "created");
    assert_eq!(json(&["apply", "--yes", "--no-run"], 0)["stack"]["outcome"], "unchanged");
    let all = json(&["status"], 0);
    assert_eq!((&all[0]["environment"], &all[0]["current"]), (&json!("dev"), &json!(true)));
    assert_eq!((&all[1]["environment"], &all[1]["standing"]), (&json!("prod"), &json!("absent")));
    let outputs = json(&["outputs"], 0);
    assert_eq!(outputs["CompaniesTable"], names(&deployed.plan("dev"))["CompaniesTable"].as_str());
    let still = json(&["drift"], 0);
    assert_eq!((&still["modified"], &still["deleted"]), (&json!([]), &json!([])));

    // Somebody turns a knob by hand.
    let client = aws_sdk_sqs::Client::new(&target_account().sdk);
    let address = block_on(client.get_queue_url().queue_name("talk-dev-worker").send()).expect("one").queue_url;
    let knob = aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout;
    block_on(client.set_queue_attributes().set_queue_url(address).attributes(knob, "1801").send()).expect("set");
    let drift = json(&["drift"], 2);
    let modified: Vec<&Value> =
        drift["modified"].as_array().expect("a list").iter().map(|it| &it["resource"]).collect();
    assert_eq!(modified, ["WorkerQueue"]);
    let told = deployed.fanggen(&["drift"]);
    assert!(told.stdout.contains("VisibilityTimeout: 1800 -> 1801"), "{told:?}");
    assert!(json(&["destroy", "--yes"], 0)["gone"]["resources"].as_array().is_some_and(|all| all.len() > 10));
    assert_eq!(json(&["destroy", "--yes"], 0)["gone"]["resources"], json!([]));
}
