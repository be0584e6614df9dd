//! The regions to which this machine has applied an environment: a stack stays in the old one when the region in the file changes,
//! and nothing in the new one tells of it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The regions of one stack in one account, a line each in a file beside the locks.
#[derive(Clone, Debug)]
pub struct AppliedRegions {
    path: PathBuf,
    region: String,
    environment: String,
}

impl AppliedRegions {
    /// Those of a stack; `region` is the one of the file, `locks` the folder of this machine's locks.
    #[must_use]
    pub fn new(locks: &Path, account: &str, stack: &str, region: &str, environment: &str) -> Self {
        let path = locks.join(format!("{account}-{stack}.regions"));
        Self { path, region: region.to_owned(), environment: environment.to_owned() }
    }

    fn read(&self) -> BTreeSet<String> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    fn write(&self, regions: &BTreeSet<String>) -> io::Result<()> {
        if regions.is_empty() {
            return fs::remove_file(&self.path);
        }
        let lines: String = regions.iter().map(|region| format!("{region}\n")).collect();
        fs::write(&self.path, lines)
    }

    /// Records that the stack is in this region.
    pub fn add(&self) {
        let mut regions = self.read();
        if regions.insert(self.region.clone()) {
            // If it cannot be written, a later warning is missing, and nothing else.
            let _ = self.write(&regions);
        }
    }

    /// Records that nothing is left in this region.
    pub fn remove(&self) {
        let mut regions = self.read();
        if regions.remove(&self.region) {
            let _ = self.write(&regions);
        }
    }

    /// A warning if the stack is in other regions too, as far as this machine knows.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let others: Vec<String> = self.read().into_iter().filter(|region| *region != self.region).collect();
        let (last, region) = (others.last()?, &self.region);
        Some(format!(
            "environment `{}` was applied to {} before, and is still there: only {region} was looked at\n  to delete it there, set \
             `[aws] region` to \"{last}\" and run `fanggen destroy --env {}`",
            self.environment,
            others.join(" and "),
            self.environment
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_that_was_left_behind_is_named_until_it_is_destroyed() {
        let folder = tempfile::tempdir().expect("a folder");
        let of = |region| AppliedRegions::new(folder.path(), "123456789012", "press-dev", region, "dev");
        let (old, new) = (of("eu-west-1"), of("us-east-1"));
        old.add();
        old.add();
        assert_eq!(old.warning(), None);
        assert_eq!(
            new.warning().as_deref(),
            Some(
                "environment `dev` was applied to eu-west-1 before, and is still there: only us-east-1 was looked at\n  to \
                 delete it there, set `[aws] region` to \"eu-west-1\" and run `fanggen destroy --env dev`"
            )
        );
        new.add();
        old.remove();
        assert_eq!((old.warning().is_some(), new.warning()), (true, None));
        new.remove();
        assert_eq!((old.warning(), new.warning()), (None, None));
    }
}
