//! The generated Makefile: all targets of the original's, called from any folder, for environments that exist.

use crate::harness::{rendered, tools};

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rendered::{RenderedProject, repository};

const TARGETS: [&str; 13] = [
    "help", "setup", "env", "install", "bucket", "build", "deploy", "data", "infra", "teardown", "lint", "test", "all",
];

/// What `make -n` of a target says that it would do, in the environment `ENV`: commands of fanggen, in order.
const STEPS: [(&str, &[&str]); 11] = [
    ("env", &["validate --env ENV --explain"]),
    ("install", &["validate"]),
    ("bucket", &["apply --env ENV --only bucket --yes"]),
    ("build", &["build --env ENV --tools \".fanggen/tools\""]),
    ("deploy", &["build --env ENV --tools \".fanggen/tools\"", "render --out \"generated\"", "apply --env ENV --yes"]),
    ("data", &["apply --env ENV --only items --yes"]),
    ("infra", &["render --out \"generated\"", "apply --env ENV --no-items --yes"]),
    ("teardown", &["destroy --env ENV --yes"]),
    ("lint", &["validate", "render --out \"generated\" --check"]),
    ("test", &["run --env ENV"]),
    (
        "all",
        &[
            "validate",
            "validate",
            "render --out \"generated\" --check",
            "run --env ENV",
            "build --env ENV --tools \".fanggen/tools\"",
            "render --out \"generated\"",
            "apply --env ENV --yes",
        ],
    ),
];

/// A copy of the root's project, rendered.
fn project() -> RenderedProject {
    let examples = repository().join("examples");
    let project = RenderedProject::copy(&examples, &repository().join("pipeline.toml"));
    let inner = project.path().join("examples/fang");
    std::fs::create_dir_all(&inner).expect("a folder");
    std::fs::copy(examples.join("fang/texts.jsonl"), inner.join("texts.jsonl")).expect("a copy");
    project.render();
    project
}

/// Runs make in a folder, with nobody to answer a question.
fn make(folder: &Path, args: &[&str]) -> Output {
    make_with(folder, args, &[])
}

fn make_with(folder: &Path, args: &[&str], variables: &[(&str, &OsStr)]) -> Output {
    Command::new("make")
        .current_dir(folder)
        .envs(variables.iter().copied())
        // As where a POSIX shell exports its own.
        .env("ENV", "/home/somebody/.shrc")
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .args(["--no-print-directory", &format!("FANGGEN={}", env!("CARGO_BIN_EXE_fanggen"))])
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("make starts")
}

fn stdout(output: &Output) -> String {
    rendered::good(output)
}

#[test]
fn every_target_exists_and_help_lists_it() {
    let project = project();
    let help = stdout(&make(project.path(), &["-f", "generated/Makefile"]));
    let listed: Vec<&str> = help.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(listed, TARGETS);
    for target in TARGETS {
        stdout(&make(project.path(), &["-f", "generated/Makefile", "-n", target]));
    }
}

#[test]
fn every_target_is_for_the_environment_that_was_asked_for() {
    let project = project();
    for (env, asked) in [("dev", None), ("prod", Some("ENV=prod"))] {
        for (target, steps) in STEPS {
            let mut args = vec!["-f", "generated/Makefile", "-n", target];
            args.extend(asked);
            let said = stdout(&make(project.path(), &args));
            let start = format!("cd \"generated/..\" && {} --file \"pipeline.toml\" ", env!("CARGO_BIN_EXE_fanggen"));
            let done: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix(&start)).collect();
            let expected: Vec<String> = steps.iter().map(|step| step.replace("ENV", env)).collect();
            assert_eq!(done, expected, "{target}: {said}");
        }
    }
}

#[test]
fn build_waits_for_tools_only_where_it_needs_them() {
    let project = project();
    let path = tempfile::tempdir().expect("a folder");
    let tool = |folder: &Path, name: &str| {
        std::fs::create_dir_all(folder).expect("a folder");
        std::os::unix::fs::symlink("/bin/true", folder.join(name)).expect("a link");
    };
    let asks = |more: &[&str]| {
        let args = [&["-f", "generated/Makefile", "-n", "build"], more].concat();
        let whole = std::env::join_paths([path.path(), Path::new("/usr/bin"), Path::new("/bin")]).expect("a path");
        let output = make_with(project.path(), &args, &[("PATH", whole.as_os_str())]);
        let said = stdout(&output);
        (said.contains("pip\" install"), said)
    };
    assert!(asks(&[]).0, "nothing is there");
    let (fetched, said) = asks(&["RUNTIME=my bootstrap"]);
    assert!(!fetched && said.contains("build --env dev --runtime \"my bootstrap\""), "{said}");
    tool(path.path(), "cargo-lambda");
    assert!(asks(&[]).0, "zig is missing");
    tool(path.path(), "zig");
    assert!(!asks(&[]).0, "both are on the path");
    std::fs::remove_file(path.path().join("zig")).expect("gone");
    tool(&project.path().join("my tools/bin"), "cargo-lambda");
    let (fetched, said) = asks(&["TOOLS=my tools"]);
    assert!(!fetched && said.contains("--tools \"my tools\""), "{said}");
}

#[test]
fn an_environment_that_is_not_there_is_refused() {
    let project = project();
    for wrong in ["staging", "%", "dev prod", "", "de"] {
        let output = make(project.path(), &["-f", "generated/Makefile", "teardown", &format!("ENV={wrong}")]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(said.contains(&format!("there is no environment `{wrong}`; known: dev prod.")), "{said}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
}

#[test]
fn the_same_work_is_done_from_wherever_make_is_called() {
    let project = project();
    let (root, generated) = (project.path(), project.path().join("generated"));
    let whole = generated.join("Makefile").display().to_string();
    let calls: [(&Path, &[&str]); 4] = [
        (root, &["-f", "generated/Makefile"]),
        (root, &["-C", "generated"]),
        (&generated, &[]),
        (Path::new("/"), &["-f", &whole]),
    ];
    for (folder, how) in calls {
        let run = |target: &'static str| make(folder, &[how, &["-s", target, "ENV=prod"]].concat());
        let explained = stdout(&run("env"));
        assert!(explained.contains("instances at once"), "{explained}");
        let results = stdout(&run("test"));
        assert!(results.contains("Netflix"), "{results}");
    }
}

#[test]
fn lint_says_what_is_stale_and_what_is_missing() {
    let project = project();
    let tools = tools::cfn_lint().parent().and_then(Path::parent).expect("a folder").display().to_string();
    let linted = make(project.path(), &["-C", "generated", "lint", &format!("TOOLS={tools}")]);
    stdout(&linted);
    let without = make(project.path(), &["-C", "generated", "lint"]);
    assert_eq!(without.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&without.stderr).contains("the linter is not installed: run `make setup`"));
    let template = project.path().join("generated/dev/template.yaml");
    std::fs::write(&template, project.read("generated/dev/template.yaml") + "#\n").expect("a file");
    let stale = make(project.path(), &["-C", "generated", "lint", &format!("TOOLS={tools}")]);
    assert_eq!(stale.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&stale.stderr).contains("stale: 1 file "), "{stale:?}");
}

#[test]
fn a_file_of_another_name_in_a_folder_with_spaces_is_found() {
    let project = project();
    let folder = project.path().join("my pipelines");
    std::fs::create_dir(&folder).expect("a folder");
    let file = project.read("pipeline.toml").replace("[local]\ntexts = \"examples/fang/texts.jsonl\"\n", "");
    std::fs::write(folder.join("the press.toml"), file).expect("a file");
    stdout(&project.fanggen(&["--file", "my pipelines/the press.toml", "render"]));
    let explained = stdout(&make(&folder, &["-C", "generated", "-s", "env"]));
    assert!(explained.contains("instances at once"), "{explained}");
}

#[test]
fn a_name_is_carried_as_it_is_or_refused() {
    let project = project();
    let file = project.read("pipeline.toml");
    let render = |name: &str| {
        std::fs::write(project.path().join(name), &file).expect("a file");
        project.fanggen(&["--file", name, "render"])
    };
    stdout(&render("it's 100% (ours), &c.toml"));
    stdout(&make(project.path(), &["-C", "generated", "-s", "env"]));
    for (name, odd) in
        [("a$b.toml", "`$`"), ("a\"`b.toml", "`\"`, ```"), ("a\nb#.toml", "\\n, `#`"), (" a.toml", "a space")]
    {
        let refused = render(name);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("the Makefile cannot use the name") && said.contains(odd), "{said}");
    }
}
