//! Alarms of a deployed pipeline: each is driven into alarm and back, its text reaches who is told, by mail and in Slack, and
//! `status` shows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use aws_sdk_cloudwatch::types::StateValue;
use aws_sdk_lambda::types::Environment;
use fanggen_runtime::testing::http_server::{CannedResponse, HttpServer};
use serde_json::{Value, json};

use crate::harness::aws::budgets;
use crate::harness::aws::emulator::block_on;
use crate::harness::aws::person::Person;
use crate::harness::aws::secrets::secrets;
use crate::harness::aws::target_account::target_account;
use crate::harness::deployed_pipeline::{DeployedPipeline, receive_all_from};
use crate::harness::project::Project;

/// The root's pipeline with alarms and a budget in prod.
pub fn watched(name: &str) -> DeployedPipeline {
    applied(name, "alarms.email = \"oncall@example.com\"\nbudget.monthly_usd = 50\n")
}

/// The root's pipeline with these settings in prod.
fn applied(name: &str, settings: &str) -> DeployedPipeline {
    let project = Project::root();
    let toml = project.read("pipeline.toml");
    project.write("pipeline.toml", &toml.replace("[environments.prod]\n", &format!("[environments.prod]\n{settings}")));
    let live = DeployedPipeline::rendered(project, name, "prod");
    live.deployed.good(&["apply", "--env", "prod", "--yes", "--no-run"]);
    live
}

/// The texts that were received, with the new state of each alarm.
pub fn told(url: &str) -> Vec<(String, String, String)> {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let parse = |message: aws_sdk_sqs::types::Message| {
        let envelope: Value = serde_json::from_str(message.body().unwrap_or_default()).expect("JSON");
        let alarm: Value = serde_json::from_str(envelope["Message"].as_str().expect("a text")).expect("JSON");
        (text(&alarm, "AlarmName"), text(&alarm, "NewStateValue"), text(&alarm, "AlarmDescription"))
    };
    receive_all_from(url).into_iter().map(parse).collect()
}

#[test]
fn every_alarm_reaches_who_is_told_and_status_shows_it() {
    let live = watched("alarmed");
    let url = live.listener("AlarmsTopic");
    let client = aws_sdk_cloudwatch::Client::new(&target_account().sdk);
    let set = |name: &str, state: StateValue| {
        let set = client.set_alarm_state().alarm_name(name).state_value(state).state_reason("the test says so");
        block_on(set.send()).expect("set");
    };
    let plan = live.deployed.plan("prod");
    let alarms = plan["resources"].as_object().expect("resources").values();
    let alarms = alarms.filter(|resource| resource["type"] == "AWS::CloudWatch::Alarm");
    let names: Vec<&str> = alarms.map(|alarm| alarm["name"].as_str().expect("a name")).collect();
    assert_eq!(
        names.iter().map(|name| name.strip_prefix("alarmed-prod-").expect("its prefix")).collect::<Vec<_>>(),
        [
            "cost",
            "failed-records",
            "no-run",
            "producer-dead-letters",
            "producer-errors",
            "producer-throttles",
            "schedule-dead-letters",
            "worker-dead-letters",
            "worker-errors",
            "worker-throttles",
            "worker-oldest"
        ]
    );
    names.iter().for_each(|name| set(name, StateValue::Ok));
    let quiet = live.deployed.good(&["status", "--env", "prod"]);
    assert!(quiet.stdout.contains("\n  11 alarms: none raised\n"), "{quiet:?}");
    told(&url);
    for name in &names {
        set(name, StateValue::Alarm);
        let ran = live.deployed.fanggen(&["status", "--env", "prod"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        let received = live.wait_until("the alarm", || Some(told(&url)).filter(|received| !received.is_empty()));
        let [(who, state, text)] = received.as_slice() else { panic!("{name}: {received:?}") };
        assert_eq!((who.as_str(), state.as_str()), (*name, "ALARM"));
        assert!(text.starts_with("alarmed, prod: ") && text.ends_with(" --env prod"), "{text}");
        assert!(text.contains(" Run first: fanggen ") && text.len() <= 1_024, "{text}");
        assert!(ran.stdout.contains(&format!(" {name}\n    {text}\n")), "{ran:?}");
        let json = live.deployed.fanggen(&["status", "--env", "prod", "--json"]);
        let shown = json.json();
        let raised = shown[0]["alarms"].as_array().expect("alarms").iter();
        let raised: Vec<Value> =
            raised.filter(|alarm| alarm["state"] == "ALARM").map(|it| it["name"].clone()).collect();
        assert_eq!((json.code, raised), (1, vec![json!(name)]));
        set(name, StateValue::Ok);
        let received = live.wait_until("its end", || Some(told(&url)).filter(|received| !received.is_empty()));
        assert!(matches!(received.as_slice(), [(who, state, _)] if who == name && state == "OK"), "{received:?}");
    }
    assert_eq!(live.deployed.fanggen(&["status", "--env", "prod"]).code, 0);
}

#[test]
fn alarms_come_and_go_with_the_setting_and_nobody_is_told_before_the_environment_is_ready() {
    let live = watched("unwatched");
    let client = aws_sdk_cloudwatch::Client::new(&target_account().sdk);
    let all = || {
        let found = block_on(client.describe_alarms().alarm_name_prefix("unwatched-prod-").send()).expect("alarms");
        found.metric_alarms.unwrap_or_default()
    };
    let alarms = all();
    assert_eq!(alarms.len(), 11);
    assert!(alarms.iter().all(|alarm| alarm.actions_enabled() == Some(true)), "ready: {alarms:?}");
    let template = live.deployed.project.read("generated/prod/template.yaml");
    assert_eq!(template.matches("ActionsEnabled: !If [IsReady, true, false]").count(), 11);
    let dashboard = block_on(client.get_dashboard().dashboard_name("unwatched-prod").send()).expect("a dashboard");
    let body: Value = serde_json::from_str(dashboard.dashboard_body().unwrap_or_default()).expect("JSON");
    assert_eq!(body["widgets"].as_array().map(Vec::len), Some(9));
    // The budget, with the tags that everything in the stack carries.
    let name = live.name("Budget");
    let made = budgets::budget(&name).expect("a budget");
    assert_eq!(
        made["CostFilters"],
        json!({ "TagKeyValue": ["user:fanggen:pipeline$unwatched", "user:fanggen:environment$prod"] })
    );
    assert_eq!((&made["BudgetLimit"]["Unit"], &made["TimeUnit"]), (&json!("USD"), &json!("MONTHLY")));
    let told = budgets::notifications(&name);
    let told: Vec<(&Value, &Value)> = told
        .as_array()
        .expect("notifications")
        .iter()
        .map(|one| (&one["NotificationType"], &one["Threshold"]))
        .collect();
    assert_eq!(told.len(), 3, "{told:?}");
    // Another limit changes it in place, and another address replaces it.
    live.deployed.edit("budget.monthly_usd = 50", "budget.monthly_usd = 60").render();
    live.deployed.good(&["apply", "--env", "prod", "--yes", "--no-run"]);
    let changed = budgets::budget(&name).expect("the same budget");
    assert_eq!(changed["BudgetLimit"]["Amount"].to_string().trim_matches('"').trim_end_matches(".0"), "60");
    live.deployed.edit("alarms.email = \"oncall@example.com\"\n", "").render();
    live.deployed.good(&["apply", "--env", "prod", "--yes", "--no-run", "--replace", "AlarmsTopic"]);
    assert_eq!(all().len(), 0);
    assert!(block_on(client.get_dashboard().dashboard_name("unwatched-prod").send()).is_err());
    assert_eq!(budgets::budget(&name), None);
}

/// Sets the state of an alarm.
fn set_state(name: &str, state: StateValue) {
    let client = aws_sdk_cloudwatch::Client::new(&target_account().sdk);
    let set = client.set_alarm_state().alarm_name(name).state_value(state).state_reason("the <test> says so");
    block_on(set.send()).expect("set");
}

/// Lets the notifier reach a server on this machine, as no setting of the file does: Slack is on the internet.
fn let_reach(live: &DeployedPipeline, slack: &HttpServer) {
    let client = aws_sdk_lambda::Client::new(&target_account().sdk);
    let name = live.name("NotifierFunction");
    let told = block_on(client.get_function_configuration().function_name(&name).send()).expect("a function");
    let mut variables = told.environment.and_then(|it| it.variables).expect("variables");
    let mut settings: Value = serde_json::from_str(&variables["FANG_SLACK"]).expect("JSON");
    assert_eq!(settings["allow"], Value::Null);
    settings["allow"] = json!([slack.host_port()]);
    variables.insert("FANG_SLACK".to_owned(), settings.to_string());
    let environment = Environment::builder().set_variables(Some(variables)).build();
    let set = client.update_function_configuration().function_name(&name).environment(environment);
    block_on(set.send()).expect("set");
}

#[test]
fn an_alarm_and_its_end_are_posted_to_slack_and_what_cannot_be_posted_is_an_error() {
    let status = Arc::new(AtomicU16::new(200));
    let says = Arc::clone(&status);
    let slack = HttpServer::start(move |_| match says.load(Ordering::SeqCst) {
        200 => CannedResponse::text(200, "ok"),
        other => CannedResponse::text(other, "no_service"),
    });
    let [secret] = secrets("slacked-secret", [("slacked/url", slack.url("/services/T0/B0/s3cret").as_str())]);
    // The deployer has exactly the policy that `iam --deployer` prints.
    let live = applied("slacked", &format!("alarms.slack_url_secret = \"{secret}\"\n"));
    let_reach(&live, &slack);
    let name = "slacked-prod-producer-errors";
    let posted = || {
        let requests = std::mem::take(&mut *slack.requests());
        let text = |body: &[u8]| {
            let body: Value = serde_json::from_slice(body).expect("JSON");
            body["text"].as_str().expect("a text").to_owned()
        };
        assert!(requests.iter().all(|request| request.head.starts_with("POST /services/T0/B0/s3cret ")));
        requests.iter().map(|request| text(&request.body)).collect::<Vec<_>>()
    };
    let one = |what: &str| live.wait_until(what, || Some(posted()).filter(|texts| !texts.is_empty()));
    set_state(name, StateValue::Ok);
    let what = "slacked, prod: the function slacked-prod-producer failed 3 times or more in 15 minutes.";
    set_state(name, StateValue::Alarm);
    let raised = live.wait_until("the alarm", || posted().into_iter().find(|text| text.starts_with("*ALARM")));
    let first = "Run first: `fanggen logs --errors --function producer --env prod`";
    assert!(raised.starts_with(&format!("*ALARM: {name}*\n{what}\n{first}\n")), "{raised}");
    assert!(raised.ends_with("the &lt;test&gt; says so"), "{raised}");
    set_state(name, StateValue::Ok);
    let ended = one("its end");
    assert_eq!(ended.len(), 1);
    assert!(ended[0].starts_with(&format!("*OK: {name}*\nThis alarm is over. It said: {what}\n")), "{ended:?}");

    // What is no alarm is in the log, and is given up as a failed event.
    let event = |message: &str| json!({ "Records": [{ "Sns": { "MessageId": "m-1", "Message": message } }] });
    let unreadable = live.invoke("NotifierFunction", &event("hello s3cret")).expect_err("no alarm");
    assert_eq!(unreadable["errorType"], "event_unreadable");
    status.store(404, Ordering::SeqCst);
    let alarm = json!({ "AlarmName": name, "NewStateValue": "ALARM" }).to_string();
    let refused = live.invoke("NotifierFunction", &event(&alarm)).expect_err("refused");
    let reason =
        format!("`127.0.0.1` refused the request (HTTP 404, no_service): check the URL in the secret `{secret}`");
    assert_eq!((&refused["errorType"], &refused["errorMessage"]), (&json!("post_refused"), &json!(reason)));
    let operator = Person::new(&live.deployed, "slacked-operator", &["--operator", "--env", "prod"]);
    let logged = live.wait_until("the log", || {
        let read = operator.run(&["logs", "--env", "prod", "--function", "notifier", "--errors"]).stdout;
        (read.contains("post_refused") && read.contains("event_unreadable")).then_some(read)
    });
    assert!(!logged.contains("s3cret") && !live.logs().contains("s3cret"), "{logged}");

    // Lambda's record of it, which this emulator does not send
    // (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>).
    let record = json!({ "requestPayload": event(&alarm), "responsePayload": refused });
    live.send("NotifierDeadQueue", &record.to_string());
    let letters = operator.run(&["dlq", "show", "--env", "prod", "--queue", "notifier"]);
    assert!(
        letters.stdout.contains("no_service") && letters.stdout.contains("fanggen status --env prod"),
        "{letters:?}"
    );
    live.deployed.good(&["destroy", "--env", "prod", "--yes", "--delete-data"]);
}
