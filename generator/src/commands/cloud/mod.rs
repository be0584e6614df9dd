//! The commands that need AWS, and what they share.

mod apply;
mod build;
mod destroy;
mod drift;
mod iam;
mod items;
mod open;
mod outputs;
pub mod paid;
pub mod plan;
mod status;
mod terminal;

use std::path::PathBuf;

use clap::Subcommand;

use super::{Done, Failure, Global};
use crate::artifact::BuildError;
use crate::deploy::error::DeployError;

/// A command that needs AWS.
#[derive(Debug, Subcommand)]
pub enum Command {
    Build(build::Build),
    Apply(apply::Apply),
    Destroy(destroy::Destroy),
    Status(status::Status),
    Outputs(outputs::Outputs),
    Drift(drift::DriftCommand),
    Iam(iam::Iam),
}

impl Command {
    /// Does it.
    pub fn execute(self, global: &Global) -> Done {
        match self {
            Self::Build(command) => command.execute(global),
            Self::Apply(command) => command.execute(global),
            Self::Destroy(command) => command.execute(global),
            Self::Status(command) => command.execute(global),
            Self::Outputs(command) => command.execute(global),
            Self::Drift(command) => command.execute(global),
            Self::Iam(command) => command.execute(global),
        }
    }
}

/// Why such a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CloudFailure {
    /// No artifact.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// What is on disk is not what the file renders to.
    #[error(
        "what is in `{}` is not what the file renders to: nothing was touched\n  run `fanggen render` and look at what \
         changed, or add `--render` (a saved change set goes with the file that it was made of)", .0.display()
    )]
    Stale(PathBuf),
    /// A deployment that stopped.
    #[error(transparent)]
    Deploy(#[from] DeployError),
}

impl CloudFailure {
    /// Whether somebody said no, which is no error.
    pub fn is_a_no(&self) -> bool {
        matches!(self, Self::Deploy(DeployError::Declined | DeployError::DeclinedItems))
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::Cloud(error.into())
    }
}

impl From<DeployError> for Failure {
    fn from(error: DeployError) -> Self {
        Self::Cloud(error.into())
    }
}
