//! `fanggen render --ci github`: a valid workflow with minimal permissions, for any names.

use crate::harness::{actionlint, rendered, tools, yaml};

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex_lite::Regex;
use rendered::{CASES, RenderedProject, good, pipelines, repository};
use serde_json::{Value, json};

fn root() -> RenderedProject {
    RenderedProject::copy(&repository().join("examples"), &repository().join("pipeline.toml"))
}

/// The root's pipeline, whose texts are found from it.
fn prepared() -> RenderedProject {
    let project = root();
    let folder = project.path().join("examples/fang");
    fs::create_dir_all(&folder).expect("a folder");
    fs::copy(repository().join("examples/fang/texts.jsonl"), folder.join("texts.jsonl")).expect("a copy");
    project
}

fn read(project: &RenderedProject, path: &str) -> Value {
    yaml::read(&project.read(path)).expect("YAML")
}

/// Checks workflows against GitHub's schema, by the linter, and by the scanner for weaknesses: none has a finding.
fn valid(files: &[PathBuf]) {
    let mut command = Command::new(tools::check_jsonschema());
    good(&command.args(["--builtin-schema", "vendor.github-workflows"]).args(files).output().expect("started"));
    assert_eq!(actionlint::lint(files).unwrap_or_default(), [""; 0]);
    // The strictest of its levels, which also asks for what only might be a weakness.
    let mut command = Command::new(tools::zizmor());
    command.args(["--offline", "--no-config", "--no-progress", "--color", "never", "--persona", "auditor"]).args(files);
    good(&command.output().expect("started"));
}

/// All values below one, with their paths.
fn walk<'a>(value: &'a Value, path: &str, see: &mut dyn FnMut(&str, &'a Value)) {
    see(path, value);
    match value {
        Value::Array(list) => list.iter().for_each(|inner| walk(inner, path, see)),
        Value::Object(map) => map.iter().for_each(|(name, inner)| walk(inner, &format!("{path}/{name}"), see)),
        _ => {}
    }
}

#[test]
fn a_workflow_checks_plans_and_applies() {
    let project = prepared();
    let ran = project.fanggen(&["render", "--ci", "github"]);
    good(&ran);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(said.contains("     new .github/workflows/fang.yml\n"), "{said}");
    assert!(said.ends_with("7 of 7 files written in generated and .github/workflows\n"), "{said}");
    valid(&[project.path().join(".github/workflows/fang.yml")]);
    let workflow = read(&project, ".github/workflows/fang.yml");
    assert_eq!(workflow["on"], json!({ "pull_request": null, "push": { "branches": ["main"] } }));
    assert_eq!(workflow["permissions"], json!({}));
    assert_eq!(workflow["defaults"]["run"]["working-directory"], ".");
    let jobs = workflow["jobs"].as_object().expect("jobs");
    let names: Vec<&str> = jobs.keys().map(String::as_str).collect();
    assert_eq!(names, ["apply-dev", "apply-prod", "check", "plan-dev", "plan-prod"]);
    assert_eq!(jobs["check"]["permissions"], json!({ "contents": "read" }));
    for env in ["dev", "prod"] {
        let (plan, apply) = (&jobs[&format!("plan-{env}")], &jobs[&format!("apply-{env}")]);
        let rights = json!({ "contents": "read", "id-token": "write", "pull-requests": "write" });
        assert_eq!(plan["permissions"], rights);
        let group = format!("plan-fang-{env}-${{{{ github.ref }}}}");
        assert_eq!(plan["concurrency"], json!({ "group": group, "cancel-in-progress": false }));
        assert_eq!(apply["concurrency"], json!({ "group": format!("fang-{env}"), "cancel-in-progress": false }));
        assert_eq!((&apply["environment"], &apply["env"]["ENVIRONMENT"]), (&json!(env), &json!(env)));
        assert_eq!(apply["if"], "github.event_name == 'push'");
        let role = format!("${{{{ vars.AWS_ROLE_ARN_{} }}}}", env.to_uppercase());
        let mut roles = Vec::new();
        walk(apply, "", &mut |path, value| roles.extend(path.ends_with("/role-to-assume").then_some(value)));
        assert_eq!(roles, [&json!(role)]);
    }
    // Somebody approves what goes beyond the default environment, and only after that one is good.
    assert_eq!(jobs["apply-dev"]["needs"], json!(["check"]));
    assert_eq!(jobs["apply-prod"]["needs"], json!(["check", "apply-dev"]));
    let guarded = |job: &str| jobs[job].to_string().contains("required_reviewers");
    assert!(guarded("apply-prod") && !guarded("apply-dev"));
    assert_eq!(
        jobs["apply-prod"]["permissions"],
        json!({ "actions": "read", "contents": "read", "id-token": "write" })
    );
}

#[test]
fn a_workflow_contains_no_expressions_in_scripts_and_no_keys() {
    let project = prepared();
    good(&project.fanggen(&["render", "--ci", "github"]));
    let text = project.read(".github/workflows/fang.yml");
    assert!(
        !text.contains("secrets.") && !text.contains("access-key") && !text.contains("pull_request_target"),
        "{text}"
    );
    let (mut scripts, mut actions) = (0, 0);
    let pinned = Regex::new("^[a-z-]+/[a-z-]+@[0-9a-f]{40}$").expect("an expression");
    let workflow = yaml::read(&text).expect("YAML");
    walk(&workflow, "", &mut |path, value| match (path.rsplit('/').next(), value) {
        (Some("run" | "script"), Value::String(script)) => {
            scripts += 1;
            assert!(!script.contains("${{"), "an expression becomes part of a script: {script}");
        }
        (Some("uses"), Value::String(action)) => {
            actions += 1;
            assert!(pinned.is_match(action), "{action}");
        }
        _ => {}
    });
    assert!(scripts > 10 && actions > 10, "{scripts} {actions}");
    let versioned = Regex::new("uses: [a-z/-]+@[0-9a-f]{40} # v[0-9.]+\n").expect("an expression");
    assert_eq!(versioned.find_iter(&text).count(), actions, "the version of a commit stands beside it");
}

#[test]
fn a_workflow_for_china_asks_for_a_token_of_its_own_partition() {
    let project = prepared();
    good(&project.fanggen(&["render", "--ci", "github"]));
    let before = project.read(".github/workflows/fang.yml");
    assert!(!before.contains("audience:"), "{before}");
    let file = project.read("pipeline.toml").replace("detect = [\"sentiment\", \"entities\"]\n", "");
    // Its tests throttle the paid engine.
    let file = file[..file.find("[[tests]]").unwrap_or(file.len())]
        .replace("type = \"comprehend\"", "type = \"lexicon\"")
        .replace("arn:aws:iam::aws:", "arn:aws-cn:iam::aws:");
    fs::write(project.path().join("pipeline.toml"), file + "\n[aws]\nregion = \"cn-north-1\"\n").expect("written");
    good(&project.fanggen(&["render", "--ci", "github"]));
    let workflow = project.path().join(".github/workflows/fang.yml");
    let text = fs::read_to_string(&workflow).expect("UTF-8");
    let roles = text.matches("role-to-assume:").count();
    assert!(roles >= 2 && text.matches("          audience: sts.amazonaws.com.cn\n").count() == roles, "{text}");
    valid(&[workflow]);
}

#[test]
fn check_reports_a_stale_workflow_and_a_foreign_one_is_not_replaced() {
    let project = prepared();
    good(&project.fanggen(&["render"]));
    let check = || {
        let ran = project.fanggen(&["render", "--ci", "github", "--check"]);
        (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    let stale = "stale: 1 file in generated and .github/workflows; run `fanggen render --ci github`\n".to_owned();
    assert_eq!(check(), (Some(1), stale.clone()));
    good(&project.fanggen(&["render", "--ci", "github"]));
    assert_eq!(check(), (Some(0), "up to date: 7 files in generated and .github/workflows\n".to_owned()));
    let path = project.path().join(".github/workflows/fang.yml");
    fs::write(&path, project.read(".github/workflows/fang.yml") + "#\n").expect("a file");
    assert_eq!(check(), (Some(1), stale));
    fs::write(&path, "name: theirs\n").expect("a file");
    let refused = project.fanggen(&["render", "--ci", "github"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("`.github/workflows/fang.yml` cannot be replaced: it was not generated by fanggen"),
        "{said}"
    );
    assert_eq!(project.read(".github/workflows/fang.yml"), "name: theirs\n");
}

#[test]
fn the_workflow_of_a_previous_name_is_deleted() {
    let project = prepared();
    good(&project.fanggen(&["render", "--ci", "github"]));
    let folder = project.path().join(".github/workflows");
    let other = project.read(".github/workflows/fang.yml").replacen("pipeline.toml", "other.toml", 1);
    fs::write(folder.join("other.yml"), other).expect("a file");
    fs::write(folder.join("theirs.yml"), "name: theirs\n").expect("a file");
    let file = project.read("pipeline.toml").replace("name = \"fang\"", "name = \"claw\"");
    fs::write(project.path().join("pipeline.toml"), file).expect("a file");
    good(&project.fanggen(&["render", "--ci", "github"]));
    let names: Vec<_> = rendered::files(&folder).iter().map(|path| path.file_name().map(ToOwned::to_owned)).collect();
    assert_eq!(names, ["claw.yml", "other.yml", "theirs.yml"].map(|name| Some(name.into())));
}

#[test]
fn in_a_repository_the_workflow_is_at_its_top() {
    let project = prepared();
    fs::create_dir(project.path().join(".git")).expect("a folder");
    let inner = project.path().join("it's 100% (ours), &c: - x/[[ y ]] {{ z }} {% raw %}");
    fs::create_dir_all(&inner).expect("a folder");
    let file = project.read("pipeline.toml").replace("texts = \"examples/fang/texts.jsonl\"", "");
    fs::write(inner.join("the: 'press'.toml"), file).expect("a file");
    good(&rendered::fanggen(&inner, &["--file", "the: 'press'.toml", "render", "--ci", "github"]));
    let path = ".github/workflows/fang.yml";
    let workflow = read(&project, path);
    let folder = &workflow["defaults"]["run"]["working-directory"];
    assert_eq!(folder, "it's 100% (ours), &c: - x/[[ y ]] {{ z }} {% raw %}");
    assert_eq!(workflow["env"]["PIPELINE_FILE"], "the: 'press'.toml");
    // No source of fanggen in it: it is fetched from where a variable says.
    assert!(project.read(path).contains("vars.FANGGEN_GIT"));
    valid(&[project.path().join(path)]);
    for (name, text) in [("Cargo.toml", ""), ("runtime/Cargo.toml", "[package]\nname = \"fanggen-runtime\"\n")] {
        let path = project.path().join("its source").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let below = project.path().join("its source/pipelines");
    fs::create_dir(&below).expect("a folder");
    fs::copy(inner.join("the: 'press'.toml"), below.join("pipeline.toml")).expect("a copy");
    good(&rendered::fanggen(&below, &["render", "--ci", "github"]));
    let workflow = read(&project, path);
    assert_eq!(workflow["defaults"]["run"]["working-directory"], "its source/pipelines");
    let mut folders = Vec::new();
    walk(&workflow, "", &mut |path, value| folders.extend(path.ends_with("/FOLDER").then_some(value)));
    assert_eq!(folders, ["its source"]);
    assert!(!project.read(path).contains("vars.FANGGEN_GIT"));
    valid(&[project.path().join(path)]);
    let odd = inner.join("a$b.toml");
    fs::copy(inner.join("the: 'press'.toml"), &odd).expect("a copy");
    let refused = rendered::fanggen(&inner, &["--file", "a$b.toml", "render", "--ci", "github"]);
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn every_golden_case_has_a_valid_workflow() {
    let cases: Vec<(RenderedProject, PathBuf)> = pipelines(Path::new(CASES))
        .iter()
        .map(|path| {
            let project = RenderedProject::copy(Path::new(CASES), path);
            good(&project.fanggen(&["render", "--ci", "github"]));
            let files = rendered::files(&project.path().join(".github/workflows"));
            assert_eq!(files.len(), 1, "{path:?}");
            let file = files.into_iter().next().expect("a workflow");
            (project, file)
        })
        .collect();
    valid(&cases.iter().map(|(_, file)| file.clone()).collect::<Vec<_>>());
    for (project, file) in cases {
        let workflow = yaml::read(&fs::read_to_string(file).expect("a text")).expect("YAML");
        let jobs = workflow["jobs"].as_object().expect("jobs");
        let folders = fs::read_dir(project.path().join("generated")).expect("a folder").flatten();
        for environment in folders.filter(|entry| entry.path().is_dir()) {
            let name = environment.file_name().to_string_lossy().into_owned();
            assert_eq!(jobs[&format!("apply-{name}")]["environment"], name.as_str());
            assert!(jobs.contains_key(&format!("plan-{name}")), "{name}");
        }
    }
}
