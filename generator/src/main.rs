//! The `fanggen` command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    fanggen::commands::Cli::from_process().execute()
}
