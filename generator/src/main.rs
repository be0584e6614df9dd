//! The `fanggen` command: arguments to commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    fanggen::commands::Cli::of_process().execute()
}
