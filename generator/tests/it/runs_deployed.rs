//! `fanggen invoke` and `fanggen runs` of a deployed pipeline, by an operator with exactly the printed policy.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use crate::harness::aws::emulator::block_on;
use crate::harness::aws::person::Person;
use crate::harness::aws::target_account::target_account;
use crate::harness::deployed_pipeline::DeployedPipeline;

#[test]
fn an_operator_starts_a_run_follows_it_and_sees_what_came_of_every_item() {
    let live = DeployedPipeline::root("follow", "prod");
    live.put("CompaniesTable", ["Unknown Industries".to_owned()]);
    let operator = Person::new(&live.deployed, "follow-operator", &["--operator", "--env", "prod"]);
    let none = operator.run(&["runs", "--env", "prod"]);
    let nothing = "no runs of follow, environment prod, in the account (--since 7d)\n";
    assert!(none.code == 0 && none.stderr.ends_with(nothing), "{none:?}");

    let ran = operator.run(&["invoke", "--env", "prod", "--at", "2026-11-22T09:00:00Z"]);
    assert_eq!(ran.code, 1, "one of the six has no page: {ran:?}");
    assert!(ran.stderr.contains("run 20261122T090000Z of follow, environment prod: started\n"), "{ran:?}");
    let row = |item: &str| ran.stdout.lines().find(|line| line.contains(item)).unwrap_or_default();
    assert!(row("Apple").contains("NEGATIVE") && row("Unknown").contains("page_missing"), "{ran:?}");
    let expected = "run 20261122T090000Z: complete\n  scheduled  2026-11-22T09:00:00Z\n";
    assert!(ran.stdout.contains(expected), "{ran:?}");
    assert!(ran.stdout.contains("\n  items      6\n  records    5 ok, 1 failed\n"), "{ran:?}");
    assert!(ran.stdout.contains("\n  failed     1 page_missing at summary\n"), "{ran:?}");
    let hint = "`fanggen results --env prod --run 20261122T090000Z --failed` shows the failed records\n";
    assert!(ran.stderr.ends_with(hint), "{ran:?}");
    let failed = operator.run(&["results", "--env", "prod", "--run", "20261122T090000Z", "--failed", "--json"]);
    assert_eq!(failed.json()[0]["item"]["key"], "Unknown Industries", "{failed:?}");

    // The same time again is the same run, and nothing is done twice.
    let asked = live.wiki.requests().len();
    let again = operator.run(&["invoke", "--env", "prod", "--at", "20261122T090000Z", "--json"]);
    assert_eq!((again.code, again.json()["end"]["succeeded"].clone()), (1, json!(5)), "{again:?}");
    assert_eq!(live.wiki.requests().len(), asked);

    let started = operator.run(&["invoke", "--env", "prod", "--at", "2026-11-22T10:00:00Z", "--no-wait", "--json"]);
    assert_eq!((started.code, started.json()["run"].clone()), (0, json!("20261122T100000Z")), "{started:?}");
    live.written("ArchiveBucket", 12);
    let list = || operator.run(&["runs", "--env", "prod", "--since", "2026-11-22", "--json", "-v"]);
    live.wait_until("the second run", || (list().json()[0]["state"] == "complete").then_some(()));
    let listed = list();
    let all = listed.json();
    let failures = json!([{ "at": "summary", "code": "page_missing", "count": 1 }]);
    for (run, id) in all.as_array().expect("a list").iter().zip(["20261122T100000Z", "20261122T090000Z"]) {
        assert_eq!(
            json!([run["run"], run["state"], run["items"], run["failed"], run["failures"], run["chunks_done"]]),
            json!([id, "complete", 6, 1, failures, 1])
        );
    }
    let calls = |name: &str| listed.stderr.lines().filter(|line| line.contains(name)).count();
    assert_eq!((calls("dynamodb:Query"), calls("dynamodb:BatchGetItem"), calls("dynamodb:")), (1, 1, 2), "{listed:?}");
    assert_eq!(operator.run(&["runs", "--env", "prod", "last", "--json"]).json()["run"], "20261122T100000Z");
}

#[test]
fn a_run_whose_producer_stopped_is_named_and_invoke_resumes_it() {
    let live = DeployedPipeline::root("stopped", "prod");
    // What a producer leaves that was ended before its first chunk.
    let row = [
        ("pk", AttributeValue::S("runs".to_owned())),
        ("sk", AttributeValue::S("20261122T090000Z".to_owned())),
        ("owner", AttributeValue::S("a process that was ended".to_owned())),
        ("until", AttributeValue::N("1".to_owned())),
    ];
    let client = aws_sdk_dynamodb::Client::new(&target_account().sdk);
    let row = row.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let put = client.put_item().table_name(live.name("StateTable")).set_item(Some(row));
    block_on(put.send()).expect("put");
    let operator = Person::new(&live.deployed, "stopped-operator", &["--operator"]);
    let listed = operator.run(&["runs", "--env", "prod", "--since", "all"]);
    assert!(listed.stdout.lines().nth(2).is_some_and(|row| row.contains("interrupted")), "{listed:?}");
    let hint = "the producer of run 20261122T090000Z stopped before it had sent all chunks: `fanggen invoke --env prod --at \
                2026-11-22T09:00:00Z` resumes it\n";
    assert!(listed.stderr.ends_with(hint), "{listed:?}");
    let ran = operator.run(&["invoke", "--env", "prod", "--at", "2026-11-22T09:00:00Z", "--json"]);
    assert_eq!((ran.code, ran.json()["end"]["state"].clone()), (0, json!("complete")), "{ran:?}");
}

#[test]
fn what_cannot_be_invoked_is_told() {
    let live = DeployedPipeline::root("refused", "prod");
    let operator = Person::new(&live.deployed, "refused-operator", &["--operator"]);
    for command in ["invoke", "runs"] {
        let nowhere = operator.run(&[command, "--env", "dev"]);
        assert_eq!(nowhere.code, 1, "{nowhere:?}");
        assert!(nowhere.stderr.contains("run `fanggen apply"), "{nowhere:?}");
    }
    let wrong = operator.run(&["invoke", "--env", "prod", "--at", "noon"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("expected a time such as 2026-11-29T09:00:00Z"), "{wrong:?}");
    let planner = Person::new(&live.deployed, "refused-planner", &["--planner", "--env", "prod"]);
    let denied = planner.run(&["invoke", "--env", "prod"]);
    assert!(denied.code == 1 && denied.stderr.contains("missing permission: scheduler:GetSchedule"), "{denied:?}");
    let denied = planner.run(&["runs", "--env", "prod"]);
    assert!(denied.code == 1 && denied.stderr.contains("missing permission: dynamodb:Query"), "{denied:?}");
}
