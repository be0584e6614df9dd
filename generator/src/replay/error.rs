//! Why a replay cannot be done, or ends.

use std::path::PathBuf;

/// The error of a replay.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// No sink keeps texts.
    #[error(
        "no sink of this pipeline keeps whole records{place}, so there are no texts to analyse again\n  add a sink of type `s3` \
         with `format = \"jsonl\"`, its default: what runs write to it from then on can be replayed"
    )]
    NoArchive {
        /// Nothing, or ` in the account` if one keeps them on this machine only.
        place: &'static str,
    },
    /// The user declined.
    #[error("declined: nothing was replaced")]
    Declined,
    /// Nobody can be asked.
    #[error(
        "there is no terminal to ask on\n  add `--yes` to replace the results, or `--dry-run` to see what would change"
    )]
    NoTerminal,
    /// A local run has not ended.
    #[error(
        "run {run} has not ended, and relies on the files that a replay would replace\n  wait for it, or let `fanggen run` finish \
         it, then try again"
    )]
    Unfinished {
        /// The run.
        run: String,
    },
    /// The runs of this machine cannot be listed.
    #[error("cannot list the runs of this machine: {0}")]
    Runs(std::io::Error),
    /// A paid engine that a dry run does not use.
    #[error(
        "`--dry-run` analyses on this machine, which cannot use `{engine}`, the paid engine of stage `{stage}`\n  leave out \
         `--dry-run`: the old results are saved before they are replaced"
    )]
    PaidEngine {
        /// The stage.
        stage: String,
        /// Its type.
        engine: &'static str,
    },
    /// The file of what was.
    #[error("cannot save the old results to `{}`, so nothing more is replaced: {source}", .path.display())]
    Save {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The queue of a function.
    #[error(
        "the queue `{queue}` does not exist: environment `{environment}` is not deployed, or not since it has had this queue\n  \
         run `fanggen apply --env {environment}`"
    )]
    NoQueue {
        /// The queue.
        queue: String,
        /// The environment.
        environment: String,
    },
    /// A component that cannot be opened, or a sink that cannot be written.
    #[error("{0}")]
    Component(#[from] fanggen_runtime::model::error::Error),
    /// The archive.
    #[error(transparent)]
    Results(#[from] crate::results::archive::ResultsError),
    /// A failed call.
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Call(#[from] crate::deploy::aws::call_error::CallError),
}
