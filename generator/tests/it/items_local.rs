//! `fanggen items` on files of this machine, byte for byte, and its wrong inputs: no account, no network.

use std::fs;

use crate::harness::project::Project;
use fanggen_runtime::testing::process::ProcessOutput;

const TOML: &str = r#"[pipeline]
name = "local"
contact = "me@example.com"

[sources.reviews]
type = "file"
path = "reviews.FORMAT"
key = "id"
columns = { text = "review" }

[[stages]]
name = "text"
type = "text"

[[stages]]
name = "words"
type = "lexicon"

[sinks.archive]
type = "s3"
"#;

/// A pipeline with a file of this format.
fn project(format: &str, content: &str) -> Project {
    let project = Project::with(&TOML.replace("FORMAT", format));
    project.write(&format!("reviews.{format}"), content);
    project
}

/// Runs `items` on the local file.
fn items(project: &Project, arguments: &[&str]) -> ProcessOutput {
    project.fanggen(&[&["items"], arguments, &["--local"]].concat())
}

#[track_caller]
fn says(ran: &ProcessOutput, code: i32, words: &str) {
    assert_eq!((ran.code, ran.stderr.as_str()), (code, words), "{ran:?}");
}

#[test]
fn only_the_edited_rows_of_a_csv_file_change() {
    let before = "\u{feff}id;review;title\r\n1;\"good; \"\"really\"\"\";A\r\n\r\n2; bad ;\r\n3;\"two\r\nlines\";C";
    let project = project("csv", before);
    let toml = project.read("pipeline.toml").replace("key = \"id\"", "key = \"id\"\ndelimiter = \";\"");
    project.write("pipeline.toml", &toml);
    says(&items(&project, &["add", "-i", "4", "text=a;b", "-i", "Ya \"hoo\", Inc. 🙂"]), 0, "reviews.csv: 2 added\n");
    let added = format!("{before}\r\n4;\"a;b\";\r\n\"Ya \"\"hoo\"\", Inc. 🙂\";;\r\n");
    assert_eq!(project.read("reviews.csv"), added);
    says(&items(&project, &["update", "-i", "2", "title=B", "text="]), 0, "reviews.csv: 1 changed\n");
    assert_eq!(project.read("reviews.csv"), added.replace("2; bad ;", "2;;B"));
    says(&items(&project, &["update", "--old", "1", "--new", "one"]), 0, "reviews.csv: 1 renamed\n");
    says(&items(&project, &["remove", "-i", "3", "-i", "4", "-i", "2"]), 0, "reviews.csv: 3 removed\n");
    let left = "\u{feff}id;review;title\r\none;\"good; \"\"really\"\"\";A\r\n\r\n\"Ya \"\"hoo\"\", Inc. 🙂\";;\r\n";
    assert_eq!(project.read("reviews.csv"), left);
}

#[test]
fn only_the_edited_rows_of_a_json_lines_file_change() {
    let before = "{\"id\": 1, \"review\": \"good\", \"labels\": {\"team\": \"x\"}, \"stars\": 5}\n\n{\"id\":\"2\"}";
    let project = project("jsonl", before);
    says(&items(&project, &["add", "-i", "3", "team=y"]), 0, "reviews.jsonl: 1 added\n");
    assert_eq!(project.read("reviews.jsonl"), format!("{before}\n{{\"id\":\"3\",\"team\":\"y\"}}\n"));
    says(&items(&project, &["update", "-i", "1", "team=z"]), 0, "reviews.jsonl: 1 changed\n");
    let row = "{\"id\":1,\"labels\":{\"team\":\"z\"},\"review\":\"good\",\"stars\":5}";
    assert_eq!(project.read("reviews.jsonl"), format!("{row}\n\n{{\"id\":\"2\"}}\n{{\"id\":\"3\",\"team\":\"y\"}}\n"));
    says(&items(&project, &["remove", "-i", "1"]), 0, "reviews.jsonl: 1 removed\n");
    assert_eq!(project.read("reviews.jsonl"), "\n{\"id\":\"2\"}\n{\"id\":\"3\",\"team\":\"y\"}\n");
    let listed = items(&project, &["list", "--filter", "team=y", "--json"]);
    assert_eq!(listed.json(), serde_json::json!([{ "id": "3", "team": "y" }]));
}

#[test]
fn a_duplicate_and_a_missing_item_are_reported_and_harmless() {
    let project = project("csv", "id,review,title\n1,good,A\n");
    let same = items(&project, &["add", "-i", "1", "title=A", "text=good"]);
    says(&same, 0, "reviews.csv: 1 already there, unchanged\n");
    let other = items(&project, &["add", "-i", "1", "title=B"]);
    let words = "reviews.csv: 1 already there with other attributes, not changed\n  ! 1: there already; `--replace` gives it \
                 these attributes\n";
    says(&other, 0, words);
    let missing = items(&project, &["remove", "-i", "9", "--json"]);
    says(&missing, 0, "reviews.csv: 1 not there\n  ! 9: not there\n");
    assert_eq!(missing.json()["edits"][0]["missing"], serde_json::json!(["9"]));
    assert_eq!(project.read("reviews.csv"), "id,review,title\n1,good,A\n");
    says(
        &items(&project, &["add", "-i", "1", "title=B", "--replace", "--dry-run"]),
        0,
        "reviews.csv: 1 replaced (dry run: nothing was written)\n",
    );
    says(&items(&project, &["add", "-i", "1", "title=B", "--replace"]), 0, "reviews.csv: 1 replaced\n");
    assert_eq!(project.read("reviews.csv"), "id,review,title\n1,,B\n");
    says(&items(&project, &["update", "-i", "9", "title=B"]), 1, "reviews.csv: 1 not there\n  ! 9: not there\n");
    let words =
        "error: there is no item `8` in `reviews.csv`: nothing was changed\n  `fanggen items list` shows the items\n";
    says(&items(&project, &["update", "--old", "8", "--new", "1"]), 1, words);
    says(&items(&project, &["add", "-i", "2"]), 0, "reviews.csv: 1 added\n");
    let words = "error: there is an item `1` in `reviews.csv` already: nothing was changed, and `2` is still there\n  remove one \
                 of the two with `fanggen items remove`\n";
    says(&items(&project, &["update", "--old", "2", "--new", "1"]), 1, words);
}

#[test]
fn nothing_is_written_if_any_item_has_a_mistake() {
    let project = project("csv", "id,review,title\n");
    let long = "x".repeat(2_049);
    project.write("new.csv", &format!("id,feed,language\ngood,,\nbad,ftp://x,\n,,\nbad,,English!\n{long},,\nshort\n"));
    let ran =
        items(&project, &["add", "--from", "new.csv", "-i", "7", "foo", "-i", "8", "titel=x", "-i", "9", "a=1", "a=2"]);
    let words = "error: nothing was written: 8 items cannot be used
  -i 7: `foo` is not an attribute such as `title=..`; for another item, write `-i` before it
  -i 8: there is no attribute `titel`; did you mean `title`? For a label, write `labels.titel=..`
  -i 9: the attribute `a` is given twice
  new.csv:3: the feed `ftp://x` is not a valid address; allowed: an HTTP or HTTPS URL such as `https://example.com/path`, \
                 without a user name or password
  new.csv:4: the row has no value in the column `id`
  new.csv:5: `English!` is not a language tag such as `en` or `zh-TW`
  new.csv:6: cannot use the item's key: the key has 2049 bytes; the limit is 1024
  new.csv:7: line 7 has 1 cell; the header has 3
";
    says(&ran, 1, words);
    assert_eq!(project.read("reviews.csv"), "id,review,title\n");

    project.write("twice.csv", "id,title\n1,A\n2,B\n1,A\n2,C\n");
    let words = "error: nothing was written: 1 item cannot be used\n  twice.csv:5: the item `2` was given before, with other \
                 attributes\n";
    says(&items(&project, &["add", "--from", "twice.csv"]), 1, words);
    project.write("other.csv", "name,title\n1,A\n");
    let ran = items(&project, &["add", "--from", "other.csv"]);
    assert!(ran.code == 1 && ran.stderr.contains("`other.csv` has no column `id`: it has `name`, `title`"), "{ran:?}");
    let words = "error: nothing was written: `reviews.csv` has no column `team`; it has `id`, `review`, `title`\n  add the column \
                 to its first line, or leave out the attribute of `1`\n";
    says(&items(&project, &["add", "-i", "1", "team=x"]), 1, words);
    let ran = items(&project, &["add", "--from", "none.csv"]);
    assert!(ran.code == 1 && ran.stderr.starts_with("error: `none.csv` cannot be read: "), "{ran:?}");
    let ran = project.fanggen(&["items", "add", "-f", "new.csv", "-i", "1"]);
    assert!(ran.code == 1 && ran.stderr.contains("for a list of items, write `--from new.csv`"), "{ran:?}");
    for nothing in [&["add"][..], &["remove"], &["update"], &["update", "--old", "1"], &["add", "-i"]] {
        assert_eq!(items(&project, nothing).code, 2, "{nothing:?}");
    }
    project.write("reviews.csv", "id,review,title\n1,a,b\n2,c\n");
    let words = "error: nothing was written: `reviews.csv` cannot be edited: correct these rows first:\n  line 3: line 3 has 2 \
                 cells; the header has 3\n";
    says(&items(&project, &["add", "-i", "4"]), 1, words);
}

#[test]
fn lists_are_read_as_text_csv_and_json_lines() {
    let project = project("csv", "id,review,title\n");
    project.write("empty.txt", "\n\n");
    says(&items(&project, &["add", "--from", "empty.txt"]), 0, "reviews.csv: no items\n");
    project.write("names.txt", "\u{feff}Apple\r\n\r\n Yahoo, Inc. \nApple\n");
    let words = "reviews.csv: 2 added, 1 given more than once\n";
    says(&items(&project, &["add", "--from", "names.txt"]), 0, words);
    project.write("more.jsonl", "{\"id\":\"Lego\",\"title\":\"LEGO\"}\n");
    project.write("header", "title,id\nGoogle LLC,Google\n");
    project.write("lines", "Miele\n");
    for list in ["more.jsonl", "header", "lines"] {
        says(&items(&project, &["add", "--from", list]), 0, "reviews.csv: 1 added\n");
    }
    let csv = "id,review,title\nApple,,\n\"Yahoo, Inc.\",,\nLego,,LEGO\nGoogle,,Google LLC\nMiele,,\n";
    assert_eq!(project.read("reviews.csv"), csv);
    let listed = items(&project, &["list", "--csv"]);
    project.write("listed.csv", &listed.stdout);
    says(&items(&project, &["add", "--from", "listed.csv"]), 0, "reviews.csv: 5 already there, unchanged\n");
    fs::write(project.path().join("bad"), b"Z\xfcrich\n").expect("written");
    let words =
        "error: nothing was written: 1 item cannot be used\n  bad:1: the line is not UTF-8; save the file as UTF-8\n";
    says(&items(&project, &["add", "--from", "bad"]), 1, words);
}

#[test]
fn a_hundred_thousand_items_are_added_and_removed() {
    let project = project("csv", "id,review,title\n");
    let names: String = (0..100_000).map(|number| format!("item {number}\n")).collect();
    project.write("names.txt", &names);
    says(&items(&project, &["add", "--from", "names.txt"]), 0, "reviews.csv: 100000 added\n");
    assert_eq!(project.read("reviews.csv").lines().count(), 100_001);
    says(&items(&project, &["remove", "--from", "names.txt"]), 0, "reviews.csv: 100000 removed\n");
    assert_eq!(project.read("reviews.csv"), "id,review,title\n");
}

#[test]
fn inline_items_are_listed_and_edited_in_the_file() {
    let project = Project::with(
        "[pipeline]\nname = \"p\"\n[sources.a]\ntype = \"inline\"\nitems = [\"x\", { name = \"y\", title = \"Y\" }]\n\
         [sources.b]\ntype = \"inline\"\nitems = [\"z\"]\n[[stages]]\nname = \"text\"\ntype = \"text\"\n[sinks.b]\ntype = \"s3\"\n",
    );
    let listed = project.fanggen(&["items", "list", "--source", "a", "--csv"]);
    assert_eq!((listed.code, listed.stdout.as_str()), (0, "name,title\nx,\ny,Y\n"), "{listed:?}");
    let words = "error: the items of source `a` are in the pipeline's file itself: nothing was changed\n  edit `items` at \
                 pipeline.toml:5, then run `fanggen render && fanggen apply`\n";
    says(&project.fanggen(&["items", "add", "--source", "a", "-i", "w"]), 1, words);
    let words = "error: the pipeline has several sources: `a`, `b`\n  name one with `--source NAME`\n";
    says(&project.fanggen(&["items", "list"]), 1, words);
    let ran = project.fanggen(&["items", "list", "--source", "aa"]);
    assert!(ran.stderr.starts_with("error: there is no source `aa`; known: `a`, `b`; did you mean"), "{ran:?}");
}

#[test]
fn a_command_and_each_change_are_logged() {
    let project = project("csv", "id,review,title\n1,good,A\n");
    let ran = items(&project, &["update", "-i", "1", "title=B", "--log-format", "json", "--json"]);
    assert_eq!(ran.json()["edits"][0]["changed"], 1);
    let lines: Vec<serde_json::Value> =
        ran.stderr.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(lines.len(), 3, "{ran:?}");
    let row = |title: &str| serde_json::json!({ "id": "1", "review": "good", "title": title });
    assert_eq!(
        (&lines[0]["event"], &lines[0]["action"], &lines[0]["item"]),
        (&"change".into(), &"change".into(), &"1".into())
    );
    assert_eq!((&lines[0]["before"], &lines[0]["after"]), (&row("A"), &row("B")));
    assert_eq!((&lines[0]["who"], &lines[0]["place"]), (&"unknown".into(), &"reviews.csv".into()));
    assert_eq!(lines[1]["text"], "reviews.csv: 1 changed");
    let command = &lines[2];
    assert_eq!(
        (&command["event"], &command["pipeline"], &command["environment"]),
        (&"command".into(), &"local".into(), &"dev".into())
    );
    assert!(command["exit_code"] == 0 && command["duration_ms"].as_f64().is_some_and(|took| took > 0.0), "{command}");
    assert_eq!(command["arguments"][0], "items");
    for line in &lines {
        let time = line["time"].as_str().expect("a time");
        assert!(time.parse::<jiff::Timestamp>().is_ok() && time.ends_with('Z'), "{time}");
    }
    // Every command has such a line, also one that fails.
    for (arguments, code) in [(&["validate"][..], 0), (&["validate", "--file", "none.toml"], 1)] {
        let ran = project.fanggen(&[arguments, &["-v"]].concat());
        let last = ran.stderr.lines().last().expect("a line");
        assert!(
            last.contains(&format!(" command fanggen {} -v: exit code {code} after ", arguments.join(" "))),
            "{ran:?}"
        );
    }
    assert!(!items(&project, &["list"]).stderr.contains("command"));
}
