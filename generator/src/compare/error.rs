//! The errors of a comparison.

use std::path::PathBuf;

/// Why a comparison failed.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A file that cannot be opened.
    #[error("cannot read `{}`: {reason}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// A file with nothing in it.
    #[error("`{}` has no texts", .0.display())]
    Empty(PathBuf),
    /// An invalid line.
    #[error("{}:{line}: {what}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what to do.
        what: String,
    },
    /// An unknown engine.
    #[error("there is no engine `{found}`; known engines: {known}{help}")]
    Engine {
        /// What was asked for.
        found: String,
        /// The engines.
        known: String,
        /// A suggestion, with what joins it.
        help: String,
    },
    /// An engine that is named twice.
    #[error("the engine `{0}` is named twice in `--engines`")]
    Twice(String),
    /// A paid engine, and nobody agreed to pay.
    #[error("`{0}` costs money: pass `--yes` to agree, or leave it out of `--engines`")]
    Unpaid(String),
    /// The user declined.
    #[error("declined: nothing was sent, and nothing was charged")]
    Declined,
    /// A build without AWS.
    #[error(
        "`{0}` is an AWS service, and this build has no AWS support: install one that has (`cargo install --path generator`), or leave `{0}` out"
    )]
    NoAws(String),
    /// An engine that cannot be used.
    #[error("`{name}` cannot be used: {reason}")]
    Closed {
        /// The engine.
        name: String,
        /// Why.
        reason: String,
    },
}
