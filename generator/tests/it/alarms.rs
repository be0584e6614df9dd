//! Alarms of a deployed pipeline: each is driven into alarm and back, its text reaches who is told, and `status` shows it.

use aws_sdk_cloudwatch::types::StateValue;
use serde_json::{Value, json};

use crate::harness::aws::emulator::block_on;
use crate::harness::aws::target_account::target_account;
use crate::harness::deployed_pipeline::{DeployedPipeline, receive_all_from};
use crate::harness::project::Project;

/// The root's pipeline with alarms and a budget in prod.
fn watched(name: &str) -> DeployedPipeline {
    let project = Project::root();
    let toml = project.read("pipeline.toml");
    let alarms = "\nalarms.email = \"oncall@example.com\"\nbudget.monthly_usd = 50\n";
    project.write("pipeline.toml", &toml.replace("[environments.prod]\n", &format!("[environments.prod]{alarms}")));
    let live = DeployedPipeline::rendered(project, name, "prod");
    live.deployed.good(&["apply", "--env", "prod", "--yes", "--no-run"]);
    live
}

/// The texts that were received, with the new state of each alarm.
fn told(url: &str) -> Vec<(String, String, String)> {
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
    live.deployed.edit("alarms.email = \"oncall@example.com\"\n", "").render();
    live.deployed.good(&["apply", "--env", "prod", "--yes", "--no-run", "--replace", "AlarmsTopic"]);
    assert_eq!(all().len(), 0);
    assert!(block_on(client.get_dashboard().dashboard_name("unwatched-prod").send()).is_err());
}
