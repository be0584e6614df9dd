//! Who is told what a deployment does, and who is asked: the commands' side of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::diff::Changes;
use super::events::Event;

/// Whoever follows a deployment.
pub trait Audience: Send + Sync {
    /// Takes a line of words.
    fn say(&self, words: &str);
    /// Shows what would change.
    fn show(&self, changes: &Changes);
    /// Asks for a yes.
    fn agree(&self, question: &str) -> Answer;
    /// An operation begins, on so many resources as far as is known.
    fn begin(&self, what: &str, resources: usize);
    /// Something happened to a resource.
    fn event(&self, event: &Event);
    /// So many of so many are done, of something that is no resource.
    fn progress(&self, what: &str, done: u64, all: u64);
    /// The operation is over.
    fn end(&self);
}

/// What a question was answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Yes,
    /// No.
    No,
    /// There is nobody to ask.
    Nobody,
}

/// Whether somebody wants this to end.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<(AtomicBool, Notify)>);

impl Interrupt {
    /// Asks for the end.
    pub fn raise(&self) {
        self.0.0.store(true, Ordering::SeqCst);
        self.0.1.notify_waiters();
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn raised(&self) -> bool {
        self.0.0.load(Ordering::SeqCst)
    }

    /// Waits until the end is asked for.
    pub async fn wait(&self) {
        let notified = self.0.1.notified();
        if !self.raised() {
            notified.await;
        }
    }
}
