//! `fanggen runs` of this machine: what failed and why, what was dropped and by which stage, and wrong inputs.

use std::fs;

use crate::harness::project::Project;
use serde_json::{Value, json};

const TOML: &str = r#"[pipeline]
name = "shop"
contact = "me@example.com"

[sources.reviews]
type = "inline"
items = [
    { name = "Good", text = "A great phone, and I love it." },
    { name = "Bad", text = "A horrible, broken thing." },
    { name = "Flat", text = "A thing in a box." },
    { name = "Empty", text = "\u00ad" },
]

[[stages]]
name = "text"
type = "text"
language = "en"

[[stages]]
name = "words"
type = "lexicon"

[[stages]]
name = "strong"
type = "filter"
when = 'label != "NEUTRAL"'

[sinks.files]
type = "jsonl"
"#;

/// The only run of a project.
fn only_run(project: &Project) -> Value {
    let ran = project.fanggen(&["runs", "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let all = ran.json();
    assert_eq!(all.as_array().map(Vec::len), Some(1), "{all}");
    all[0].clone()
}

#[test]
fn a_run_is_shown_with_what_failed_and_what_was_dropped() {
    let project = Project::with(TOML);
    assert_eq!(project.fanggen(&["run"]).code, 1);
    let run = only_run(&project);
    let id = run["run"].as_str().expect("an id");
    let failure = json!({ "at": "words", "code": "text_empty", "count": 1, "item": "Empty",
        "message": "`Empty` has a blank text" });
    assert_eq!(
        json!([run["state"], run["succeeded"], run["failed"], run["dropped"], run["failures"], run["chunks"]]),
        json!(["complete", 2, 1, { "strong": 1 }, [failure], 1])
    );
    let listed = project.fanggen(&["runs"]);
    let row: Vec<&str> = listed.stdout.lines().nth(2).expect("a row").split_whitespace().collect();
    assert_eq!(row[..5], [id, "complete", "2", "1", "1"], "{listed:?}");
    assert_eq!(row[7..], ["1", "text_empty", "at", "words"], "{listed:?}");
    assert_eq!(listed.stderr, "shop, environment dev, on this machine (--since 7d): 1 run, 1 with problems\n");
    let shown = project.fanggen(&["runs", "last"]);
    let fixed: Vec<&str> =
        shown.stdout.lines().filter(|line| !line.contains("2026") && !line.contains("20:")).collect();
    assert_eq!(
        fixed.join("\n"),
        "  records    2 ok, 1 failed\n  labels     1 POSITIVE, 1 NEGATIVE\n  dropped    1 at strong\n  failed     1 text_empty \
         at words\n             Empty: `Empty` has a blank text"
    );
    assert_eq!(project.fanggen(&["runs", id, "--json"]).json(), run);
}

#[test]
fn runs_are_the_newest_first_and_can_be_limited_to_those_with_failures() {
    let project = Project::with(TOML);
    for text in ["fine", "\u{ad}", "fine"] {
        project.write("pipeline.toml", &TOML.replace("\\u00ad", text));
        project.fanggen(&["run"]);
    }
    let ids = |arguments: &[&str]| {
        let ran = project.fanggen(&[&["runs", "--json"], arguments].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        let all = ran.json();
        let id = |run: &Value| run["run"].as_str().expect("an id").to_owned();
        all.as_array().expect("a list").iter().map(id).collect::<Vec<_>>()
    };
    let all = ids(&[]);
    assert!(all.len() == 3 && all.is_sorted_by(|one, other| one > other), "{all:?}");
    assert_eq!(ids(&["--failed"]), all[1..2]);
    assert_eq!(ids(&["--failed", "-n", "0"]), [""; 0]);
    assert_eq!(ids(&["-n", "1"]), all[..1]);
    assert_eq!(ids(&["--since", "2999-01-01"]), [""; 0]);
    let summary = project.fanggen(&["runs", "--failed", "--since", "all"]).stderr;
    assert_eq!(summary, "shop, environment dev, on this machine: 1 run with problems\n");
}

#[test]
fn wrong_inputs_and_files_are_told_and_the_other_runs_are_shown() {
    let project = Project::with(TOML);
    project.fanggen(&["run"]);
    let error = |arguments: &[&str], expected: &str| {
        let ran = project.fanggen(&[&["runs"], arguments].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (1, expected), "{arguments:?}");
    };
    error(&["yesterday"], "error: `yesterday` is not a run: expected an id such as 20261122T090000Z, or `last`\n");
    error(&["20261122T090000Z"], "error: no run `20261122T090000Z` of shop, environment dev, on this machine\n");
    error(
        &["--since", "noon"],
        "error: `noon` is neither a duration such as 7d, 12h or 30m, nor a date such as 2026-11-22, a time such as \
         2026-11-22T09:00:00Z, or `all`\n",
    );
    error(&["--env", "qa"], "error: there is no environment `qa` in `pipeline.toml`; known: `dev`\n");
    let folder = ".fanggen/shop/dev/runs";
    project.write(&format!("{folder}/notes.txt"), "not a run");
    project.write(&format!("{folder}/20261122T090000Z.jsonl"), "");
    project.write(&format!("{folder}/20261122T100000Z.json"), "{ \"state\": ");
    let ran = project.fanggen(&["runs", "--since", "all"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (1, 3), "{ran:?}");
    assert!(ran.stderr.starts_with("error: cannot read `"), "{ran:?}");
    assert!(ran.stderr.contains("runs/20261122T100000Z.json`: EOF while parsing a value"), "{ran:?}");
    fs::remove_dir_all(project.path().join(folder)).expect("removed");
    fs::create_dir(project.path().join(folder)).expect("made");
    let none = project.fanggen(&["runs"]);
    assert_eq!(
        (none.code, none.stdout.as_str(), none.stderr.as_str()),
        (0, "", "no runs of shop, environment dev, on this machine (--since 7d)\n")
    );
    assert_eq!(project.fanggen(&["runs", "--json"]).json(), json!([]));
}
