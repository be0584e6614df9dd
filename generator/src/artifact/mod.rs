//! The functions' binary: compiled here or taken from a file, checked for Lambda, and zipped reproducibly.

mod check;
mod compile;
mod error;
mod pack;
mod tools;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use fanggen_runtime::model::hash::sha256_hex;

use crate::config::sections::Architecture;
use crate::results_folder;

pub use compile::compile;
pub use error::{BuildError, Flaw};
pub use tools::Tools;

/// The maximum size of a function's code, unpacked, in bytes
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const UNPACKED_BYTES: u64 = 250 * 1024 * 1024;

/// The maximum size of a zip that Lambda accepts without S3, in bytes
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const ZIP_BYTES: u64 = 50 * 1024 * 1024;

/// The size that our own zip should not exceed, in bytes, since every cold start loads all of it.
pub const OWN_BYTES: u64 = 5 * 1024 * 1024;

/// The zip that a deployment uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeArtifact {
    /// Its path.
    pub path: PathBuf,
    /// SHA-256 of its bytes in lower-case hexadecimal, which is its name in the bucket.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// The result of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildResult {
    /// The zip.
    pub artifact: RuntimeArtifact,
    /// Size of the program in it, in bytes.
    pub unpacked: u64,
    /// Whether it differs from the previous zip, or there was none.
    pub changed: bool,
}

/// The path of an architecture's zip, below the folder of the pipeline's file.
#[must_use]
pub fn path(root: &Path, architecture: Architecture) -> PathBuf {
    root.join(results_folder::NAME).join(architecture.word()).join("bootstrap.zip")
}

/// The zip that was built last for an architecture; nothing if there is none.
///
/// # Errors
/// A zip that cannot be read.
pub fn artifact(root: &Path, architecture: Architecture) -> Result<Option<RuntimeArtifact>, BuildError> {
    let path = path(root, architecture);
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(RuntimeArtifact::of(path, &bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BuildError::Disk { path, what: "read", source }),
    }
}

/// Checks a program, or a zip with one, and stores it as the artifact of the architecture.
///
/// # Errors
/// A program that Lambda could not run, and a file that cannot be read or written.
pub fn keep(root: &Path, architecture: Architecture, given: &Path) -> Result<BuildResult, BuildError> {
    let program = pack::program(given)?;
    check::program(&program, architecture).map_err(|flaw| BuildError::of(given, flaw))?;
    let zip = pack::zip(&program).map_err(|error| BuildError::of(given, Flaw::Zip(error.to_string())))?;
    let path = path(root, architecture);
    let before = artifact(root, architecture)?;
    let artifact = RuntimeArtifact::of(path, &zip);
    let changed = before.as_ref() != Some(&artifact);
    if changed {
        let folder = artifact.path.parent().unwrap_or(root);
        let disk = |source| BuildError::Disk { path: artifact.path.clone(), what: "written", source };
        results_folder::create(root, folder).map_err(disk)?;
        pack::write(&artifact.path, &zip)?;
    }
    Ok(BuildResult { artifact, unpacked: program.len() as u64, changed })
}

impl RuntimeArtifact {
    /// Checks the zip again, since it may have been damaged or replaced after it was built.
    ///
    /// # Errors
    /// A program that Lambda could not run.
    pub fn check(&self, architecture: Architecture) -> Result<(), BuildError> {
        let program = pack::program(&self.path)?;
        check::program(&program, architecture).map_err(|flaw| BuildError::of(&self.path, flaw))
    }

    fn of(path: PathBuf, bytes: &[u8]) -> Self {
        Self { path, sha256: sha256_hex(bytes), bytes: bytes.len() as u64 }
    }
}
