//! A project in an empty folder, and the `fanggen` binary run in it as a user would.

#![allow(dead_code, reason = "each test file uses its own part of the harness")]
#![allow(clippy::panic, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fanggen_runtime::testing::process::ProcessOutput;
use tempfile::TempDir;

/// A project in a temporary folder.
pub struct Project {
    folder: TempDir,
}

/// The folder of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

impl Project {
    /// An empty folder.
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    /// A copy of one of the examples.
    pub fn example(name: &str) -> Self {
        let project = Self::empty();
        copy(&workspace().join("examples").join(name), project.path());
        project
    }

    /// A copy of what the root of the workspace offers to a new user.
    pub fn root() -> Self {
        let project = Self::empty();
        fs::copy(workspace().join("pipeline.toml"), project.path().join("pipeline.toml")).expect("copied");
        copy(&workspace().join("examples"), &project.path().join("examples"));
        copy(&workspace().join("generated"), &project.path().join("generated"));
        project
    }

    /// A folder with this `pipeline.toml`.
    pub fn with(toml: &str) -> Self {
        let project = Self::empty();
        project.write("pipeline.toml", toml);
        project
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// All files below a folder, by their paths from it.
    pub fn files(&self, folder: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.path().join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
            }
        }
        found.sort();
        found
    }

    /// Runs `fanggen` here, with nothing of this machine's environment but the path.
    pub fn fanggen(&self, arguments: &[&str]) -> ProcessOutput {
        self.run(Command::new(env!("CARGO_BIN_EXE_fanggen")).args(arguments))
    }

    pub fn run(&self, command: &mut Command) -> ProcessOutput {
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.current_dir(self.path()).env_clear().env("PATH", path).output().expect("started").into()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        // Results of a run that somebody made in the examples are not part of them.
        if entry.file_name() == ".fanggen" || entry.file_name() == "generated" {
            continue;
        }
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}
