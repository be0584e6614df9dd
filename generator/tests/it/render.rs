//! `render` writes changed files, all or none; `render --check` writes nothing, and lists stale files.

use crate::harness::rendered;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::time::SystemTime;

use rendered::{CASES, RenderedProject, good};

fn project() -> RenderedProject {
    let file = PathBuf::from(CASES).join("several.toml");
    let project = RenderedProject::copy(CASES.as_ref(), &file);
    project.render();
    project
}

fn change(project: &RenderedProject, from: &str, to: &str) {
    let file = project.read("pipeline.toml");
    assert!(file.contains(from));
    fs::write(project.path().join("pipeline.toml"), file.replace(from, to)).expect("a file");
}

fn times(project: &RenderedProject) -> BTreeMap<String, SystemTime> {
    let time = |path: &str| {
        fs::metadata(project.path().join("generated").join(path)).and_then(|data| data.modified()).expect("a time")
    };
    project.files().into_iter().map(|(path, _)| (path.clone(), time(&path))).collect()
}

fn texts(output: &Output) -> (String, String) {
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn fresh_files_pass_the_check_and_are_not_touched() {
    let project = project();
    let before = times(&project);
    let check = project.fanggen(&["render", "--check"]);
    assert_eq!(good(&check), "");
    assert!(texts(&check).1.contains("up to date: 8 files in generated"), "{check:?}");
    assert!(texts(&project.fanggen(&["render"])).1.contains("up to date: 8 files"));
    assert_eq!(times(&project), before);
}

#[test]
fn stale_files_fail_the_check_with_what_differs() {
    let project = project();
    let before = project.files();
    change(&project, "All sources, all sinks", "All of them");
    let check = project.fanggen(&["render", "--check"]);
    let (diff, words) = texts(&check);
    assert_eq!(check.status.code(), Some(1));
    let expected = "-Description: \"All sources, all sinks\"\n+Description: \"All of them\"\n";
    assert_eq!(diff.matches(expected).count(), 3, "{diff}");
    assert!(diff.starts_with("--- generated/dev/template.yaml\n+++ generated/dev/template.yaml\n"), "{diff}");
    assert!(words.ends_with("stale: 6 files in generated; run `fanggen render`\n"), "{words}");
    assert_eq!(project.files(), before);
    let json = project.fanggen(&["render", "--check", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&texts(&json).0).expect("JSON");
    assert_eq!((&json["fresh"], json["changed"].as_array().map(Vec::len)), (&false.into(), Some(6)));
}

#[test]
fn only_what_changed_is_written() {
    let project = project();
    let before = times(&project);
    change(&project, "functions.memory_mb = 1024", "functions.memory_mb = 2048");
    let (_, words) = texts(&project.fanggen(&["render"]));
    assert!(words.contains(" changed generated/prod/template.yaml\n"), "{words}");
    let changed: Vec<String> =
        times(&project).into_iter().filter(|(path, time)| before[path] != *time).map(|(path, _)| path).collect();
    assert_eq!(changed, ["prod/plan.json", "prod/template.yaml"]);
}

#[test]
fn files_of_a_removed_environment_are_deleted_and_foreign_files_kept() {
    let project = project();
    let generated = project.path().join("generated");
    fs::create_dir(generated.join("notes")).expect("a folder");
    fs::write(generated.join("notes/template.yaml"), "mine").expect("a file");
    fs::write(generated.join("dev/notes.md"), "mine").expect("a file");
    change(&project, "[environments.paused]\nschedule.enabled", "[environments.later]\nschedule.enabled");
    assert_eq!(project.fanggen(&["render", "--check"]).status.code(), Some(1));
    assert!(generated.join("paused/plan.json").exists());
    let (_, words) = texts(&project.fanggen(&["render"]));
    assert!(words.contains(" deleted generated/paused/template.yaml\n"), "{words}");
    assert!(!generated.join("paused").exists());
    assert!(generated.join("later/plan.json").exists() && generated.join("dev/notes.md").exists());
    assert!(generated.join("notes/template.yaml").exists());
    assert_eq!(project.fanggen(&["render", "--check"]).status.code(), Some(0));
}

/// Every file that fanggen knows, in turn, cannot be written: a folder is in its place.
#[test]
fn a_file_that_cannot_be_written_keeps_all_others_as_they_were() {
    for blocked in ["Makefile", "pipeline.schema.json", "dev/plan.json", "prod/template.yaml", "paused/template.yaml"] {
        let project = project();
        change(&project, "All sources, all sinks", "All of them");
        let path = project.path().join("generated").join(blocked);
        fs::remove_file(&path).expect("removed");
        fs::create_dir(&path).expect("a folder");
        fs::write(path.join("in-the-way"), "").expect("a file");
        let before = (project.files(), times(&project));
        let output = project.fanggen(&["render"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(texts(&output).1.contains(&format!("error: `generated/{blocked}` cannot be ")), "{output:?}");
        assert_eq!((project.files(), times(&project)), before, "{blocked}");
    }
}

/// A folder in which nothing can be made: a file has its name.
#[test]
fn an_environment_that_cannot_be_made_keeps_all_files_as_they_were() {
    let project = project();
    fs::write(project.path().join("generated/zuletzt"), "mine").expect("a file");
    let file = project.read("pipeline.toml").replace("All sources, all sinks", "All of them");
    fs::write(project.path().join("pipeline.toml"), file + "\n[environments.zuletzt]\n").expect("a file");
    let before = project.files();
    let output = project.fanggen(&["render"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(project.files(), before);
}

#[test]
fn twenty_renders_give_the_same_bytes() {
    let first = project().files();
    for _ in 0..20 {
        let again = project();
        assert_eq!(again.files(), first);
        assert!(texts(&again.fanggen(&["render"])).1.contains("up to date: 8 files"));
    }
}

#[test]
fn a_broken_file_changes_nothing() {
    let project = project();
    let before = (project.files(), times(&project));
    change(&project, "type = \"comprehend\"", "type = \"comprehends\"");
    let output = project.fanggen(&["render"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(texts(&output).1.contains("error[E006]"), "{output:?}");
    assert_eq!((project.files(), times(&project)), before);
}

#[test]
fn another_output_folder_works() {
    let project = project();
    good(&project.fanggen(&["render", "--out", "else/where"]));
    let makefile = project.read("else/where/Makefile");
    assert!(makefile.contains("ROOT         := .\nGENERATED    := else/where\n"), "{makefile}");
    // The one beside the file is the same, however it is named.
    for out in ["generated", "generated"] {
        good(&project.fanggen(&["render", "--check", "--out", out]));
    }
}

#[test]
fn files_checked_out_with_crlf_are_up_to_date() {
    let project = project();
    for file in ["generated/Makefile", "generated/pipeline.schema.json"] {
        let path = project.path().join(file);
        let text = fs::read_to_string(&path).expect("UTF-8");
        fs::write(path, text.replace('\n', "\r\n")).expect("written");
    }
    good(&project.fanggen(&["render", "--check"]));
}

#[test]
fn a_file_not_made_by_fanggen_is_not_replaced() {
    let project = project();
    let makefile = project.path().join("generated/Makefile");
    fs::write(&makefile, "all:\n\techo mine\n").expect("a file");
    change(&project, "All sources, all sinks", "All of them");
    let before = project.files();
    let render = project.fanggen(&["render"]);
    assert_eq!(render.status.code(), Some(1));
    assert!(
        texts(&render).1.contains("`generated/Makefile` cannot be replaced: it was not generated by fanggen"),
        "{render:?}"
    );
    assert_eq!(project.files(), before, "and nothing else was");
}
