//! Pipelines in temporary folders, rendered by the real binary, and the linter for their templates.
#![allow(dead_code, reason = "each test crate uses only some of it")]
#![allow(clippy::panic, reason = "a test without its pipeline has nothing to judge")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use super::tools;

/// The folder of the golden cases.
pub const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pipelines");

/// A temporary folder with a `pipeline.toml`.
pub struct RenderedProject(TempDir);

impl RenderedProject {
    /// A project with this file.
    pub fn of(pipeline: &str) -> Self {
        let project = Self(tempfile::tempdir().expect("a folder"));
        fs::write(project.path().join("pipeline.toml"), pipeline).expect("a file");
        project
    }

    /// A project with a copy of a folder in it.
    pub fn copy(folder: &Path, pipeline: &Path) -> Self {
        let project = Self(tempfile::tempdir().expect("a folder"));
        copy(folder, project.path());
        fs::copy(pipeline, project.path().join("pipeline.toml")).expect("a copy");
        project
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The text of a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Runs fanggen here.
    pub fn fanggen(&self, args: &[&str]) -> Output {
        fanggen(self.path(), args)
    }

    /// Renders, and asserts success.
    pub fn render(&self) -> &Self {
        good(&self.fanggen(&["render"]));
        self
    }

    /// The rendered files below `generated/`, by their paths, in order.
    pub fn files(&self) -> Vec<(String, String)> {
        let root = self.path().join("generated");
        files(&root).iter().map(|path| (below(&root, path), fs::read_to_string(path).expect("a text"))).collect()
    }

    /// The rendered templates.
    pub fn templates(&self) -> Vec<PathBuf> {
        files(&self.path().join("generated")).into_iter().filter(|path| path.ends_with("template.yaml")).collect()
    }
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(below(from, &file));
        fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        fs::copy(&file, target).expect("a copy");
    }
}

fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).expect("inside").to_string_lossy().into_owned()
}

/// All files below a folder, in order.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The pipelines of a folder: a new case is one file.
pub fn pipelines(folder: &Path) -> Vec<PathBuf> {
    files(folder).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "toml")).collect()
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The root's pipeline, and all examples that there are.
pub fn own() -> Vec<PathBuf> {
    let mut all = vec![repository().join("pipeline.toml")];
    all.extend(pipelines(&repository().join("examples")).into_iter().filter(|path| path.ends_with("pipeline.toml")));
    all
}

/// The golden cases, by name, each in a project of its own.
pub fn cases() -> Vec<(String, RenderedProject)> {
    let cases = pipelines(Path::new(CASES));
    assert!(cases.len() >= 12, "{} cases", cases.len());
    let name = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    cases.iter().map(|path| (name(path), RenderedProject::copy(Path::new(CASES), path))).collect()
}

/// Renders the root's pipeline and all examples below a folder, and gives their templates.
pub fn own_templates(out: &Path) -> Vec<PathBuf> {
    for (place, file) in own().iter().enumerate() {
        let folder = out.join(place.to_string());
        let (file, shown) = (file.display().to_string(), folder.display().to_string());
        good(&fanggen(out, &["--file", &file, "render", "--out", &shown]));
    }
    files(out).into_iter().filter(|path| path.ends_with("template.yaml")).collect()
}

/// Runs the binary in a folder.
pub fn fanggen(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fanggen")).current_dir(folder).args(args).output().expect("fanggen starts")
}

/// Asserts success, and returns stdout.
pub fn good(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Asserts that the linter finds nothing, in one process per core: each loads for a second.
///
/// Informational rules are included: they cover retention, deletion policies and encryption.
pub fn lint(templates: &[PathBuf], more: &[&str]) {
    let linter = tools::cfn_lint();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let parts = templates.chunks(templates.len().div_ceil(cores).max(1));
    let said: Vec<String> = thread::scope(|scope| {
        let run = |part: &[PathBuf]| {
            let mut command = Command::new(&linter);
            command.args(more).args(["--non-zero-exit-code", "informational", "--"]).args(part);
            let output = command.output().expect("cfn-lint starts");
            let said =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            if output.status.success() && said.trim().is_empty() { String::new() } else { format!("{said}\n") }
        };
        let started: Vec<_> = parts.map(|part| scope.spawn(move || run(part))).collect();
        started.into_iter().map(|thread| thread.join().expect("a linter")).collect()
    });
    assert!(said.concat().is_empty(), "cfn-lint says:\n{}", said.concat());
}

/// Templates as read by the linter's YAML reader, which is not ours: short forms of functions are expanded.
pub fn decoded(templates: &[PathBuf]) -> Vec<Value> {
    const SCRIPT: &str = "import json, sys\nfrom cfnlint.decode import decode\n\
        for path in sys.argv[1:]:\n    template, wrong = decode(path)\n    assert not wrong, wrong\n    print(json.dumps(template))";
    let python = tools::cfn_lint().with_file_name("python");
    let output = Command::new(python).args(["-c", SCRIPT]).args(templates).output().expect("python starts");
    good(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
