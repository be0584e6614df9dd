//! Replays the inputs that the fuzzer found, from the corpus of a crate.

use std::path::Path;

/// Runs a test on every input in a folder. It prints the name of each before, so that a failure shows which input it was.
pub fn replay(folder: impl AsRef<Path>, test: impl Fn(&[u8])) {
    let folder = folder.as_ref();
    let files = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("`{}`: {error}", folder.display()));
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "`{}` is empty", folder.display());
    for path in paths {
        println!("{}", path.display());
        test(&std::fs::read(&path).expect("an input"));
    }
}
