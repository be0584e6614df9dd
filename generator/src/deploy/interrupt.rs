//! Whether the user has asked a deployment to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// A request to stop, raised by Ctrl-C.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<(AtomicBool, Notify)>);

impl Interrupt {
    /// Asks to stop.
    pub fn raise(&self) {
        self.0.0.store(true, Ordering::SeqCst);
        self.0.1.notify_waiters();
    }

    /// Whether it was raised.
    #[must_use]
    pub fn raised(&self) -> bool {
        self.0.0.load(Ordering::SeqCst)
    }

    /// Waits until it is raised.
    pub async fn wait(&self) {
        let notified = self.0.1.notified();
        if !self.raised() {
            notified.await;
        }
    }
}
