//! Retries calls that AWS completed in part, with backoff, for as long as they make progress.

use tokio::time::sleep;

use crate::model::retry::backoff;

/// Consecutive attempts without progress before giving up: about half a minute with the waits.
const MAX_ATTEMPTS: u32 = 8;

/// Counts consecutive attempts without progress.
#[derive(Default)]
pub struct Retry(u32);

impl Retry {
    /// Waits before the next attempt. Returns false, without waiting, if there were too many without progress.
    pub async fn wait(&mut self, progress: bool) -> bool {
        self.0 = if progress { 1 } else { self.0 + 1 };
        if self.0 < MAX_ATTEMPTS {
            sleep(backoff(self.0)).await;
        }
        self.0 < MAX_ATTEMPTS
    }
}
