//! Files on the user's machine: written whole or not at all, through no link, and readable by nobody else.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::component::{Instance, Sink};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::Record;
use crate::model::run::Chunk;

/// A sink that writes one file per chunk into a local folder.
pub(super) struct FileSink {
    folder: PathBuf,
    extension: &'static str,
    format: fn(&[Record]) -> Result<Vec<u8>, Error>,
}

impl FileSink {
    /// Opens a sink that writes records in this format.
    pub(super) fn open(
        folder: PathBuf,
        extension: &'static str,
        format: fn(&[Record]) -> Result<Vec<u8>, Error>,
    ) -> Result<Instance, Error> {
        Ok(Instance::Sink(Box::new(Self { folder, extension, format })))
    }
}

#[async_trait]
impl Sink for FileSink {
    async fn write(&self, chunk: &Chunk, records: &[Record]) -> Result<String, Error> {
        let path = self.folder.join(chunk.object_key("", self.extension));
        write_below(&self.folder, &path, &(self.format)(records)?)
    }
}

/// Writes a file below `root` atomically: under a temporary name first, which is then renamed.
///
/// # Errors
/// `file_unwritable` with the error of the file system, or with a link on the way.
pub fn write_below(root: &Path, path: &Path, body: &[u8]) -> Result<String, Error> {
    write_streamed(root, path, |file| file.write_all(body))
}

/// As [`write_below`], with a body that is written piece by piece.
///
/// # Errors
/// `file_unwritable` with the error of the file system or of `write`, or with a link on the way.
pub fn write_streamed(
    root: &Path,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<String, Error> {
    refuse_links(root, path)?;
    let place = path.display().to_string();
    let unwritable = |error: io::Error| Error::permanent(ErrorCode::FileUnwritable, format!("`{place}`: {error}"));
    if let Some(folder) = path.parent() {
        create_private_folder(folder).map_err(unwritable)?;
    }
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".part");
    // A killed run may have left one, and a link would be written through.
    let _ = fs::remove_file(&temporary);
    let written = private_file().write(true).create_new(true).open(&temporary).and_then(|file| {
        // A file keeps the permissions that somebody gave it.
        if let Ok(before) = fs::metadata(path) {
            file.set_permissions(before.permissions())?;
        }
        let mut file = io::BufWriter::new(file);
        write(&mut file)?;
        file.flush()
    });
    if let Err(error) = written.and_then(|()| fs::rename(&temporary, path)) {
        // A partial file is useless. If it cannot be removed either, the first error is the one to report.
        let _ = fs::remove_file(&temporary);
        return Err(unwritable(error));
    }
    Ok(place)
}

/// Options to create a file that only its owner can read: results may quote reviews and messages of people.
#[must_use]
pub fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Creates a folder, with those above it, that only its owner can open. Folders that exist keep their permissions.
///
/// # Errors
/// The error of the file system.
pub fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Checks that no part of a path below `root` is a symbolic link.
///
/// # Errors
/// `file_unwritable`, with the first link.
pub fn refuse_links(root: &Path, path: &Path) -> Result<(), Error> {
    let mut place = root.to_owned();
    for part in path.strip_prefix(root).unwrap_or(path).components() {
        place.push(part);
        if place.is_symlink() {
            let place = place.display();
            let message =
                format!("`{place}` is a link: files are only written below the folder of the pipeline's file");
            return Err(Error::permanent(ErrorCode::FileUnwritable, message));
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_is_written_through_no_link() {
        let (root, outside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let precious = outside.path().join("precious");
        fs::write(&precious, "precious").expect("written");
        symlink(outside.path(), root.path().join("linked")).expect("a link");
        let error = write_below(root.path(), &root.path().join("linked/dt=1/a"), b"x").expect_err("a link");
        assert_eq!(error.code, ErrorCode::FileUnwritable);
        symlink(&precious, root.path().join("a.part")).expect("a link");
        write_below(root.path(), &root.path().join("a"), b"x").expect("written");
        assert_eq!(fs::read(root.path().join("a")).expect("there"), b"x");
        assert_eq!(fs::read(&precious).expect("there"), b"precious");
        assert_eq!(fs::read_dir(outside.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_written_whole_leaves_nothing() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("taken");
        // Nothing can be renamed to a folder that is not empty.
        fs::create_dir_all(path.join("in the way")).expect("folders");
        write_below(root.path(), &path, b"x").expect_err("a folder is there");
        assert_eq!(fs::read_dir(root.path()).expect("a folder").count(), 1);
    }
}
