//! The arguments that all commands share, and how the command line is read.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser};

use super::{Command, help};
use crate::log::LogFormat;

const EXAMPLES: &str = "Examples:
  fanggen run                       run ./pipeline.toml on this machine: no account, no network
  fanggen validate --explain        show every derived value with its reason
  fanggen render && fanggen apply   deploy: show the changes, ask, apply
  fanggen destroy                   delete what apply created

Run `fanggen help COMMAND` for the examples of a command.";

/// Turn one pipeline.toml into a complete serverless sentiment pipeline on AWS, or run it on your own machine.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub(super) global: GlobalArgs,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
pub struct GlobalArgs {
    /// The pipeline's file
    #[arg(short, long, global = true, value_name = "FILE", default_value = "pipeline.toml")]
    pub(super) file: PathBuf,
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", alias = "colour")]
    pub(super) color: ColorWhen,
    /// Log to stderr: the command, its AWS calls and the items it changes
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,
    /// Log to stderr in this format; `json` turns every line on stderr into a JSON object
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(super) log_format: Option<LogFormat>,
}

impl GlobalArgs {
    /// Whether prompts have no colour.
    pub fn is_plain(&self) -> bool {
        let unwanted = || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        matches!(self.color, ColorWhen::Never) || matches!(self.color, ColorWhen::Auto) && unwanted()
    }
}

/// When output is coloured.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum ColorWhen {
    Auto,
    Always,
    Never,
}

impl Cli {
    /// The arguments of this process. Asking for help and a usage error end the process here.
    #[must_use]
    pub fn from_process() -> Self {
        let mut matches = help::grouped(Self::command()).get_matches();
        Self::from_arg_matches_mut(&mut matches).unwrap_or_else(|error| error.exit())
    }
}
