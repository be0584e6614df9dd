//! `fanggen results`: what local runs wrote, in every format and by every filter, and its wrong inputs.

use std::fs;

use crate::harness::project::Project;
use fanggen_runtime::testing::process::ProcessOutput;
use serde_json::Value;

const TOML: &str = r#"[pipeline]
name = "shop"
contact = "me@example.com"

[sources.reviews]
type = "inline"
items = [
    { name = "Good", text = "A great phone, and I love it." },
    { name = "Bad", text = "A horrible, broken thing." },
    { name = "Flat", text = "A thing in a box." },
    { name = "=Empty", text = "\u00ad" },
]

[[stages]]
name = "text"
type = "text"
language = "en"

[[stages]]
name = "words"
type = "lexicon"

[sinks.archive]
type = "s3"

[sinks.files]
type = "jsonl"

[sinks.sheet]
type = "csv"

[sinks.zstd]
type = "s3"
compression = "zstd"

[sinks.rows]
type = "dynamodb"
"#;

/// A pipeline that has run so many times.
fn run(times: usize) -> Project {
    let project = Project::with(TOML);
    for _ in 0..times {
        // One of the four has no text that shows.
        assert_eq!(project.fanggen(&["run"]).code, 1);
    }
    project
}

fn results(project: &Project, arguments: &[&str]) -> ProcessOutput {
    project.fanggen(&[&["results"], arguments].concat())
}

/// The keys of the records that were printed as JSON.
fn keys(project: &Project, arguments: &[&str]) -> Vec<String> {
    let ran = results(project, &[arguments, &["--json"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let all = ran.json();
    let key = |record: &Value| record["item"]["key"].as_str().expect("a key").to_owned();
    all.as_array().expect("a list").iter().map(key).collect()
}

#[test]
fn the_rows_of_a_table_are_read_like_whole_records_but_for_the_texts() {
    let project = run(2);
    let of = |sink: &str, more: &[&str]| {
        let ran = results(&project, &[&["--sink", sink, "--json"], more].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.json().as_array().expect("a list").clone()
    };
    let without_bodies = |mut records: Vec<Value>| {
        for record in &mut records {
            record["item"].as_object_mut().expect("an item").retain(|name, _| name == "key");
            if let Some(text) = record.get_mut("text").filter(|text| text.is_object()) {
                text["body"] = "".into();
            }
        }
        records.sort_by_key(|record| (record["run"].to_string(), record["item"]["key"].to_string()));
        records
    };
    for more in [&[][..], &["--label", "negative"], &["--item", "Good"], &["--failed"]] {
        let (rows, records) = (of("rows", more), of("archive", more));
        assert!(!rows.is_empty() && rows.is_sorted_by_key(|record| std::cmp::Reverse(record["run"].to_string())));
        assert_eq!(without_bodies(rows), without_bodies(records), "{more:?}");
    }
    let last = of("rows", &[])[0]["run"].as_str().expect("a run").to_owned();
    assert_eq!(of("rows", &["--run", &last]).len(), 4);
    project.write(".fanggen/shop/dev/rows/rows.jsonl", "{\"item\":\"x\"}\nnonsense\n");
    let ran = results(&project, &["--sink", "rows"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("rows.jsonl`: a row is not that of a record\n"), "{ran:?}");
    assert!(ran.stderr.contains("rows.jsonl`: line 2: expected"), "{ran:?}");
}

#[test]
fn a_run_is_shown_with_its_counts_and_the_reason_of_each_failure() {
    let project = run(1);
    let ran = results(&project, &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let rows: Vec<Vec<&str>> =
        ran.stdout.lines().skip(2).map(|line| line.split_whitespace().skip(1).take(2).collect()).collect();
    assert_eq!(rows, [["Good", "POSITIVE"], ["Bad", "NEGATIVE"], ["Flat", "NEUTRAL"], ["=Empty", "text_empty"]]);
    assert_eq!(
        ran.stderr,
        "shop, environment dev, on this machine (--since 7d): 4 records of 1 run: 1 POSITIVE, 1 NEGATIVE, 1 NEUTRAL, 1 failed\n  \
         1 text_empty at words, such as =Empty: `=Empty` has a blank text\n"
    );
}

#[test]
fn every_sink_with_whole_records_gives_the_same_ones() {
    let project = run(2);
    let first = results(&project, &["--json"]).json();
    assert_eq!(first.as_array().map(Vec::len), Some(8));
    for sink in ["archive", "files", "zstd"] {
        assert_eq!(results(&project, &["--sink", sink, "--json"]).json(), first, "{sink}");
    }
    let runs: Vec<&str> = first.as_array().expect("a list").iter().filter_map(|one| one["run"].as_str()).collect();
    assert!(runs[..4].iter().all(|run| *run == runs[0]) && runs[0] > runs[4], "the newest run first: {runs:?}");
}

#[test]
fn filters_select_records_and_all_of_them_must_hold() {
    let project = run(1);
    assert_eq!(keys(&project, &["-i", "Good", "-i", "Flat", "-i", "Nobody"]), ["Good", "Flat"]);
    assert_eq!(keys(&project, &["--label", "negative", "--label", "NEUTRAL"]), ["Bad", "Flat"]);
    assert_eq!(keys(&project, &["--where", "polarity > 0.3"]), ["Good"]);
    assert_eq!(keys(&project, &["--failed"]), ["=Empty"]);
    assert_eq!(keys(&project, &["--limit", "2"]), ["Good", "Bad"]);
    assert_eq!(keys(&project, &["--label", "NEGATIVE", "-i", "Good"]), [""; 0]);
    assert_eq!(keys(&project, &["--since", "2099-01-01"]), [""; 0]);
    assert_eq!(keys(&project, &["--since", "all", "-n", "0"]), [""; 0]);
}

#[test]
fn records_are_written_to_a_file_by_its_suffix_and_whole_or_not_at_all() {
    let project = run(1);
    for (file, lines) in [("all.jsonl", 4), ("all.csv", 5), ("all.json", 6)] {
        let ran = results(&project, &["-o", file]);
        assert!(ran.code == 0 && ran.stdout.is_empty(), "{ran:?}");
        assert!(ran.stderr.starts_with(&format!("written to `{file}`\n")), "{ran:?}");
        let text = project.read(file);
        assert_eq!(text.lines().count(), lines, "{text}");
    }
    assert!(project.read("all.csv").contains(",'=Empty,"), "no cell is a formula");
    for (arguments, problem) in [
        (["-o", "all.xlsx"], "no format has the suffix `.xlsx`: add --format json, jsonl, csv or parquet"),
        (["-o", "all"], "a table cannot be written to `all`: add --format json, jsonl, csv or parquet"),
    ] {
        let ran = results(&project, &arguments);
        assert_eq!((ran.code, ran.stderr), (1, format!("error: {problem}\n")));
    }
    let ran = results(&project, &["-o", "nowhere/all.csv"]);
    assert!(ran.code == 1 && ran.stderr.starts_with("error: cannot write `nowhere/all.csv`: "), "{ran:?}");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_shown() {
    let project = run(2);
    let files = project.files(".fanggen/shop/dev/files");
    let [torn, whole] = &files[..] else { panic!("{files:?}") };
    let text = fs::read_to_string(torn).expect("a file");
    fs::write(torn, format!("{}\n{{\"run\":\n", text.trim_end())).expect("written");
    let ran = results(&project, &["--sink", "files", "--json"]);
    assert_eq!((ran.code, ran.json().as_array().map(Vec::len)), (1, Some(8)), "{ran:?}");
    assert!(ran.stderr.contains("jsonl`: line 5: EOF while parsing"), "{ran:?}");
    assert!(whole.exists());
    let objects = project.files(".fanggen/shop/dev/archive/archive");
    let object = objects.iter().find(|path| path.extension().is_some_and(|it| it == "gz")).expect("an object");
    fs::write(object, "no gzip").expect("written");
    let ran = results(&project, &["--json"]);
    assert_eq!((ran.code, ran.json().as_array().map(Vec::len)), (1, Some(4)), "{ran:?}");
}

#[test]
fn wrong_arguments_say_what_is_allowed() {
    let project = run(0);
    for (arguments, problem) in [
        (
            &["--sink", "sheet"][..],
            "`sheet` keeps no results that can be read; these keep results that can be read: `archive`, `files`, `zstd`, `rows`",
        ),
        (
            &["--sink", "x"],
            "`x` is not a sink of this pipeline; these keep results that can be read: `archive`, `files`, `zstd`, `rows`",
        ),
        (
            &["--since", "yesterday"],
            "`yesterday` is neither a duration such as 7d, 12h or 30m, nor a date such as 2026-11-22, a time such as \
             2026-11-22T09:00:00Z, or `all`",
        ),
    ] {
        let ran = results(&project, arguments);
        assert_eq!((ran.code, ran.stderr), (1, format!("error: {problem}\n")), "{arguments:?}");
    }
    for arguments in [["--where", "scor > 1"], ["--where", "changed"], ["--label", "sad"], ["--format", "xml"]] {
        assert_eq!(results(&project, &arguments).code, 2, "{arguments:?}");
    }
    let ran = results(&project, &["--from", "local"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (0, "no results of shop, environment dev, on this machine (--since 7d)\n")
    );
    assert_eq!(results(&project, &["--from", "local", "--json"]).stdout, "[]\n");
}
