//! Why nothing can be compared: what was found, where, and what to do.

use std::path::PathBuf;

/// Why nothing can be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A file that cannot be opened.
    #[error("`{}` cannot be read: {reason}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// A file with nothing in it.
    #[error("`{}` has no texts: it is empty", .0.display())]
    Empty(PathBuf),
    /// A line that is not what it should be.
    #[error("{}:{line}: {what}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What was found, what is allowed, what to do.
        what: String,
    },
    /// An engine that nobody knows.
    #[error("there is no engine `{found}`; known: {known}{help}")]
    Engine {
        /// What was asked for.
        found: String,
        /// The engines.
        known: String,
        /// A suggestion, with what joins it.
        help: String,
    },
    /// An engine that is asked for twice.
    #[error("the engine `{0}` is named twice: name each once, as in `--engines lexicon,headlines`")]
    Twice(String),
    /// One that costs money, and nobody said yes.
    #[error("nobody agreed to pay: say `--yes`, or leave `{0}` out of `--engines`")]
    Unpaid(String),
    /// The answer was no.
    #[error("nothing was asked, and nothing is to be paid")]
    Declined,
    /// A build without AWS.
    #[error(
        "`{0}` is a service of AWS, and this build has no AWS part: use one that was built with it (`cargo install --path generator`), or leave `{0}` out"
    )]
    NoAws(String),
    /// An engine that cannot be opened or asked.
    #[error("`{name}` cannot be asked: {reason}")]
    Closed {
        /// The engine.
        name: String,
        /// Why.
        reason: String,
    },
}
