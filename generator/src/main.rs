//! The `fanggen` command: arguments to commands.

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    fanggen::commands::Cli::parse().execute()
}
