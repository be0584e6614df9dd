//! Why logs cannot be read.

use crate::deploy::aws::call_error::CallError;
use crate::not_deployed::NotDeployed;

/// Why logs cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// A time that cannot be read.
    #[error("{0}")]
    Time(String),
    /// A time range that ends before it begins.
    #[error("--until {until} is before --since {since}, so there is nothing to read\n  exchange them")]
    Backwards {
        /// The start.
        since: String,
        /// The end.
        until: String,
    },
    /// An unknown function.
    #[error("there is no function `{found}` in this environment; known: {known}{help}")]
    NoFunction {
        /// What was asked for.
        found: String,
        /// All functions.
        known: String,
        /// A suggestion.
        help: String,
    },
    /// Something that is not the id of a run.
    #[error(
        "`{0}` is neither the id of a run, such as 20261122T090000Z, nor its scheduled time, such as 2026-11-22T09:00:00Z\n  \
         `fanggen runs` lists the runs"
    )]
    Run(String),
    /// Something that is not the id of a chunk.
    #[error("`{0}` is not the id of a chunk, which has 16 hexadecimal digits, such as 0123456789abcdef")]
    Chunk(String),
    /// A file after `-f`, which means something else here.
    #[error("unexpected argument `{0}`: for `logs`, -f means --follow\n  name the pipeline's file with `--file {0}`")]
    SwappedFile(String),
    /// None of the log groups exists.
    #[error(transparent)]
    NotDeployed(#[from] NotDeployed),
    /// A failed call.
    #[error(transparent)]
    Call(#[from] CallError),
}
