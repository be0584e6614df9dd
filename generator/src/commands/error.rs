//! Why a command fails, and with which exit code.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::output::{Style, message, print};
#[cfg(feature = "aws")]
use crate::artifact::BuildError;
use crate::compare::CompareError;
#[cfg(feature = "aws")]
use crate::deploy::error::DeployError;
#[cfg(feature = "aws")]
use crate::operate::dead_letters::DeadLettersError;
use crate::operate::items::ItemsEditError;
#[cfg(feature = "aws")]
use crate::operate::logs::LogsError;
use crate::replay::error::ReplayError;

/// What a command returns: its output is printed by then.
pub type CommandResult = Result<(), CommandError>;

/// Why a command ends without success.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The command has printed its result, which stands for this exit code.
    #[error("exit code {0}")]
    Exit(u8),
    /// The mistakes of the pipeline's file, which are printed already.
    #[error("the pipeline's file has mistakes")]
    Mistakes,
    /// The pipeline's file cannot be read.
    #[error("`{}` cannot be read: {}{}", .path.display(), reason(.source), hint(.path, .source))]
    File { path: PathBuf, source: std::io::Error },
    /// An unknown environment.
    #[error("there is no environment `{found}` in `{}`; known: {known}{help}", .path.display())]
    Environment { path: PathBuf, found: String, known: String, help: String },
    /// Rendering failed.
    #[error(transparent)]
    Render(#[from] crate::render::RenderError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Disk(#[from] crate::render::disk::DiskError),
    /// A local run failed.
    #[error("{0}")]
    Run(fanggen_runtime::model::error::Error),
    /// No test has such a name.
    #[error("no test has `{filter}` in its name; the file has {known}")]
    NoSuchTest { filter: String, known: String },
    /// Expectations cannot be recorded.
    #[error(transparent)]
    Record(#[from] crate::pipeline_tests::record::RecordError),
    /// No component has such a type.
    #[error("there is no {role} of type `{found}`{help}\n  types: {known}")]
    UnknownKind { role: &'static str, found: String, known: String, help: String },
    /// A new pipeline would overwrite a file.
    #[error("`{}` already exists, so nothing was written: choose another folder", .0.display())]
    Exists(PathBuf),
    /// Something else is where a folder should be.
    #[error("`{}` exists and is not a folder", .0.display())]
    NoFolder(PathBuf),
    /// A list without items.
    #[error("`{}` has no items, so nothing was written", .0.display())]
    NoItems(PathBuf),
    /// A new pipeline has the usual file.
    #[error(
        "`init` always writes `pipeline.toml`: leave out `--file`, and pass a folder instead, as in `fanggen init FOLDER`"
    )]
    InitFile,
    /// There is no such pipeline.
    #[error(transparent)]
    Init(#[from] crate::init::InitError),
    /// The user ended the questions.
    #[error("nothing was written")]
    InitDeclined,
    /// Nothing can be added to the pipeline's file.
    #[error(transparent)]
    Add(#[from] crate::edit::add::AddError),
    /// The pipeline's file cannot be replaced.
    #[error(transparent)]
    Replace(#[from] crate::edit::file::ReplaceError),
    /// A file that was asked for cannot be written.
    #[error("`{}` cannot be written: {source}", .path.display())]
    Unwritable { path: PathBuf, source: std::io::Error },
    /// Texts or engines cannot be compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// Items cannot be read or edited.
    #[error(transparent)]
    Items(#[from] ItemsEditError),
    /// What was asked of the results cannot be had.
    #[error("{0}")]
    Results(String),
    /// Results cannot be read or written.
    #[error(transparent)]
    ReadResults(#[from] crate::results::archive::ResultsError),
    /// Results cannot be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The artifact cannot be built.
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The files on disk are not what the pipeline's file renders to.
    #[cfg(feature = "aws")]
    #[error(
        "`{}` is stale: it differs from what the pipeline's file renders to, so nothing was deployed\n  run `fanggen render` \
         and review the changes, or add `--render` (a saved change set needs the `pipeline.toml` that it was created from)",
        .0.display()
    )]
    Stale(PathBuf),
    /// A deployment stopped.
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// Logs cannot be read.
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Logs(#[from] LogsError),
    /// Dead letters cannot be read or moved.
    #[cfg(feature = "aws")]
    #[error(transparent)]
    DeadLetters(#[from] DeadLettersError),
    /// The command needs AWS, which this build leaves out.
    #[cfg(not(feature = "aws"))]
    #[error(
        "`fanggen {0}` needs AWS, and this build has no AWS support\n  install fanggen with its default features: `cargo \
         install --path generator`{more}", more = offline(.0)
    )]
    NeedsAws(String),
    /// The system refuses what a command needs.
    #[error("{0}: {1}")]
    System(&'static str, std::io::Error),
}

impl CommandError {
    /// Prints the error, as JSON too where that was asked for, and gives the exit code.
    pub fn report(&self, json: bool) -> u8 {
        match self {
            Self::Exit(code) => return *code,
            Self::Mistakes => {}
            declined if declined.is_declined() => message(&declined.to_string()),
            error => {
                if json {
                    print(&json!({ "error": error.to_string() }).to_string());
                }
                message(&format!("{}error{}: {error}", Style::ERROR, Style::END));
            }
        }
        1
    }

    /// Whether the user declined a prompt, which is no error.
    fn is_declined(&self) -> bool {
        match self {
            Self::Compare(CompareError::Declined) | Self::InitDeclined | Self::Replay(ReplayError::Declined) => true,
            #[cfg(feature = "aws")]
            Self::Deploy(DeployError::Declined | DeployError::DeclinedItems) => true,
            #[cfg(feature = "aws")]
            Self::DeadLetters(DeadLettersError::Declined(_)) => true,
            _ => false,
        }
    }
}

/// The system's reason, where there is something to say about a pipeline's file.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text; save it as UTF-8 and try again".into(),
        std::io::ErrorKind::IsADirectory => "it is a folder; name the `pipeline.toml` in it".into(),
        _ => error.to_string(),
    }
}

fn hint(path: &Path, error: &std::io::Error) -> &'static str {
    if path == Path::new("pipeline.toml") && error.kind() == std::io::ErrorKind::NotFound {
        "\n  change to a folder with a `pipeline.toml`, or pass its path with `--file FILE`"
    } else {
        ""
    }
}

#[cfg(not(feature = "aws"))]
fn offline(command: &str) -> &'static str {
    if command == "plan" { ", or plan from the file alone with `fanggen plan --offline`" } else { "" }
}
