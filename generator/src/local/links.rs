//! Results stay below the folder of the file: no link on the way to them is followed.

use std::path::Path;

use fanggen_runtime::model::error::{Error, ErrorCode};

/// Checks every part of a path below `root`.
///
/// # Errors
/// `file_unwritable`, with the first link.
pub fn refuse(root: &Path, path: &Path) -> Result<(), Error> {
    let mut place = root.to_owned();
    for part in path.strip_prefix(root).unwrap_or(path).components() {
        place.push(part);
        if place.is_symlink() {
            let place = place.display();
            let message = format!("`{place}` is a link: results are only written below the folder of the file");
            return Err(Error::permanent(ErrorCode::FileUnwritable, message));
        }
    }
    Ok(())
}
