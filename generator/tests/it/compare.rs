//! `fanggen compare`, as users run it: numbers that can be checked by hand, and mistakes with their lines.

use crate::harness::project;

use fanggen_runtime::testing::process::ProcessOutput;
use project::Project;
use serde_json::{Value, json};

/// Texts whose labels by the lexicon are beyond doubt: positive, negative, neutral, positive.
const TEXTS: &str = r#"{"id": "a", "text": "A great, friendly service!", "label": "positive"}
{"id": "b", "text": "A horrible, broken product.", "label": "Negative"}
{"id": "c", "text": "The company is based in Dublin.", "label": "positive"}

{"id": "d", "text": "What a wonderful day", "label": "neutral"}
"#;

fn compare(project: &Project, more: &[&str]) -> ProcessOutput {
    project.fanggen(&[&["compare", "--engines", "lexicon"], more].concat())
}

/// The words of a mistake in this file of texts.
fn mistake(name: &str, bytes: &[u8]) -> String {
    let project = Project::empty();
    std::fs::write(project.path().join(name), bytes).expect("a file");
    let ran = compare(&project, &["--texts", name]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
    ran.stderr
}

#[test]
fn one_engine_is_measured_against_labels() {
    let project = Project::empty();
    project.write("t.jsonl", TEXTS);
    let ran = compare(&project, &["--texts", "t.jsonl"]);
    let expected = "lexicon: 4 of 4 answered: 1 negative, 1 neutral, 2 positive
  against 4 gold labels: macro-F1 0.500 (negative 1.000, neutral 0.000, positive 0.500), accuracy 50.0%
  gold \\ engine  negative   neutral  positive
  negative              1         0         0
  neutral               0         0         1
  positive              0         1         1
";
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, expected, ""));
}

#[test]
fn two_engines_agree_as_often_as_their_labels_do_and_differ_where_they_say() {
    let project = Project::empty();
    project.write("t.jsonl", TEXTS);
    let ran =
        project.fanggen(&["compare", "--engines", "lexicon,headlines", "--texts", "t.jsonl", "--json", "--most", "99"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let report = ran.json();
    assert_eq!((&report["texts"], &report["labelled"]), (&json!(4), &json!(4)));
    let pair = &report["pairs"][0];
    assert_eq!((&pair["engines"], &pair["texts"]), (&json!(["lexicon", "headlines"]), &json!(4)));
    let cells = |matrix: &Value| -> Vec<(String, String, u64)> {
        let rows = matrix.as_object().expect("rows").iter();
        let cells = rows.flat_map(|(row, cells)| cells.as_object().expect("cells").iter().map(move |it| (row, it)));
        cells.map(|(row, (column, count))| (row.clone(), column.clone(), count.as_u64().expect("a count"))).collect()
    };
    let same: u64 = cells(&pair["confusion"]).iter().filter(|(row, column, _)| row == column).map(|cell| cell.2).sum();
    let agreement = pair["agreement"].as_f64().expect("a share");
    assert!((agreement - same as f64 / 4.0).abs() < 1e-9, "{pair}");
    assert_eq!(report["differing"], json!(4 - same));
    // Contrary labels first, the greatest distance first.
    let differ = report["differ"].as_array().expect("texts");
    let rank = |one: &Value| {
        let said: Vec<&Value> = one["said"].as_object().expect("engines").values().map(|said| &said["label"]).collect();
        (said[0] == said[1], -one["distance"].as_f64().expect("a number"))
    };
    assert!(differ.len() >= 4 - same as usize);
    assert!(differ.is_sorted_by(|a, b| rank(a) <= rank(b)), "{differ:?}");
    let first = &differ[0];
    let lines = ["", "a", "b", "c", "", "d"];
    assert_eq!(first["id"], lines[first["line"].as_u64().expect("a line") as usize], "{first}");
}

#[test]
fn labels_come_from_a_file_of_their_own_by_id_or_in_order() {
    let project = Project::empty();
    project.write("t.csv", "id,text\n1,\"A great, friendly service!\"\n2,A horrible product\n");
    project.write("ids.csv", "id,label\n2,negative\n1,positive\n");
    project.write("order.txt", "positive\nnegative\n");
    for gold in ["ids.csv", "order.txt"] {
        let ran = compare(&project, &["--texts", "t.csv", "--gold", gold, "--json"]);
        assert_eq!(ran.json()["engines"][0]["gold"]["macro_f1"], 1.0, "{gold}: {ran:?}");
    }
    for (gold, words) in [
        ("id,label\n1,positive\n", "error: t.csv:3: the id `2` has no label in `g.csv`\n"),
        ("id,label\n1,positive\n1,neutral\n", "error: g.csv:3: duplicate id `1`, first used on line 2\n"),
        ("id,label\n1,positive\n2,mixed\n3,mixed\n", "error: g.csv:4: no text in `t.csv` has the id `3`\n"),
        ("id,label\n1,positive\n2,\n", "error: g.csv:3: there is no column `label`\n"),
        (
            "label\npositive\n",
            "error: g.csv:2: found 1 of 2 labels for the texts in `t.csv`: add a label for each text in the same order, or an `id` in both files\n",
        ),
    ] {
        project.write("g.csv", gold);
        let ran = compare(&project, &["--texts", "t.csv", "--gold", "g.csv"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (1, words));
    }
}

#[test]
fn headlines_with_one_entity_bring_item_and_label_and_with_several_neither() {
    let project = Project::empty();
    let lines = r#"{"text": "Gold surges, dollar falls", "entities": {"Gold": "positive", "dollar": "negative"}}
{"text": "Apple profit jumps 40%, beats estimates", "entities": {"Apple": "positive"}}
"#;
    project.write("t.jsonl", lines);
    let report = project.fanggen(&["compare", "--engines", "headlines", "--texts", "t.jsonl", "--json"]).json();
    assert_eq!((&report["texts"], &report["labelled"]), (&json!(2), &json!(1)));
    assert_eq!(report["engines"][0]["gold"]["confusion"], json!({ "positive": { "positive": 1 } }));
}

#[test]
fn an_unanswered_text_is_counted_by_its_reason_and_as_wrong() {
    let project = Project::empty();
    project.write("t.csv", "text,language,label\nGut,de,positive\n,,neutral\nGreat,,positive\n");
    let report = compare(&project, &["--texts", "t.csv", "--json"]).json();
    let engine = &report["engines"][0];
    assert_eq!(engine["failed"], json!({ "language_unsupported": 1, "text_empty": 1 }));
    assert_eq!((&engine["answered"], &engine["gold"]["accuracy"]), (&json!(1), &json!(1.0 / 3.0)));
    let report = compare(&project, &["--texts", "t.csv", "--json", "--language", "fr"]).json();
    assert_eq!(report["engines"][0]["answered"], 0);
}

#[test]
fn every_mistake_in_a_file_has_its_line_and_what_to_do() {
    for (name, bytes, words) in [
        ("t.txt", &b""[..], "error: `t.txt` has no texts\n"),
        ("t.csv", b"text\n", "error: `t.csv` has no texts\n"),
        ("t.txt", b"fine\n\xff\xfe\n", "error: t.txt:2: this is not valid UTF-8: save the file as UTF-8\n"),
        (
            "t.jsonl",
            b"{\"text\": \"a\"}\n\n[1]\n",
            "error: t.jsonl:3: this is not a JSON object (invalid type: sequence, expected a map, column 0); expected one per line: {\"text\": \"..\"}\n",
        ),
        (
            "t.jsonl",
            b"{\"txt\": \"a\"}\n",
            "error: t.jsonl:1: there is no `text`, only `txt`: rename the column to `text`\n",
        ),
        ("t.jsonl", b"{}\n", "error: t.jsonl:1: there is no `text`: the object is empty\n"),
        ("t.jsonl", b"{\"text\": [1]}\n", "error: t.jsonl:1: `text` must be a string, but is `[1]`\n"),
        (
            "t.jsonl",
            b"{\"text\": \"a\", \"label\": \"postive\"}\n",
            "error: t.jsonl:1: unknown label `postive`; allowed: `positive`, `negative`, `neutral`, `mixed`; did you mean `positive`?\n",
        ),
        (
            "t.jsonl",
            b"{\"text\": \"a\", \"entities\": {\"A\": 1}}\n",
            "error: t.jsonl:1: `entities` must be an object of names with their labels, but is `{\"A\":1}`\n",
        ),
        (
            "t.jsonl",
            b"{\"text\": \"a\", \"id\": 1}\n{\"text\": \"b\", \"id\": \"1\"}\n",
            "error: t.jsonl:2: duplicate id `1`, first used on line 1\n",
        ),
        (
            "t.csv",
            b"text,label\na,positive\nb,c,neutral\n",
            "error: t.csv:3: this row has 3 cells, but the header has 2: quote cells that contain commas\n",
        ),
    ] {
        assert_eq!(mistake(name, bytes), words, "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn an_unknown_engine_is_reported_with_the_known_ones() {
    let project = Project::empty();
    project.write("t.txt", "Fine\n");
    for (engines, words) in [
        (
            "lexcon",
            "error: there is no engine `lexcon`; known engines: `comprehend`, `headlines`, `lexicon`; did you mean `lexicon`?\n",
        ),
        ("wikipedia", "error: there is no engine `wikipedia`; known engines: `comprehend`, `headlines`, `lexicon`\n"),
        ("lexicon,lexicon", "error: the engine `lexicon` is named twice in `--engines`\n"),
    ] {
        let ran = project.fanggen(&["compare", "--engines", engines, "--texts", "t.txt"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (1, words));
    }
    let ran = compare(&project, &["--texts", "none.txt", "--json"]);
    assert_eq!(ran.json(), json!({ "error": "cannot read `none.txt`: no such file" }));
}

#[test]
fn a_paid_service_is_not_called_without_consent() {
    let project = Project::empty();
    project.write("t.txt", "Fine\n");
    let ran = project.fanggen(&["compare", "--engines", "lexicon,comprehend", "--texts", "t.txt"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    if cfg!(feature = "aws") {
        let words =
            "`comprehend` costs money: 3 units for 1 text, less than $0.01 (prices of us-east-1 in November 2026)
error: `comprehend` costs money: pass `--yes` to agree, or leave it out of `--engines`\n";
        assert_eq!(ran.stderr, words);
    } else {
        let words = "error: `comprehend` is an AWS service, and this build has no AWS support: install one that has (`cargo install --path generator`), or leave `comprehend` out\n";
        assert_eq!(ran.stderr, words);
    }
}
