//! `fanggen results --format parquet`: what two readers that share no code find in it is what `jsonl` has.

use std::fs;
use std::path::Path;
use std::process::Command;

use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::record::{Entity, Finding, Item, Label, Phrase, Record, Text};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::harness::project::Project;
#[cfg(unix)]
use crate::harness::terminal::at_a_terminal;
use crate::harness::tools::parquet_python;

const TOML: &str = "[pipeline]\nname = \"shop\"\n[sources.reviews]\ntype = \"inline\"\nitems = [\"a\"]\n[[stages]]\nname = \
                    \"text\"\ntype = \"text\"\n[[stages]]\nname = \"words\"\ntype = \"lexicon\"\n[sinks.archive]\ntype = \
                    \"s3\"\n[environments.dev]\n";

/// Texts that a reader or writer may take for something else.
const HOSTILE: [&str; 10] = [
    "",
    " ",
    "=HYPERLINK(\"http://x\")",
    "null",
    "NaN",
    "a,\"b\"\n\r\n;\tc",
    "\u{1F469}\u{200D}\u{1F52C} \u{1f600}",
    "\u{feff}\u{202e}\u{0}\u{7f}",
    "'; DROP TABLE results; --",
    "\u{10ffff}e\u{301}\u{e9}",
];

/// Numbers that lose something in a careless format.
const NUMBERS: [f64; 6] = [-0.0, 0.1, 1.0, -1.0, 5e-324, 1.797_693_134_862_315_7e308];

/// A pipeline with these results of one run.
fn project(records: &[Record]) -> Project {
    let project = Project::with(TOML);
    let lines: Vec<String> = records.iter().map(|record| serde_json::to_string(record).expect("JSON") + "\n").collect();
    project.write(
        ".fanggen/shop/dev/archive/archive/dt=2026-11-22/20261122T090000Z-0123456789abcdef.jsonl",
        &lines.concat(),
    );
    project
}

/// A file as a reader finds it.
fn read(reader: &str, path: &Path) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/read_parquet.py");
    let mut command = Command::new(parquet_python());
    let output = command.arg(script).arg(reader).arg(path).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Writes all results in a format to a file.
fn write(project: &Project, name: &str) -> std::path::PathBuf {
    let ran = project.fanggen(&["results", "--since", "all", "-o", name]);
    assert_eq!(ran.code, 0, "{ran:?}");
    project.path().join(name)
}

/// Moves members of a row into an object, under other names; nothing if all are missing.
fn object(row: &mut Map<String, Value>, members: &[(&str, &str)]) -> Option<Value> {
    let present = members.iter().filter_map(|(column, name)| Some(((*name).to_owned(), row.remove(*column)?)));
    let object: Map<String, Value> = present.collect();
    (!object.is_empty()).then_some(Value::Object(object))
}

/// A value without the members that are missing.
fn present(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let there = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(there.map(|(name, value)| (name, present(value))).collect())
        }
        Value::Array(all) => Value::Array(all.into_iter().map(present).collect()),
        value => value,
    }
}

/// The records that rows were made from. The same records next to each other cannot be told apart, and are not tested.
fn records(rows: &Value) -> Vec<Value> {
    let mut records: Vec<Map<String, Value>> = Vec::new();
    for row in rows.as_array().expect("rows") {
        let Value::Object(mut row) = present(row.clone()) else { panic!("{row}") };
        let run = row.get("run").and_then(Value::as_str).expect("a run").parse::<Timestamp>().expect("a time");
        assert_eq!(row.remove("run_time"), Some(run.as_microsecond().into()));
        let mut finding = Map::new();
        let of_a_finding = ["stage", "engine", "label", "score", "coverage", "stands_in_for", "scores"];
        for name in of_a_finding.into_iter().chain(["entities", "targets", "phrases", "personal"]) {
            finding.extend(row.remove(name).map(|value| (name.to_owned(), value)));
        }
        let item = [
            ("item", "key"),
            ("item_title", "title"),
            ("item_feed", "feed"),
            ("item_language", "language"),
            ("item_url", "url"),
            ("item_text", "text"),
            ("labels", "labels"),
        ];
        let text = [
            ("body", "body"),
            ("language", "language"),
            ("text_source", "source"),
            ("title", "title"),
            ("url", "url"),
            ("published", "published"),
            ("revision", "revision"),
            ("licence", "licence"),
        ];
        let failure = [
            ("failed_stage", "stage"),
            ("failure", "code"),
            ("message", "message"),
            ("transient", "transient"),
            ("retry_after_s", "retry_after_s"),
        ];
        let parts = [("item", object(&mut row, &item)), ("text", object(&mut row, &text))];
        let mut record: Map<String, Value> = Map::new();
        for (name, part) in parts.into_iter().chain([("failure", object(&mut row, &failure))]) {
            record.extend(part.map(|part| (name.to_owned(), part)));
        }
        for name in ["run", "source", "entry"] {
            record.extend(row.remove(name).map(|value| (name.to_owned(), value)));
        }
        assert!(row.is_empty(), "columns that are no part of a record: {row:?}");
        let findings = if finding.is_empty() { Vec::new() } else { vec![Value::Object(finding)] };
        record.insert("findings".to_owned(), Value::Array(findings.clone()));
        let same = |last: &Map<String, Value>| {
            record.iter().all(|(name, value)| name == "findings" || last.get(name) == Some(value))
        };
        match records.last_mut().filter(|last| same(last)).and_then(|last| last.get_mut("findings")) {
            Some(Value::Array(all)) => all.extend(findings),
            _ => records.push(record),
        }
    }
    records.into_iter().map(Value::Object).collect()
}

/// The records of the `jsonl` format, with times in microseconds.
fn expected(project: &Project) -> Vec<Value> {
    let lines = fs::read_to_string(write(project, "all.jsonl")).expect("a file");
    let mut records: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for record in &mut records {
        if let Some(published) = record.pointer_mut("/text/published") {
            let time: Timestamp = published.as_str().and_then(|text| text.parse().ok()).expect("a time");
            *published = time.as_microsecond().into();
        }
    }
    records
}

/// Records with every field, with none, and with each hostile text and number.
fn hostile_records() -> Vec<Record> {
    let run = "20261122T090000Z";
    let mut records = vec![Record::new(run, "reviews", Item::named("only a key"))];
    for (place, text) in HOSTILE.into_iter().enumerate() {
        let text = text.to_owned();
        let number = |more: usize| NUMBERS[(place + more) % NUMBERS.len()];
        let entity = |more: usize| Entity {
            text: more.is_multiple_of(2).then(|| text.clone()),
            kind: text.clone(),
            score: number(more),
            begin: more as u64,
            end: 1 << 40,
            label: more.is_multiple_of(3).then_some(Label::Mixed),
            scores: (0..more).map(|key| (format!("{text}{key}"), number(key))).collect(),
        };
        let phrase = |more: usize| Phrase { text: text.clone(), score: number(more), begin: 0, end: more as u64 };
        let finding = |more: usize| Finding {
            stage: format!("stage {more}"),
            engine: text.clone(),
            stands_in_for: (more == 1).then(|| text.clone()),
            label: [None, Some(Label::Positive), Some(Label::Negative)][more % 3],
            score: (more != 2).then(|| number(more)),
            scores: (0..more).map(|key| (format!("{text}{key}"), number(key))).collect(),
            coverage: number(more + 1),
            entities: (0..more).map(entity).collect(),
            targets: (0..more / 2).map(entity).collect(),
            phrases: (0..more % 2).map(phrase).collect(),
            personal: (0..more % 3).map(entity).collect(),
        };
        let mut record = Record::new(run, "reviews", Item::named(format!("{place} {text}")));
        record.item.title = Some(text.clone());
        record.item.labels = (0..place).map(|label| (format!("{label}{text}"), text.clone())).collect();
        record.entry = (place % 2 == 0).then(|| text.clone());
        record.text = (place % 3 != 0).then(|| Text {
            body: text.clone(),
            source: text.clone(),
            published: Some(["1969-12-31T23:59:59.999999Z", "2026-11-22T10:00:00+01:00"][place % 2].to_owned()),
            revision: Some((1 << 62) + place as u64),
            ..Text::default()
        });
        record.findings = (0..place).map(finding).collect();
        if place % 4 == 1 {
            let error = Error { retry_after_s: Some(5), ..Error::permanent(ErrorCode::TextMissing, text.clone()) };
            record.fail("stage 9", Error { transient: place % 8 == 1, ..error });
        }
        records.push(record);
    }
    records
}

#[test]
fn two_readers_find_every_value_of_jsonl() {
    let project = project(&hostile_records());
    let (expected, file) = (expected(&project), write(&project, "all.parquet"));
    assert_eq!(expected.len(), 1 + HOSTILE.len());
    for reader in ["pyarrow", "duckdb"] {
        let found = read(reader, &file);
        assert_eq!((&found["codecs"], &found["groups"]), (&json!(["ZSTD"]), &json!([47])), "{reader}");
        // As text, since -0.0 and 0.0 are equal as numbers.
        for (found, expected) in records(&found["rows"]).iter().zip(&expected) {
            assert_eq!(found.to_string(), expected.to_string(), "{reader}");
        }
        assert_eq!(records(&found["rows"]).len(), expected.len(), "{reader}");
        let kind = |name: &str| found["schema"][name].as_str().unwrap_or_default().to_lowercase();
        let types = match reader {
            "pyarrow" => {
                ["string", "double", "timestamp[us, tz=utc]", "bool", "int64", "map<string, double ('scores')>"]
            }
            _ => ["varchar", "double", "timestamp with time zone", "boolean", "bigint", "map(varchar, double)"],
        };
        let names = ["run", "score", "published", "transient", "revision", "scores"];
        assert_eq!(names.map(kind), types, "{}", found["schema"]);
    }
}

#[test]
fn no_records_make_a_file_with_all_columns_and_no_rows() {
    let project = project(&[]);
    let file = write(&project, "none.parquet");
    for reader in ["pyarrow", "duckdb"] {
        let found = read(reader, &file);
        assert_eq!((&found["rows"], found["schema"].as_object().map(Map::len)), (&json!([]), Some(35)), "{found}");
    }
}

#[test]
fn many_records_are_written_in_row_groups() {
    let body = "A great phone, and I love it. ".repeat(40);
    let many = (0..20_000).map(|number| {
        let mut record = Record::new("20261122T090000Z", "reviews", Item::named(format!("item {number}")));
        record.text = Some(Text { body: format!("{number} {body}"), ..Text::default() });
        record
    });
    let project = project(&many.collect::<Vec<_>>());
    let found = read("pyarrow", &write(&project, "many.parquet"));
    let groups: Vec<u64> = found["groups"].as_array().expect("groups").iter().filter_map(Value::as_u64).collect();
    assert!(groups.len() > 1 && groups.iter().sum::<u64>() == 20_000, "{groups:?}");
    let keys = found["rows"].as_array().expect("rows").iter().map(|row| row["item"].as_str().unwrap_or_default());
    assert!(keys.eq((0..20_000).map(|number| format!("item {number}"))));
    // A reader that has had enough is no error.
    let piped = format!("'{}' results --since all --format parquet | head -c 4", env!("CARGO_BIN_EXE_fanggen"));
    let shell = Command::new("sh").args(["-c", &piped]).current_dir(project.path()).output().expect("a shell");
    assert_eq!(shell.stdout, b"PAR1");
    assert!(!String::from_utf8_lossy(&shell.stderr).contains("error"), "{shell:?}");
}

#[test]
#[cfg(unix)]
fn a_terminal_gets_no_binary_and_a_pipe_does() {
    let project = project(&hostile_records());
    let arguments = ["results", "--since", "all", "--format", "parquet"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanggen"));
    let (code, shown) = at_a_terminal(command.args(arguments).current_dir(project.path()), "");
    let refused = "error: Parquet is a binary format, and stdout is a terminal: nothing was read\n  add `-o FILE`, or \
                   redirect the output\n";
    assert!(code == 1 && shown.ends_with(refused), "{code} {shown}");
    let piped = Command::new(env!("CARGO_BIN_EXE_fanggen")).args(arguments).current_dir(project.path()).output();
    let written = write(&project, "all.parquet");
    assert_eq!(piped.expect("fanggen runs").stdout, fs::read(written).expect("a file"));
}
