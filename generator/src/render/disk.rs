//! Generated files on disk: compared with what is there, and written all or none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use similar::TextDiff;
use tempfile::NamedTempFile;

use super::RenderedFile;

/// The files in the folder of an environment; they are stale if the environment is gone.
const GENERATED_FILES: [&str; 2] = ["template.yaml", "plan.json"];

/// How generated files begin, except JSON, which has no comments.
const FIRST_WORDS: &str = "# Made by fanggen";

/// A file that differs on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// The file.
    pub path: PathBuf,
    /// Its text now, if it exists.
    pub before: Option<String>,
    /// Its new text; absent if it is to be deleted.
    pub after: Option<String>,
}

impl FileChange {
    /// Whether a file that fanggen did not generate is in the way.
    fn is_theirs(&self) -> bool {
        let ours = |text: &Option<String>| text.as_ref().is_some_and(|text| text.starts_with(FIRST_WORDS));
        ours(&self.after) && self.before.is_some() && !ours(&self.before)
    }

    /// What differs, as a unified diff.
    #[must_use]
    pub fn diff(&self) -> String {
        let name = self.path.display().to_string();
        let (before, after) = (self.before.as_deref().unwrap_or(""), self.after.as_deref().unwrap_or(""));
        TextDiff::from_lines(before, after).unified_diff().context_radius(2).header(&name, &name).to_string()
    }
}

/// A file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be {what}: {source}", .path.display())]
pub struct DiskError {
    path: PathBuf,
    what: &'static str,
    source: io::Error,
}

impl DiskError {
    fn of(path: &Path, what: &'static str, source: io::Error) -> Self {
        Self { path: path.to_owned(), what, source }
    }
}

/// What differs between the folder and the rendered files.
///
/// # Errors
/// A file that exists and cannot be read.
pub fn changes(folder: &Path, artifacts: &[RenderedFile]) -> Result<Vec<FileChange>, DiskError> {
    let mut changes = Vec::new();
    for artifact in artifacts {
        let path = folder.join(&artifact.path);
        let before = read(&path)?;
        // Git may check files out with CRLF, which changes nothing of what they say.
        if before.as_ref().is_none_or(|before| before.replace("\r\n", "\n") != artifact.text) {
            changes.push(FileChange { path, before, after: Some(artifact.text.clone()) });
        }
    }
    for path in left_over(folder, artifacts) {
        changes.push(FileChange { before: read(&path)?, path, after: None });
    }
    Ok(changes)
}

/// Workflows generated for the same pipeline under an earlier name.
///
/// # Errors
/// A file that exists and cannot be read.
pub fn renamed(folder: &Path, artifact: &RenderedFile) -> Result<Vec<FileChange>, DiskError> {
    let own = folder.join(&artifact.path);
    let first = artifact.text.lines().next().unwrap_or_default();
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.retain(|path| *path != own && path.extension() == own.extension() && path.is_file());
    paths.sort();
    let mut changes = Vec::new();
    for path in paths {
        let before = read(&path)?;
        if before.as_ref().is_some_and(|text| text.starts_with(FIRST_WORDS) && text.lines().next() == Some(first)) {
            changes.push(FileChange { path, before, after: None });
        }
    }
    Ok(changes)
}

fn read(path: &Path) -> Result<Option<String>, DiskError> {
    // Opening a pipe waits for somebody who writes to it.
    if fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir()) {
        let source = io::Error::other("it is a pipe, a socket or a device; remove it");
        return Err(DiskError::of(path, "read", source));
    }
    match fs::read(path) {
        // Generated files are UTF-8; other content is shown as far as it can be decoded.
        Ok(bytes) => Ok(Some(
            String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DiskError::of(path, "read", error)),
    }
}

/// Our files in folders of environments that are no more.
fn left_over(folder: &Path, artifacts: &[RenderedFile]) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter(|entry| GENERATED_FILES.iter().all(|name| entry.path().join(name).is_file()))
        .filter(|entry| {
            fs::read(entry.path().join(GENERATED_FILES[0])).is_ok_and(|text| text.starts_with(FIRST_WORDS.as_bytes()))
        })
        .filter(|entry| {
            let inside = format!("{}/", entry.file_name().to_string_lossy());
            !artifacts.iter().any(|artifact| artifact.path.starts_with(&inside))
        })
        .flat_map(|entry| GENERATED_FILES.map(|name| entry.path().join(name)))
        .collect();
    found.sort();
    found
}

/// Writes the changes: every new text is on disk in a temporary file before the first file is replaced.
///
/// # Errors
/// A failure of the disk; no half-written file is left, and files not yet replaced are unchanged.
pub fn write(changes: &[FileChange]) -> Result<(), DiskError> {
    if let Some(theirs) = changes.iter().find(|change| change.is_theirs()) {
        let words = "it was not generated by fanggen; move it, or choose another folder with `--out`";
        return Err(DiskError::of(&theirs.path, "replaced", io::Error::other(words)));
    }
    let mut ready: Vec<(NamedTempFile, &Path)> = Vec::new();
    for change in changes {
        let Some(after) = &change.after else { continue };
        let folder = change.path.parent().unwrap_or(Path::new("."));
        let fail = |error| DiskError::of(&change.path, "written", error);
        fs::create_dir_all(folder).map_err(fail)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".fanggen-");
        // Temporary files are private; generated files follow the umask.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder).map_err(fail)?;
        io::Write::write_all(&mut file, after.as_bytes()).map_err(fail)?;
        ready.push((file, &change.path));
    }
    for (file, path) in ready {
        file.persist(path).map_err(|error| DiskError::of(path, "replaced", error.error))?;
    }
    for change in changes.iter().filter(|change| change.after.is_none()) {
        fs::remove_file(&change.path).map_err(|error| DiskError::of(&change.path, "removed", error))?;
        if let Some(folder) = change.path.parent() {
            // Succeeds only if the folder is empty.
            let _ = fs::remove_dir(folder);
        }
    }
    Ok(())
}
