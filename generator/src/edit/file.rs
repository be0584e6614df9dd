//! Replaces a file by its edited text: as a whole, and only if nobody else edited it meanwhile.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Why a file is not replaced.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// Somebody edited the file in the meantime.
    #[error("`{}` was changed in the meantime, so nothing was written: run the command again", .0.display())]
    Changed(PathBuf),
    /// The file cannot be written.
    #[error("`{}` cannot be written, so nothing was changed: {}", .0.display(), .1)]
    Unwritable(PathBuf, std::io::Error),
}

/// Replaces a file that still has this text. After a crash, it has either the old or the new text.
///
/// # Errors
/// A file that was changed meanwhile, or cannot be written.
pub fn replace(path: &Path, text: &str, edited: &str) -> Result<(), ReplaceError> {
    let unwritable = |error| ReplaceError::Unwritable(path.to_owned(), error);
    // A link stays a link: the file behind it is replaced.
    let real = fs::canonicalize(path).map_err(unwritable)?;
    let folder = real.parent().unwrap_or(Path::new("."));
    let in_folder = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => unwritable(io::Error::new(error.kind(), "its folder is read-only")),
        _ => unwritable(error),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(in_folder)?;
    file.write_all(edited.as_bytes()).map_err(unwritable)?;
    let permissions = fs::metadata(&real).map_err(unwritable)?.permissions();
    if permissions.readonly() {
        return Err(unwritable(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only")));
    }
    fs::set_permissions(file.path(), permissions).map_err(unwritable)?;
    file.as_file().sync_all().map_err(unwritable)?;
    if fs::read(&real).map_err(unwritable)? != text.as_bytes() {
        return Err(ReplaceError::Changed(path.to_owned()));
    }
    file.persist(&real).map_err(|error| unwritable(error.error))?;
    Ok(())
}
