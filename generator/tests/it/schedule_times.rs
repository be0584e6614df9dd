//! When schedules fire: judged against an independent implementation of AWS's cron dialect, and shown by `fanggen plan`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use fanggen::config::schedule::{firings, parse};
use fanggen_runtime::testing::python_tools::isolated;
use serde_json::{Value, json};

use crate::harness::project::Project;

/// `pyawscron` (BSD, <https://pypi.org/project/pyawscron/>): a port of the parser behind several consoles.
const ORACLE: &str = "
import datetime, json, sys
from pyawscron import AWSCron
begin = datetime.datetime(2026, 11, 29, tzinfo=datetime.timezone.utc)
told = []
for expression in json.load(sys.stdin):
    times, at, cron = [], begin, AWSCron(expression)
    try:
        while len(times) < 5:
            at = cron.occurrence(at).next()
            if at is None:
                break
            times.append(at.strftime('%Y-%m-%dT%H:%M'))
    except Exception:
        times = None
    told.append(times)
json.dump(told, sys.stdout)
";

/// All combinations of these fields. The oracle knows neither ranges that wrap around nor a lone `L` in day-of-week.
fn expressions() -> Vec<String> {
    let hours = ["0 0", "5,35 14", "0/20 8-17", "*/45 0/7", "59 23", "* *"];
    let days = [
        "* ?",
        "1 ?",
        "31 ?",
        "29 ?",
        "1/10 ?",
        "5,15 ?",
        "L ?",
        "L-3 ?",
        "1W ?",
        "15W ?",
        "? MON-FRI",
        "? 1,7",
        "? 6L",
        "? 3#2",
        "? SAT#5",
        "? sun",
    ];
    let months = ["* *", "2 *", "JAN,jul 2027-2040", "*/5 2028/3"];
    let with = |times: &'static str| days.iter().flat_map(move |days| months.map(|rest| (times, *days, rest)));
    let all = hours.into_iter().flat_map(with);
    all.map(|(times, days, rest)| {
        let (day, week) = days.split_once(' ').unwrap_or_default();
        let (month, year) = rest.split_once(' ').unwrap_or_default();
        format!("{times} {day} {month} {week} {year}")
    })
    .collect()
}

#[test]
fn firings_are_those_of_an_independent_implementation() {
    let all = expressions();
    // One that never fires is covered by a test of its own.
    let all: Vec<_> = all.iter().filter(|one| firings::ever(&parse(&format!("cron({one})")).expect(one))).collect();
    assert!(all.len() > 300, "{}", all.len());
    let mut oracle = Command::new(isolated("pyawscron", "1.0.7", "python"))
        .args(["-c", ORACLE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python");
    let mut input = oracle.stdin.take().expect("a pipe");
    input.write_all(json!(all).to_string().as_bytes()).expect("Python reads");
    drop(input);
    let output = oracle.wait_with_output().expect("Python ends");
    assert!(output.status.success());
    let told: Vec<Option<Vec<String>>> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told.len(), all.len());
    let (zone, now) = (firings::zone("UTC").expect("a zone"), "2026-11-29T00:00:00Z".parse().expect("a time"));
    let (mut wrong, mut judged) = (Vec::new(), 0);
    for (expression, told) in all.iter().zip(told) {
        let parsed = parse(&format!("cron({expression})")).expect(expression);
        // The oracle fails at a day that the next month does not have.
        let Some(told) = told else { continue };
        judged += 1;
        let ours = firings::next(&parsed, &zone, now, 5);
        let ours: Vec<_> = ours.iter().map(|time| time.strftime("%Y-%m-%dT%H:%M").to_string()).collect();
        if ours != told {
            wrong.push(format!("{expression}: {ours:?} and not {told:?}"));
        }
    }
    assert!(judged > 300, "{judged}");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

const PIPELINE: &str = "[pipeline]\nname = \"x\"\n\n[schedule]\nSCHEDULE\n\n[sources.companies]\ntype = \"inline\"\nitems = [\"Apple\"]\n
[[stages]]\nname = \"text\"\ntype = \"text\"\n\n[[stages]]\nname = \"sentiment\"\ntype = \"lexicon\"\n\n[sinks.archive]\ntype = \"s3\"\n";

#[test]
fn plan_shows_the_next_five_firings_in_local_time() {
    let lines = |schedule: &str| -> (Vec<String>, Value) {
        let project = Project::with(&PIPELINE.replace("SCHEDULE", schedule));
        let (tree, json) = (project.fanggen(&["plan", "--offline"]), project.fanggen(&["plan", "--offline", "--json"]));
        let text = tree.stdout;
        let fires = text.lines().filter_map(|line| Some(line.split_once("── fires ")?.1.to_owned())).collect();
        let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
        (fires, json["next_runs"].clone())
    };
    let yearly = "expression = \"cron(30 8 1 3,7 ? 2190-2199)\"\ntimezone = \"Europe/Zurich\"";
    let (shown, json) = lines(yearly);
    let expected = [
        "Mon 2190-03-01 08:30 +01:00",
        "Thu 2190-07-01 08:30 +02:00",
        "Tue 2191-03-01 08:30 +01:00",
        "Fri 2191-07-01 08:30 +02:00",
        "Thu 2192-03-01 08:30 +01:00",
    ];
    assert_eq!(shown, expected);
    assert_eq!(json["times"][1], "2190-07-01T08:30:00+02:00");
    assert_eq!(
        (&json["enabled"], &json["every"], json["times"].as_array().map(Vec::len)),
        (&json!(true), &Value::Null, Some(5))
    );

    let (shown, json) = lines("expression = \"rate(15 minutes)\"");
    assert_eq!(shown, ["every 15 minutes after it is enabled"]);
    assert_eq!(json, json!({"enabled": true, "every": "15 minutes", "times": []}));
    let (shown, json) = lines("expression = \"cron(0 8 * * ? *)\"\nenabled = false");
    assert_eq!(
        (shown, json["times"].clone()),
        (vec!["never, because `schedule.enabled` is false".to_owned()], json!([]))
    );
    assert_eq!(lines("expression = \"at(2026-01-01T00:00:00)\"").0, ["never"]);
}
