//! Faults of the original project on the user's machine, and that every test exists which `docs/proofs.md` names for them.
#![allow(clippy::panic, reason = "a test that cannot go on has failed")]

use crate::harness::project;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use project::{Project, workspace};

/// The tests that a row of a table names, in backticks.
fn named(row: &str) -> Vec<&str> {
    let is_name = |word: &&str| {
        word.contains('_')
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    // Every other part stands between backticks.
    row.split('`').skip(1).step_by(2).filter(is_name).collect()
}

/// The names of all tests below a folder of sources.
fn tests(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten() {
        let path = entry.path();
        if path.is_dir() {
            tests(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            let mut marked = false;
            for line in text.lines().map(str::trim) {
                marked |= line == "#[test]" || line.starts_with("#[tokio::test");
                let name =
                    line.trim_start_matches("async ").strip_prefix("fn ").and_then(|rest| rest.split('(').next());
                if let Some(name) = name {
                    if marked {
                        found.insert(name.to_owned());
                    }
                    marked = false;
                }
            }
        }
    }
}

#[test]
fn every_fault_of_the_original_has_an_existing_test() {
    let text = fs::read_to_string(workspace().join("docs/proofs.md")).expect("a text");
    let section =
        text.split("\n## ").find(|section| section.starts_with("The original's faults\n")).expect("a section");
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() >= 12, "{rows:?}");
    let mut there = BTreeSet::new();
    for folder in ["generator/src", "generator/tests", "runtime/src", "runtime/tests"] {
        tests(&workspace().join(folder), &mut there);
    }
    for row in rows {
        let names = named(row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default());
        assert!(!names.is_empty(), "no test in the last column: {row}");
        for name in names {
            assert!(there.contains(name), "there is no test `{name}`: {row}");
        }
    }
}

#[test]
fn command_line_errors_never_exit_with_success() {
    // The original's exited with 0.
    let project = Project::root();
    for (arguments, said) in [
        (&["aply"][..], "error: unrecognized subcommand 'aply'\n"),
        (&["render", "--evn", "dev"], "error: unexpected argument '--evn' found\n"),
        (&["render", "--env"], "error: "),
        (&["run", "too", "many"], "error: unexpected argument 'too' found\n"),
    ] {
        let ran = project.fanggen(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.starts_with(said) && ran.stderr.contains("--help"), "{ran:?}");
    }
    let ran = project.fanggen(&["validate", "absent.toml"]);
    assert!(ran.code != 0 && ran.stderr.starts_with("error"), "{ran:?}");
}

#[test]
fn a_duplicate_item_is_reported() {
    // The original's answer was a traceback of its database's client.
    let project = Project::root();
    let toml = project.read("pipeline.toml").replace("    \"Google\",\n", "    \"Google\",\n    \"Facebook\",\n");
    project.write("pipeline.toml", &toml);
    let ran = project.fanggen(&["render"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.starts_with("error[E031]: the item `Facebook` is listed twice\n"), "{ran:?}");
    let line = toml.lines().position(|line| line == "    \"Facebook\",").map(|place| place + 1).expect("a line");
    let last =
        toml.lines().collect::<Vec<_>>().iter().rposition(|line| *line == "    \"Facebook\",").expect("a line") + 1;
    assert!(line < last && ran.stderr.contains(&format!("--> pipeline.toml:{last}:5\n")), "{ran:?}");
}

#[test]
fn rendered_files_name_no_account_and_buckets_are_named_by_the_deployed_one() {
    let project = Project::root();
    assert!(!project.read("pipeline.toml").contains("account"));
    let ran = project.fanggen(&["render"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for environment in ["dev", "prod"] {
        let template = project.read(&format!("generated/{environment}/template.yaml"));
        let number = regex_lite::Regex::new(r"\b[0-9]{12}\b").expect("a pattern");
        assert_eq!(number.find(&template).map(|found| found.as_str()), None);
        let buckets: Vec<&str> = template.lines().filter(|line| line.trim_start().starts_with("BucketName:")).collect();
        assert!(!buckets.is_empty());
        for bucket in buckets {
            assert!(bucket.contains("${AWS::AccountId}") && bucket.contains(environment), "{bucket}");
        }
    }
}
