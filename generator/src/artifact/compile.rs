//! Compiles the runtime for Lambda with cargo-lambda, so that the same source gives the same bytes in any folder.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::tools::answer;
use super::{BuildError, Tools};
use crate::config::sections::Architecture;
use crate::source::PACKAGE;

/// Its binary, with the name that Lambda expects.
const BINARY: &str = "bootstrap";

/// A compiled program in a temporary folder, which is deleted when this is dropped.
#[derive(Debug)]
pub struct Compiled {
    folder: TempDir,
}

impl Compiled {
    /// The program.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(BINARY).join(BINARY)
    }
}

/// Compiles the functions' binary; the compiler's output goes to stderr.
///
/// # Errors
/// A missing source, tool or standard library, with what to do; and a compiler error.
pub fn compile(
    named: Option<&Path>,
    root: &Path,
    tools: &Path,
    architecture: Architecture,
) -> Result<Compiled, BuildError> {
    let (source, tools) = Tools::ready(named, root, tools, architecture)?;
    let target = architecture.target();
    let folder = tempfile::tempdir().map_err(|error| BuildError::Disk {
        path: env::temp_dir(),
        what: "used for a folder",
        source: error,
    })?;
    let program = tools.cargo_lambda.display().to_string();
    let start = |error| BuildError::Start { program: program.clone(), source: error };
    let (glibc, minor) = super::check::GLIBC;
    let status = Command::new(&tools.cargo_lambda)
        .args(["lambda", "build", "--profile", "lambda", "--locked", "--skip-target-check", "--features", "aws"])
        .args(["--package", PACKAGE, "--bin", BINARY])
        .args(["--target", &format!("{target}.{glibc}.{minor}")])
        .arg("--lambda-dir")
        .arg(folder.path())
        .env(tools.zig.0, &tools.zig.1)
        .env(RUSTFLAGS, flags(&source, architecture)?)
        .current_dir(&source)
        .stdin(Stdio::null())
        .stdout(stderr().map_err(start)?)
        .status()
        .map_err(start)?;
    if !status.success() {
        return Err(BuildError::Compiler(status));
    }
    Ok(Compiled { folder })
}

/// The variable that overrides all other compiler flags: a developer's `-C target-cpu=native` would give a binary that
/// Lambda cannot run
/// (<https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags>).
const RUSTFLAGS: &str = "CARGO_ENCODED_RUSTFLAGS";

/// The separator of flags in it.
const SEPARATOR: &str = "\x1f";

/// The compiler flags: the oldest CPU of Lambda, and no path of this machine in the binary.
fn flags(source: &Path, architecture: Architecture) -> Result<OsString, BuildError> {
    let metadata = answer("cargo", &["metadata", "--no-deps", "--locked", "--format-version", "1"], source)?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap_or_default();
    let Some(target) = metadata.get("target_directory").and_then(serde_json::Value::as_str) else {
        return Err(BuildError::Answer("cargo", "its metadata names no target directory".into()));
    };
    let sysroot = answer("rustc", &["--print", "sysroot"], source)?;
    let home = env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    // The last match wins, so a target folder inside the source comes after it.
    let places = [
        home.map(|home| (home, "/cargo")),
        Some((Path::new(sysroot.trim()).join("lib/rustlib/src/rust"), "/rust")),
        Some((source.to_owned(), "/fanggen")),
        Some((PathBuf::from(target), "/target")),
    ];
    let mut flags = OsString::from(format!("-Ctarget-cpu={}", cpu(architecture)));
    for (from, to) in places.into_iter().flatten() {
        flags.push(SEPARATOR);
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    Ok(flags)
}

/// The oldest CPU that Lambda runs on: x86_64 has AVX2 (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-avx2.html>),
/// and arm64 is a Graviton2 (<https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html>).
fn cpu(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Arm64 => "neoverse-n1",
        Architecture::X86_64 => "haswell",
    }
}

/// Our stderr, for a program that would print messages to stdout, which is for data.
fn stderr() -> io::Result<Stdio> {
    Ok(io::stderr().as_fd().try_clone_to_owned()?.into())
}
