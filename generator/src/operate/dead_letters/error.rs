//! Why dead letters cannot be read or moved.

use std::io;
use std::path::PathBuf;

use crate::deploy::aws::call_error::CallError;
use crate::not_deployed::NotDeployed;

/// Why dead letters cannot be read or moved.
#[derive(Debug, thiserror::Error)]
pub enum DeadLettersError {
    /// An unknown queue.
    #[error("no dead-letter queue is named `{found}` in this environment; known: {known}{help}")]
    NoQueue {
        /// What was asked for.
        found: String,
        /// All of them.
        known: String,
        /// A suggestion.
        help: String,
    },
    /// Failed invocations, which are no messages of a queue.
    #[error(
        "the dead letters of `{of}` are failed invocations, which no queue can take back: nothing was moved\n  `fanggen dlq \
         show --env {environment} --queue {of}` shows them, each with the command that invokes it again"
    )]
    NotMovable {
        /// Whose failures they are.
        of: String,
        /// The environment.
        environment: String,
    },
    /// None of the queues exists.
    #[error(transparent)]
    NotDeployed(#[from] NotDeployed),
    /// The file to save to exists.
    #[error("`{}` exists already, and is never overwritten: nothing was moved or deleted\n  name another file", .0.display())]
    FileExists(PathBuf),
    /// The file to save to cannot be created.
    #[error("`{}` cannot be created: {source}\n  nothing was moved or deleted", .path.display())]
    FileUncreatable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file to save to cannot be written.
    #[error("`{}` cannot be written, so no message of the last batch was moved or deleted: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no terminal for a prompt.
    #[error("there is no terminal to ask on: nothing was {0}\n  add `--yes` to go ahead without a prompt")]
    NoTerminal(&'static str),
    /// The user declined.
    #[error("nothing was {0}")]
    Declined(&'static str),
    /// The user stopped the command.
    #[error(
        "stopped after {0} messages, each of them {1} completely\n  the others are in their queue, and the same command \
         continues with them"
    )]
    Stopped(u64, &'static str),
    /// A failed call.
    #[error(transparent)]
    Call(#[from] CallError),
}
