//! The failure to write a file of a local run.

use std::fmt::Display;
use std::path::Path;

use fanggen_runtime::model::error::{Error, ErrorCode};

/// `file_unwritable`, with the file and the reason.
pub fn unwritable(path: &Path, error: &dyn Display) -> Error {
    Error::permanent(ErrorCode::FileUnwritable, format!("`{}`: {error}", path.display()))
}
