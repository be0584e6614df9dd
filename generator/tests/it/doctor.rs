//! `fanggen doctor`: what is missing is named with what to do about it, and nothing is changed.

use serde_json::Value;

#[cfg(feature = "aws")]
use crate::harness::aws::deployed::{Deployed, Program};
use crate::harness::project::Project;

const TOML: &str = "[pipeline]\nname = \"NAME\"\n[sources.companies]\ntype = \"inline\"\nitems = [\"a\"]\n\
                    [[stages]]\nname = \"text\"\ntype = \"text\"\n[[stages]]\nname = \"words\"\ntype = \"lexicon\"\n\
                    [sinks.archive]\ntype = \"s3\"\n";

/// The check with this name: its outcome, what was found, and what to do.
fn check(report: &Value, name: &str) -> (String, String, String) {
    let all = report["checks"].as_array().expect("checks");
    let check = all.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check `{name}`: {report}"));
    let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
    (text("outcome"), text("found"), text("mend"))
}

#[test]
fn without_a_pipeline_it_says_how_to_get_one() {
    let project = Project::empty();
    let ran = project.fanggen(&["doctor", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let (outcome, found, mend) = check(&ran.json(), "pipeline.toml");
    assert_eq!((outcome.as_str(), found.as_str()), ("warning", "not found in this folder"));
    assert!(mend.contains("`fanggen init`"), "{mend}");
    let named = project.fanggen(&["-f", "gone.toml", "doctor"]);
    assert!(
        named.stdout.contains("problem  gone.toml: `gone.toml` cannot be read: there is no such file"),
        "{named:?}"
    );
}

#[test]
fn a_broken_pipeline_is_a_problem_and_a_stale_folder_is_a_warning() {
    let project = Project::with(&TOML.replace("NAME", "p").replace("lexicon", "lexcion"));
    let ran = project.fanggen(&["doctor"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("problem  pipeline.toml: 1 error\n         run `fanggen validate`\n"), "{ran:?}");
    assert!(
        ran.stderr.ends_with("1 problem, 0 warnings\n") || ran.stderr.ends_with("1 problem, 1 warning\n"),
        "{ran:?}"
    );

    let project = Project::with(&TOML.replace("NAME", "p"));
    let report = project.fanggen(&["doctor", "--offline", "--json"]).json();
    let (outcome, found, mend) = check(&report, "generated");
    assert_eq!(outcome, "warning", "{found}");
    assert!(found.ends_with("files are missing or out of date") && mend == "run `fanggen render`", "{found}: {mend}");
    assert!(project.files("generated").is_empty(), "nothing is written");
    assert_eq!(project.fanggen(&["render"]).code, 0);
    let unknown = project.fanggen(&["doctor", "--offline", "--env", "nope"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("there is no environment `nope`"), "{unknown:?}");
    let report = project.fanggen(&["doctor", "--offline", "--json"]).json();
    assert_eq!(check(&report, "generated").0, "ok");
    assert_eq!(check(&report, "pipeline.toml").1, "valid for dev");
    std::fs::remove_dir_all(project.path().join("generated")).expect("removed");
    project.write("generated", "a file");
    let ran = project.fanggen(&["doctor", "--offline", "--json"]);
    assert_eq!(
        (ran.code, check(&ran.json(), "generated").0.as_str()),
        (1, "problem"),
        "and the other checks are there"
    );
}

#[cfg(feature = "aws")]
#[test]
fn what_a_build_lacks_is_named_with_how_to_get_it() {
    let project = Project::with(&TOML.replace("NAME", "p"));
    let report = project.fanggen(&["doctor", "--offline", "--json"]).json();
    let (outcome, found, mend) = check(&report, "function binary (arm64)");
    assert_eq!((outcome.as_str(), found.as_str()), ("warning", "not built yet"));
    assert!(mend.contains("`fanggen build`"), "{mend}");
    let (outcome, found, mend) = check(&report, "Rust, cargo-lambda, Zig");
    assert_eq!(outcome, "warning");
    assert!(found.starts_with("fanggen's source") && mend.contains("--source FOLDER"), "{found}: {mend}");
    project.write(".fanggen/arm64/bootstrap.zip", "no zip");
    let ran = project.fanggen(&["doctor", "--offline", "--json"]);
    assert_eq!((ran.code, check(&ran.json(), "function binary (arm64)").0.as_str()), (1, "problem"));
    assert_eq!(check(&ran.json(), "Rust, cargo-lambda, Zig").0, "skipped", "who has a binary needs no compiler");
}

#[cfg(feature = "aws")]
#[test]
fn credentials_and_quotas_are_asked_of_the_account() {
    let project = Project::with(TOML);
    let without = project.run(
        std::process::Command::new(env!("CARGO_BIN_EXE_fanggen"))
            .args(["doctor", "--json"])
            .env("AWS_EC2_METADATA_DISABLED", "true"),
    );
    assert_eq!(without.code, 1, "{without:?}");

    let deployed = Deployed::new(Project::with(TOML), "doctor", Program::Hollow);
    let ran = deployed.fanggen(&["doctor", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let (outcome, found, _) = check(&ran.json(), "AWS credentials (dev)");
    assert!(outcome == "ok" && found.starts_with("arn:aws:iam::"), "{found}");
    assert_eq!(check(&ran.json(), "Lambda quota (dev)").0, "ok", "{ran:?}");
    let toml = deployed.project.read("pipeline.toml");
    let account = regex_lite::Regex::new("account = \"[0-9]+\"").expect("a pattern");
    deployed.project.write("pipeline.toml", &account.replace(&toml, "account = \"999999999999\""));
    let wrong = deployed.fanggen(&["doctor", "--json"]);
    assert_eq!(wrong.code, 1, "{wrong:?}");
    let (outcome, found, mend) = check(&wrong.json(), "AWS credentials (dev)");
    assert!(outcome == "problem" && found.contains("but `[aws] account` is 999999999999"), "{found}");
    assert!(mend.starts_with("use credentials for account 999999999999, not those of arn:"), "{mend}");
}
