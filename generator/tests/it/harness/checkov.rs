//! What checkov says of templates: as they are, and as they would be if they accepted none of its findings.
#![allow(clippy::panic, reason = "a test without its judge stops with the cause")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::tools;

/// A finding: the template, the resource with its type, the check.
pub type Finding = (String, String, String);

/// What was found.
pub struct CheckovReport {
    pub failed: BTreeSet<Finding>,
    pub skipped: BTreeSet<Finding>,
    pub passed: u64,
}

/// Judges a folder of templates. It asks nobody: every way to the network is closed.
pub fn judge(folder: &Path) -> CheckovReport {
    let program = tools::checkov();
    let home = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(program);
    command.args(["--framework", "cloudformation", "--skip-download", "--compact", "--output", "json"]);
    command.arg("--directory").arg(folder).current_dir(&home).env("HOME", home.path());
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    let output = command.output().expect("checkov starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(&said)
        .unwrap_or_else(|error| panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr)));
    let summary = &report["summary"];
    assert_eq!(summary["parsing_errors"], 0, "{summary}");
    let word = |value: &Value| value.as_str().expect("a text").to_owned();
    let list = |kind: &str| {
        let all = report["results"][kind].as_array().expect("a list").iter();
        let finding = |one: &Value| {
            let path = word(&one["file_path"]);
            (path.trim_start_matches('/').to_owned(), word(&one["resource"]), word(&one["check_id"]))
        };
        all.map(finding).collect::<BTreeSet<_>>()
    };
    let passed = summary["passed"].as_u64().expect("a number");
    CheckovReport { failed: list("failed_checks"), skipped: list("skipped_checks"), passed }
}

/// A template without what it says to checkov.
pub fn bare(template: &str) -> String {
    let mut inside = false;
    let kept = template.lines().filter(|line| {
        inside = *line == "    Metadata:" || inside && line.starts_with("     ");
        !inside
    });
    kept.map(|line| format!("{line}\n")).collect()
}

/// Puts texts into a folder, by their names.
pub fn write(folder: &Path, texts: impl IntoIterator<Item = (String, String)>) {
    fs::create_dir_all(folder).expect("a folder");
    for (name, text) in texts {
        fs::write(folder.join(name), text).expect("a file");
    }
}
