//! The functions' one binary: compiled here or given, checked against what Lambda runs, and zipped to the same bytes.

mod check;
mod compile;
mod error;
mod pack;
mod tools;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::config::sections::Architecture;

pub use compile::compile;
pub use error::{BuildError, Flaw};
pub use tools::Tools;

/// The largest code of a function, unpacked, in bytes
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const UNPACKED_BYTES: u64 = 250 * 1024 * 1024;

/// The largest zip that Lambda takes without S3, in bytes
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const ZIP_BYTES: u64 = 50 * 1024 * 1024;

/// What our own zip has to stay within, in bytes: a cold start loads all of it.
pub const OWN_BYTES: u64 = 5 * 1024 * 1024;

/// The zip on disk that a deployment uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeArtifact {
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of its bytes, in lower-case hexadecimal: what it is called in the bucket.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What a build has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildResult {
    /// The zip.
    pub artifact: RuntimeArtifact,
    /// Size of the program in it, in bytes.
    pub unpacked: u64,
    /// Whether the disk held other bytes before, or none.
    pub changed: bool,
}

/// Where the zip of an architecture lies, below the folder of the pipeline's file.
#[must_use]
pub fn path(root: &Path, architecture: Architecture) -> PathBuf {
    root.join(".fanggen").join(architecture.word()).join("bootstrap.zip")
}

/// The zip that was built last for an architecture, or nothing where none was.
///
/// # Errors
/// A zip that is there and cannot be read.
pub fn artifact(root: &Path, architecture: Architecture) -> Result<Option<RuntimeArtifact>, BuildError> {
    let path = path(root, architecture);
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(RuntimeArtifact::of(path, &bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BuildError::Disk { path, what: "read", source }),
    }
}

/// Checks a program, or a zip with one, and keeps it as the artifact of the architecture.
///
/// # Errors
/// What Lambda could not run, with what was found; or what the disk refuses.
pub fn keep(root: &Path, architecture: Architecture, given: &Path) -> Result<BuildResult, BuildError> {
    let program = pack::program(given)?;
    check::program(&program, architecture).map_err(|flaw| BuildError::of(given, flaw))?;
    let zip = pack::zip(&program).map_err(|error| BuildError::of(given, Flaw::Zip(error.to_string())))?;
    let path = path(root, architecture);
    let before = artifact(root, architecture)?;
    let artifact = RuntimeArtifact::of(path, &zip);
    let changed = before.as_ref() != Some(&artifact);
    if changed {
        pack::write(&artifact.path, &zip)?;
    }
    Ok(BuildResult { artifact, unpacked: program.len() as u64, changed })
}

impl RuntimeArtifact {
    /// Looks into the zip once more: what lies there may have been damaged, or exchanged, since it was built.
    ///
    /// # Errors
    /// What Lambda could not run.
    pub fn check(&self, architecture: Architecture) -> Result<(), BuildError> {
        let program = pack::program(&self.path)?;
        check::program(&program, architecture).map_err(|flaw| BuildError::of(&self.path, flaw))
    }

    fn of(path: PathBuf, bytes: &[u8]) -> Self {
        let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { path, sha256, bytes: bytes.len() as u64 }
    }
}
