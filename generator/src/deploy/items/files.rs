//! The files that functions read items from: which ones are wanted where, and which of them are there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// A file of this machine, and the hash of what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it lies.
    pub path: PathBuf,
    sha: String,
}

impl File {
    /// Reads a file through, and keeps nothing of it but its hash.
    ///
    /// # Errors
    /// What the disk says.
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
        Ok(Self { path: path.to_owned(), sha: super::hex(&hash.finalize()) })
    }
}

/// Files by where they belong: bucket and key.
pub type Files = BTreeMap<(String, String), File>;

/// The hashes of the files that were put, by `bucket/key`.
pub type Put = BTreeMap<String, String>;

/// The files that are not what was put last.
pub fn differing<'a>(wanted: &'a Files, put: &Put) -> Vec<(&'a (String, String), &'a File)> {
    wanted.iter().filter(|(place, file)| put.get(&name(place)) != Some(&file.sha)).collect()
}

/// Notes that a file was put.
pub fn note(put: &mut Put, place: &(String, String), file: &File) {
    put.insert(name(place), file.sha.clone());
}

/// Forgets files that nobody wants any more.
pub fn only(put: &mut Put, wanted: &Files) {
    put.retain(|known, _| wanted.keys().any(|place| name(place) == *known));
}

/// How a place is called.
#[must_use]
pub fn name((bucket, key): &(String, String)) -> String {
    format!("{bucket}/{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_put_again_when_it_says_something_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("items.csv");
        std::fs::write(&path, "name\nApple\n").expect("written");
        let place = ("bucket".to_owned(), "items.csv".to_owned());
        let wanted = |path: &Path| Files::from([(place.clone(), File::of(path).expect("a file"))]);
        let (first, mut put) = (wanted(&path), Put::new());
        assert_eq!(differing(&first, &put).len(), 1);
        note(&mut put, &place, &first[&place]);
        assert!(differing(&first, &put).is_empty());
        std::fs::write(&path, "name\nGoogle\n").expect("written");
        assert_eq!(differing(&wanted(&path), &put).len(), 1);
        only(&mut put, &Files::new());
        assert!(put.is_empty());
    }
}
