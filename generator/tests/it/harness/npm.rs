//! Packages from npm at pinned versions, installed into the tools' cache, each set in a folder of its own.
#![allow(clippy::panic, reason = "a test whose tool cannot be installed has nothing to judge by")]

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools;

/// Whether this machine has Node and npm; says what is skipped if not.
pub fn is_there(tool: &str) -> bool {
    let on_path = |program: &str| {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).any(|folder| folder.join(program).is_file())
    };
    let there = on_path("node") && on_path("npm");
    if !there {
        eprintln!("skipped: {tool}, which needs Node and npm on the PATH");
    }
    there
}

/// The folder with these packages, beside the tools from PyPI. The first names it.
pub fn installed(packages: &[(&str, &str)]) -> PathBuf {
    let program = tools::check_jsonschema();
    let cache = program.ancestors().nth(3).expect("a cache").to_owned();
    let (name, version) = packages.first().expect("a package");
    let folder = cache.join(format!("{}-{version}", name.trim_start_matches('@').replace('/', "-")));
    // Held until the end of this function, and released by the system if the process dies.
    let lock = File::create(folder.with_extension("lock")).expect("a lock file");
    lock.lock().expect("locked");
    if !folder.is_dir() {
        // Under another name first, so that a half installation is never taken for a whole one.
        let draft = tempfile::tempdir_in(&cache).expect("a folder");
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(draft.path());
        run(npm.args(packages.iter().map(|(name, version)| format!("{name}@{version}"))));
        fs::rename(draft.path(), &folder).expect("moved");
    }
    folder
}

/// Runs a command to its end, and gives what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command.current_dir(Path::new("/")).output().expect("started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}
