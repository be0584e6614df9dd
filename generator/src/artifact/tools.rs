//! Finds fanggen's source, the compiler, and the two tools that build for Lambda.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::BuildError;
use crate::config::sections::Architecture;
use crate::source::{above, is_source};

/// How Python runs the zig of the package `ziglang`.
const ZIGLANG: [&str; 3] = ["-m", "ziglang", "version"];

/// The programs of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    /// cargo-lambda itself.
    pub cargo_lambda: PathBuf,
    /// The environment variable that tells cargo-lambda where zig is, and its value.
    pub zig: (&'static str, OsString),
}

impl Tools {
    /// Searches the PATH, then the tools folder.
    ///
    /// # Errors
    /// A missing tool, with how to install it.
    pub fn find(tools: &Path) -> Result<Self, BuildError> {
        for program in ["cargo", "rustc"] {
            on_path(program).ok_or(BuildError::NoRust(program))?;
        }
        let missing = |what, how| BuildError::NoTool { what, how, tools: tools.to_owned() };
        // Absolute, since the programs are started in another folder.
        let own = std::path::absolute(tools.join("bin")).unwrap_or_else(|_| tools.join("bin"));
        let own_program = |name: &str| Some(own.join(name)).filter(|path| is_program(path));
        let cargo_lambda = on_path("cargo-lambda")
            .or_else(|| own_program("cargo-lambda"))
            .ok_or_else(|| missing("cargo-lambda", "<https://www.cargo-lambda.info/guide/installation.html>"))?;
        let named = |name| env::var_os(name).filter(|value| !value.is_empty()).map(|value| (name, value));
        let python = |python: PathBuf| {
            let mut asked = Command::new(&python);
            asked.args(ZIGLANG).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            asked.status().is_ok_and(|status| status.success()).then_some((PYTHON_PATH, python.into_os_string()))
        };
        let zig = named(ZIG_PATH)
            .or_else(|| on_path("zig").map(|zig| (ZIG_PATH, zig.into_os_string())))
            .or_else(|| own_program("python").and_then(python))
            .or_else(|| on_path("python3").and_then(python))
            .ok_or_else(|| missing("zig", "<https://ziglang.org/learn/getting-started/>"))?;
        Ok(Self { cargo_lambda, zig })
    }

    /// All that a build for an architecture needs: fanggen's source, and the tools.
    ///
    /// # Errors
    /// What is missing, with how to get it.
    pub fn ready(
        named: Option<&Path>,
        root: &Path,
        tools: &Path,
        architecture: Architecture,
    ) -> Result<(PathBuf, Self), BuildError> {
        let source = source(named, root)?;
        let tools = Self::find(tools)?;
        let target = architecture.target();
        if !has_std(target, &source)? {
            return Err(BuildError::NoStd { target, source_folder: source });
        }
        Ok((source, tools))
    }
}

/// The variable for a zig (<https://github.com/rust-cross/cargo-zigbuild>).
const ZIG_PATH: &str = "CARGO_ZIGBUILD_ZIG_PATH";

/// The variable for a Python with zig as a package.
const PYTHON_PATH: &str = "CARGO_ZIGBUILD_PYTHON_PATH";

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let found = env::split_paths(&path).map(|folder| folder.join(program)).find(|path| is_program(path))?;
    std::path::absolute(found).ok()
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// The root of fanggen's source: the named folder, or else one above the pipeline or the current folder.
fn source(named: Option<&Path>, root: &Path) -> Result<PathBuf, BuildError> {
    let whole = |path: &Path| {
        // An empty path is the current folder. Collected from its parts, so that it does not end in a slash.
        let whole = std::path::absolute(Path::new(".").join(path)).unwrap_or_else(|_| path.to_owned());
        whole.components().collect::<PathBuf>()
    };
    if let Some(named) = named {
        let folder = whole(named);
        return if is_source(&folder) { Ok(folder) } else { Err(BuildError::NotSource(named.to_owned())) };
    }
    let (root, here) = (whole(root), whole(Path::new("")));
    let found = above(&root).or_else(|| above(&here)).map(Path::to_owned);
    found.ok_or(BuildError::NoSource { root, here })
}

/// Runs a program in a folder, and gives its output.
pub fn answer(program: &'static str, args: &[&str], folder: &Path) -> Result<String, BuildError> {
    let start = |source| BuildError::Start { program: program.to_owned(), source };
    let mut command = Command::new(program);
    let output = command.args(args).current_dir(folder).stdin(Stdio::null()).output().map_err(start)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(BuildError::Answer(program, said.trim().to_owned()));
    }
    String::from_utf8(output.stdout).map_err(|error| BuildError::Answer(program, error.to_string()))
}

/// Whether the compiler of this folder has the standard library of a target.
fn has_std(target: &str, folder: &Path) -> Result<bool, BuildError> {
    let library = answer("rustc", &["--print", "target-libdir", "--target", target], folder)?;
    let entries = fs::read_dir(library.trim()).into_iter().flatten().flatten();
    let is_std = |name: &OsStr| name.to_string_lossy().starts_with("libstd-");
    Ok(entries.map(|entry| entry.file_name()).any(|name| is_std(&name)))
}
