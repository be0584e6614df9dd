//! Mistakes in `pipeline.toml`, one file each, beside the output of `fanggen validate`.
//!
//! A new case is one file in `tests/mistakes`: `UPDATE_SNAPSHOTS=1 cargo test -p fanggen --test it mistakes` writes what is printed
//! beside it, to be read before it is committed.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fanggen::config::mistake::MistakeCode;
use similar::TextDiff;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes")
}

/// The files of a folder with this ending, in order.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut found: Vec<_> = paths.filter(|path| path.extension() == Some(OsStr::new(ending))).collect();
    found.sort();
    found
}

/// Runs `fanggen validate` on a case, from its folder, so that the report names it by its file name alone.
fn report(case: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_fanggen"))
        .args(["--color", "never", "--file"])
        .arg(case.file_name().expect("a file"))
        .arg("validate")
        .current_dir(folder())
        .output()
        .expect("fanggen runs");
    assert!(output.stdout.is_empty(), "words go to stderr, and there is no data to print");
    let words = String::from_utf8(output.stderr).expect("UTF-8");
    let errors = words.lines().any(|line| line.starts_with("error"));
    assert_eq!(output.status.code(), Some(i32::from(errors)), "{}: errors alone exit with 1\n{words}", case.display());
    words.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn every_mistake_is_reported_as_in_its_snapshot() {
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some() && std::env::var_os("CI").is_none();
    let mut wrong = Vec::new();
    for case in files(&folder(), "toml") {
        let (printed, snapshot) = (report(&case), case.with_extension("stderr"));
        let accepted = fs::read_to_string(&snapshot).unwrap_or_default();
        if printed == accepted {
            continue;
        }
        if update {
            fs::write(&snapshot, &printed).expect("a snapshot that can be written");
        } else {
            let diff = TextDiff::from_lines(&accepted, &printed);
            wrong.push(diff.unified_diff().header(&snapshot.display().to_string(), "printed now").to_string());
        }
    }
    let how = "read the difference; if it is right: UPDATE_SNAPSHOTS=1 cargo test -p fanggen --test it mistakes";
    assert!(wrong.is_empty(), "{}\n{} reports differ; {how}", wrong.join("\n"), wrong.len());
}

#[test]
fn no_snapshot_is_left_behind_by_its_case() {
    let cases: BTreeSet<_> = files(&folder(), "toml").iter().map(|case| case.with_extension("stderr")).collect();
    let left: Vec<_> = files(&folder(), "stderr").into_iter().filter(|snapshot| !cases.contains(snapshot)).collect();
    assert!(left.is_empty(), "{left:?} have no case");
}

#[test]
fn every_code_has_a_case() {
    let printed: String = files(&folder(), "toml").iter().map(|case| report(case)).collect();
    let absent: Vec<_> = MistakeCode::ALL.iter().filter(|code| !printed.contains(&format!("[{code}]"))).collect();
    assert!(absent.is_empty(), "no case of tests/mistakes shows {absent:?}");
}

#[test]
fn many_mistakes_are_reported_at_once() {
    let count = |case: &str| report(&folder().join(case)).lines().filter(|line| line.starts_with("error[")).count();
    assert!(count("everything-wrong.toml") >= 12);
    assert!(count("several-keys-missing.toml") >= 4);
    assert!(count("broken-syntax.toml") >= 2);
}
