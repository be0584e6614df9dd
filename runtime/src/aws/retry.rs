//! Another try of what AWS did in part: after a random time that grows, for as long as there is progress.

use tokio::time::sleep;

use crate::model::retry::backoff;

/// How often in a row a call may bring nothing forward: with the waits between, about half a minute.
const TRIES: u32 = 8;

/// The tries of one thing that is done in parts.
#[derive(Default)]
pub struct Retry(u32);

impl Retry {
    /// Waits for the next try, and says whether there is one: `further` is whether the last one brought anything forward.
    pub async fn next(&mut self, further: bool) -> bool {
        self.0 = if further { 1 } else { self.0 + 1 };
        if self.0 < TRIES {
            sleep(backoff(self.0)).await;
        }
        self.0 < TRIES
    }
}
