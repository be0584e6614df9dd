//! The change sets that this machine has requested and neither executed nor deleted yet: one file each, locked while its
//! process lives.
//!
//! The system releases the lock however the process ends. The next process finds the file unlocked and deletes the
//! abandoned change set, but leaves alone the change sets of processes that are still running.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use super::aws::cloudformation::StackClient;
use super::error::DeployError;
use super::lock::LockError;
use super::ui::Operator;

/// A change set that its process still has to execute or delete.
#[derive(Debug)]
pub struct PendingSet {
    path: PathBuf,
    _lock: File,
}

impl PendingSet {
    /// The change set was executed or deleted.
    pub fn finish(self) {
        // If the file cannot be removed, the next process finds that its change set is gone.
        let _ = fs::remove_file(&self.path);
    }
}

/// The folder with a file for each pending change set of a stack.
#[derive(Clone, Debug)]
pub struct PendingSets(PathBuf);

impl PendingSets {
    /// The pending change sets of a stack; `locks` is the folder of this machine's locks.
    #[must_use]
    pub fn new(locks: &Path, bucket: &str, stack: &str) -> Self {
        Self(locks.join(format!("{bucket}-{stack}.sets")))
    }

    /// Records a change set that is about to be requested.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn add(&self, name: &str) -> Result<PendingSet, DeployError> {
        let path = self.0.join(name);
        let disk = |source| LockError::Disk { path: path.clone(), source };
        fs::create_dir_all(&self.0).map_err(disk)?;
        let lock = OpenOptions::new().create(true).append(true).open(&path).map_err(disk)?;
        lock.lock().map_err(disk)?;
        Ok(PendingSet { path, _lock: lock })
    }

    /// The change sets whose process has ended, by name.
    fn abandoned(&self) -> Vec<(String, PendingSet)> {
        let found = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let abandoned = found.filter_map(|entry| {
            let lock = File::open(entry.path()).ok()?;
            lock.try_lock().ok()?;
            Some((entry.file_name().to_string_lossy().into_owned(), PendingSet { path: entry.path(), _lock: lock }))
        });
        abandoned.collect()
    }

    /// Deletes the change sets that processes of this machine abandoned. Makes no call if there are none.
    pub async fn delete_abandoned(&self, stack: &StackClient, operator: Operator<'_>) {
        for (name, pending) in self.abandoned() {
            match stack.delete_change_set(&name).await {
                Ok(()) => pending.finish(),
                // It does no harm, and the next process tries again.
                Err(error) => operator.message(&format!("note: cannot delete the old change set {name}: {error}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_change_sets_of_ended_processes_are_abandoned() {
        let folder = tempfile::tempdir().expect("a folder");
        let sets = PendingSets(folder.path().to_owned());
        let names = || sets.abandoned().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let alive = sets.add("alive").expect("recorded");
        drop(sets.add("dead").expect("recorded"));
        assert_eq!(names(), ["dead"]);
        alive.finish();
        assert_eq!(names(), ["dead"]);
        sets.abandoned().into_iter().for_each(|(_, pending)| pending.finish());
        assert_eq!(names(), [""; 0]);
    }
}
