//! The files that functions read items from, and which of them have changed since the last upload.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fanggen_runtime::model::hash::hex;
use sha2::{Digest as _, Sha256};

/// A file on this machine, and the hash of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemFile {
    /// Its path.
    pub path: PathBuf,
    sha: String,
}

impl ItemFile {
    /// Hashes a file without keeping its content.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let mut hash = Sha256::new();
        let mut file = std::fs::File::open(path)?;
        let mut part = vec![0; 64 * 1024];
        loop {
            match std::io::Read::read(&mut file, &mut part)? {
                0 => break,
                read => hash.update(&part[..read]),
            }
        }
        Ok(Self { path: path.to_owned(), sha: hex(&hash.finalize()) })
    }
}

/// The files by bucket and key.
pub type SourceFiles = BTreeMap<(String, String), ItemFile>;

/// The hashes of the uploaded files, by `bucket/key`.
pub type UploadedFiles = BTreeMap<String, String>;

/// The files that differ from the last upload.
pub fn changed<'a>(wanted: &'a SourceFiles, uploaded: &UploadedFiles) -> Vec<(&'a (String, String), &'a ItemFile)> {
    wanted.iter().filter(|(place, file)| uploaded.get(&name(place)) != Some(&file.sha)).collect()
}

/// Records that a file was uploaded.
pub fn record(uploaded: &mut UploadedFiles, place: &(String, String), file: &ItemFile) {
    uploaded.insert(name(place), file.sha.clone());
}

/// Removes the records of files that are no longer wanted.
pub fn keep_only(uploaded: &mut UploadedFiles, wanted: &SourceFiles) {
    uploaded.retain(|known, _| wanted.keys().any(|place| name(place) == *known));
}

/// Bucket and key as one string.
#[must_use]
pub fn name((bucket, key): &(String, String)) -> String {
    format!("{bucket}/{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_uploaded_again_when_its_content_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("items.csv");
        std::fs::write(&path, "name\nApple\n").expect("written");
        let place = ("bucket".to_owned(), "items.csv".to_owned());
        let wanted = |path: &Path| SourceFiles::from([(place.clone(), ItemFile::of(path).expect("a file"))]);
        let (first, mut uploaded) = (wanted(&path), UploadedFiles::new());
        assert_eq!(changed(&first, &uploaded).len(), 1);
        record(&mut uploaded, &place, &first[&place]);
        assert!(changed(&first, &uploaded).is_empty());
        std::fs::write(&path, "name\nGoogle\n").expect("written");
        assert_eq!(changed(&wanted(&path), &uploaded).len(), 1);
        keep_only(&mut uploaded, &SourceFiles::new());
        assert!(uploaded.is_empty());
    }
}
