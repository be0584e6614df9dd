//! `.fanggen`, the folder beside the pipeline's file for local results and the functions' binary.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use fanggen_runtime::sinks::{create_private_folder, private_file, refuse_links};

/// Its name.
pub const NAME: &str = ".fanggen";

/// Creates a folder in it, for Git to ignore and for its owner alone.
///
/// # Errors
/// The error of the file system, or a link on the way: what is written here is not to end up elsewhere.
pub fn create(root: &Path, folder: &Path) -> io::Result<()> {
    refuse_links(root, folder).map_err(|error| io::Error::other(error.message))?;
    create_private_folder(folder)?;
    let ignore = root.join(NAME).join(".gitignore");
    match private_file().write(true).create_new(true).open(ignore) {
        Ok(mut file) => file.write_all(b"*\n"),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes sure that the folder still has a new file after a power cut, where folders can be opened.
///
/// # Errors
/// The error of the file system.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return File::open(folder)?.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn it_is_ignored_and_made_through_no_link() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join(NAME).join("arm64");
        for _ in 0..2 {
            create(root.path(), &folder).expect("created");
        }
        assert_eq!(fs::read_to_string(root.path().join(".fanggen/.gitignore")).expect("there"), "*\n");
        #[cfg(unix)]
        {
            let outside = tempfile::tempdir().expect("a folder");
            let linked = tempfile::tempdir().expect("a folder");
            std::os::unix::fs::symlink(outside.path(), linked.path().join(NAME)).expect("a link");
            let error = create(linked.path(), &linked.path().join(".fanggen/arm64")).expect_err("a link");
            assert!(error.to_string().contains(".fanggen` is a link"), "{error}");
            assert_eq!(fs::read_dir(outside.path()).expect("a folder").count(), 0);
        }
    }
}
