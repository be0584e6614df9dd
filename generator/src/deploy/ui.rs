//! How a deployment reports its progress and asks questions: an interface that the commands implement.

use std::sync::Arc;

use super::diff::Changes;
use super::error::DeployError;
use super::events::StackEvent;
use super::interrupt::Interrupt;

/// A terminal, a log or a test.
pub trait UserInterface: Send + Sync {
    /// Prints a message.
    fn message(&self, text: &str);
    /// Shows what would change.
    fn show_changes(&self, changes: &Changes);
    /// Asks a yes-or-no question.
    fn confirm(&self, question: &str) -> Confirmation;
    /// An operation starts, on this many resources as far as is known.
    fn start_progress(&self, what: &str, resources: usize);
    /// Something happened to a resource.
    fn stack_event(&self, event: &StackEvent);
    /// How much of an operation is done that is not about resources.
    fn set_progress(&self, what: &str, done: u64, all: u64);
    /// The operation is over.
    fn finish_progress(&self);
}

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// Yes.
    Yes,
    /// No.
    No,
    /// There is no terminal to ask on.
    NoTerminal,
}

/// The user who runs a deployment: sees its messages, answers its questions, and may interrupt it.
#[derive(Clone, Copy)]
pub struct Operator<'a> {
    /// Where messages and questions go.
    pub ui: &'a Arc<dyn UserInterface>,
    /// Raised when the user wants to stop.
    pub interrupt: &'a Interrupt,
}

impl Operator<'_> {
    /// Prints a message.
    pub fn message(&self, text: &str) {
        self.ui.message(text);
    }

    /// Asks for a yes.
    ///
    /// # Errors
    /// A no, an interruption, and no terminal to ask on.
    pub async fn confirm(&self, question: &str) -> Result<(), DeployError> {
        let (ui, question) = (Arc::clone(self.ui), question.to_owned());
        // On its own thread, so that an interruption and the renewal of the lock do not wait for the answer.
        let asked = tokio::task::spawn_blocking(move || ui.confirm(&question));
        let answer = tokio::select! {
            answer = asked => answer.unwrap_or(Confirmation::No),
            () = self.interrupt.wait() => return Err(DeployError::Interrupted),
        };
        match answer {
            _ if self.interrupt.raised() => Err(DeployError::Interrupted),
            Confirmation::Yes => Ok(()),
            Confirmation::No => Err(DeployError::Declined),
            Confirmation::NoTerminal => Err(DeployError::NoTerminal),
        }
    }
}
