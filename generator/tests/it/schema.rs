//! The JSON Schema agrees with fanggen: it accepts valid files, rejects invalid ones, and describes every key.

use crate::harness::{rendered, tools};

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rendered::{CASES, RenderedProject, own, pipelines};
use serde_json::Value;

const MINIMAL: &str = include_str!("../pipelines/minimal.toml");

/// What taplo has to say of files, and whether it accepts them.
fn judge(schema: &Path, files: &[PathBuf]) -> (bool, String) {
    let schema = format!("file://{}", schema.display());
    let folder = schema.strip_prefix("file://").map(Path::new).and_then(Path::parent).expect("a folder");
    let output = Command::new(tools::taplo())
        .current_dir(folder)
        .args(["check", "--no-auto-config", "--schema", &schema])
        .args(files)
        .output()
        .expect("taplo starts");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn schema(project: &RenderedProject) -> PathBuf {
    project.render().path().join("generated/pipeline.schema.json")
}

#[test]
fn it_accepts_every_pipeline_that_fanggen_accepts() {
    let project = RenderedProject::of(MINIMAL);
    let mut files = own();
    files.extend(pipelines(Path::new(CASES)));
    let (good, said) = judge(&schema(&project), &files);
    assert!(good, "{said}");
}

#[test]
fn it_refuses_what_fanggen_refuses() {
    let project = RenderedProject::of(MINIMAL);
    let schema = schema(&project);
    let wrong = [
        ("an unknown key", MINIMAL.replace("name = \"least\"", "name = \"least\"\nnome = \"x\"")),
        ("an unknown section", format!("{MINIMAL}\n[sink]\n")),
        ("an unknown setting of a stage", MINIMAL.replace("\"lexicon\"", "\"lexicon\"\nsentences = 3")),
        ("an unknown type", MINIMAL.replace("\"lexicon\"", "\"lexikon\"")),
        ("a sink's type for a source", MINIMAL.replace("\"inline\"", "\"s3\"")),
        ("a wrong type of value", format!("{MINIMAL}\n[functions]\nmemory_mb = \"256\"\n")),
        ("a number out of range", format!("{MINIMAL}\n[functions]\nmemory_mb = 64\n")),
        ("a number that CloudWatch does not know", format!("{MINIMAL}\n[logs]\nretention_days = 31\n")),
        ("a word that is none of those known", format!("{MINIMAL}\n[functions]\narchitecture = \"arm\"\n")),
        ("a name that is none", MINIMAL.replace("\"least\"", "\"Least\"")),
        ("a stage without a name", MINIMAL.replace("name = \"review\"\n", "")),
        ("a stage without a type", MINIMAL.replace("type = \"lexicon\"\n", "")),
        ("no sinks", MINIMAL.replace("[sinks.archive]\ntype = \"s3\"\n", "")),
        ("stages as a table", MINIMAL.replace("[[stages]]\nname = \"review\"", "[stages.x]\nname = \"review\"")),
        ("an unknown key of an environment", format!("{MINIMAL}\n[environments.dev]\nschedul.expression = \"x\"\n")),
        (
            "an unknown key in a section of an environment",
            format!("{MINIMAL}\n[environments.dev]\naws.regio = \"x\"\n"),
        ),
        (
            "an unknown setting in an environment",
            format!("{MINIMAL}\n[environments.dev.sinks.archive]\nforma = \"x\"\n"),
        ),
        ("a scope without actions", format!("{MINIMAL}\n[[iam.scopes]]\nfunction = \"worker\"\nresources = []\n")),
    ];
    for (what, text) in wrong {
        let file = project.path().join("wrong.toml");
        fs::write(&file, &text).expect("a file");
        let refused = project.fanggen(&["--file", "wrong.toml", "validate"]);
        assert_eq!(refused.status.code(), Some(1), "fanggen accepts {what}");
        let (good, said) = judge(&schema, std::slice::from_ref(&file));
        assert!(!good, "the schema accepts {what}:\n{text}");
        assert!(said.contains("wrong.toml:") || said.contains("invalid"), "{said}");
    }
}

#[test]
fn an_environment_need_not_repeat_what_the_file_says() {
    let project = RenderedProject::of(MINIMAL);
    let schema = schema(&project);
    let file = project.path().join("right.toml");
    let overlay = "[environments.dev]\npipeline.description = \"x\"\nstages.sentiment.isolate = true\n\
                   sinks.archive.format = \"csv\"\nstages.review.type = \"wikipedia\"\nstages.review.sentences = 1\n";
    fs::write(&file, format!("{MINIMAL}\n{overlay}")).expect("a file");
    rendered::good(&project.fanggen(&["--file", "right.toml", "validate"]));
    let (good, said) = judge(&schema, &[file]);
    assert!(good, "{said}");
}

#[test]
fn every_key_is_described_and_the_whole_is_small() {
    let project = RenderedProject::of(MINIMAL);
    let text = fs::read_to_string(schema(&project)).expect("a schema");
    assert!(text.len() < 70_000, "{} bytes", text.len());
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    let mut bare = Vec::new();
    for (name, definition) in schema["definitions"].as_object().expect("definitions") {
        assert!(definition["description"].is_string(), "{name}");
        described(name, definition, &mut bare);
    }
    assert!(bare.is_empty(), "without a description: {bare:?}");
    assert!(!text.contains("null") && !text.contains("writeOnly"), "TOML has no null");
}

fn described(path: &str, schema: &Value, bare: &mut Vec<String>) {
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        if !property["description"].is_string() {
            bare.push(path.clone());
        }
        described(&path, property, bare);
        described(&path, &property["items"], bare);
    }
}
