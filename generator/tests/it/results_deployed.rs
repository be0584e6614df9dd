//! `fanggen results` of a deployed pipeline, by an operator with exactly the printed policy.

use fanggen_runtime::testing::process::ProcessOutput;

use crate::harness::aws::person::Person;
use crate::harness::deployed_pipeline::DeployedPipeline;

#[test]
fn an_operator_reads_the_archive_in_few_calls_and_a_planner_does_not() {
    let live = DeployedPipeline::root("read-back", "prod");
    live.start_run("2026-11-22T12:00:00Z").expect("produced");
    live.start_run("2026-11-23T12:00:00Z").expect("produced");
    live.written("ArchiveBucket", 10);
    let operator = Person::new(&live.deployed, "read-back-operator", &["--operator"]);
    let read = ["results", "--env", "prod", "--since", "2026-11-22", "--json"];
    let ran = operator.run(&[&read[..], &["-v"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let all = ran.json();
    let all = all.as_array().expect("a list");
    assert_eq!((all.len(), &all[0]["run"]), (10, &"20261123T120000Z".into()));
    assert!(ran.stderr.contains("read-back, environment prod, in the account"), "{ran:?}");
    let calls = |name: &str| ran.stderr.lines().filter(|line| line.contains(name)).count();
    // The days, the objects of each, and the objects.
    assert_eq!((calls("s3:ListObjectsV2"), calls("s3:GetObject")), (3, 2), "{}", ran.stderr);
    let one_day = operator.run(&["results", "--env", "prod", "--since", "2026-11-23", "--json"]);
    assert_eq!(one_day.json().as_array().map(Vec::len), Some(5), "{one_day:?}");
    let nowhere = operator.run(&["results", "--env", "dev", "--json"]);
    let problem = "error: environment `dev` is not deployed: there is no bucket `";
    let next = "`\n  run `fanggen apply --env dev`, or `fanggen run` for results on this machine\n";
    assert!(nowhere.code == 1 && nowhere.stderr.contains(problem), "{nowhere:?}");
    assert!(nowhere.stderr.ends_with(next), "{nowhere:?}");
    assert_eq!(nowhere.json().as_array(), None, "an error, and no list of records");
    let rows = ["results", "--env", "prod", "--sink", "latest", "--since", "2026-11-22", "--json", "-v"];
    let of_all = operator.run(&rows);
    assert_eq!(of_all.json().as_array().map(Vec::len), Some(10), "{of_all:?}");
    let of_one = operator.run(&[&rows[..], &["--item", "Apple"]].concat());
    let apple = of_one.json();
    assert_eq!(apple.as_array().map(Vec::len), Some(2), "{of_one:?}");
    let archived = operator.run(&[&read[..], &["--item", "Apple"]].concat()).json();
    assert_eq!((&apple[0]["run"], &apple[0]["findings"]), (&archived[0]["run"], &archived[0]["findings"]));
    let calls = |ran: &ProcessOutput, name: &str| ran.stderr.lines().filter(|line| line.contains(name)).count();
    assert_eq!((calls(&of_all, "dynamodb:Scan"), calls(&of_one, "dynamodb:Query")), (1, 1), "{of_one:?}");
    let planner = Person::new(&live.deployed, "read-back-planner", &["--planner", "--env", "prod"]);
    let ran = planner.run(&read);
    assert!(ran.code == 1 && ran.stderr.contains("s3:ListBucket"), "{ran:?}");
}
