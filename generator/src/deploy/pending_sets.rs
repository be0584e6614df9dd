//! Which change sets this machine has asked for and not yet carried out or removed: a file for each, locked while its
//! process lives.
//!
//! The system gives the lock up with the process, however that ends: the next one finds the file unlocked, and removes
//! what was left behind without taking away what another one is just looking at.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use super::deployment::Deployment;
use super::error::DeployError;
use super::lock::LockError;

/// The mark of one change set.
#[derive(Debug)]
pub struct Mark {
    path: PathBuf,
    _alive: File,
}

impl Mark {
    /// Nothing of its change set is left.
    pub fn erase(self) {
        // Where it cannot be removed, the next one finds that its change set is gone already.
        let _ = fs::remove_file(&self.path);
    }

    fn set(folder: &Path, name: &str) -> Result<Self, LockError> {
        let path = folder.join(name);
        let disk = |source| LockError::Disk { path: path.clone(), source };
        fs::create_dir_all(folder).map_err(disk)?;
        let alive = OpenOptions::new().create(true).append(true).open(&path).map_err(disk)?;
        alive.lock().map_err(disk)?;
        Ok(Self { path, _alive: alive })
    }

    /// Those whose process is no more, by the names of their change sets.
    fn left(folder: &Path) -> Vec<(String, Self)> {
        let found = fs::read_dir(folder).into_iter().flatten().flatten();
        let left = found.filter_map(|entry| {
            let alive = File::open(entry.path()).ok()?;
            alive.try_lock().ok()?;
            Some((entry.file_name().to_string_lossy().into_owned(), Self { path: entry.path(), _alive: alive }))
        });
        left.collect()
    }
}

impl Deployment<'_> {
    fn marks(&self) -> PathBuf {
        self.locks.join(format!("{}-{}.sets", self.bucket.name, self.stack.name))
    }

    /// Marks a change set that is about to be asked for.
    ///
    /// # Errors
    /// This machine's file.
    pub fn set_mark(&self, name: &str) -> Result<Mark, DeployError> {
        Ok(Mark::set(&self.marks(), name)?)
    }

    /// Removes the change sets that processes of this machine left behind. Calls nobody where there are none.
    ///
    /// # Errors
    /// A failed call.
    pub async fn remove_left_sets(&self) -> Result<(), DeployError> {
        for (name, mark) in Mark::left(&self.marks()) {
            match self.stack.forget(&name).await {
                Ok(()) => mark.erase(),
                // It is in nobody's way, and the next one tries again.
                Err(error) => self.audience.say(&format!("note: the change set {name} is left over: {error}")),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_left_behind_only_by_a_process_that_is_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = || Mark::left(folder.path()).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let alive = Mark::set(folder.path(), "alive").expect("a mark");
        drop(Mark::set(folder.path(), "dead").expect("a mark"));
        assert_eq!(names(), ["dead"]);
        alive.erase();
        assert_eq!(names(), ["dead"]);
        Mark::left(folder.path()).into_iter().for_each(|(_, mark)| mark.erase());
        assert_eq!(names(), [""; 0]);
    }
}
