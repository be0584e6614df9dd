//! `fanggen completions`: what a shell needs to complete fanggen's commands and options.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::args::Cli;
use super::error::CommandResult;
use super::output::print_with;

/// Print a completion script for your shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen completions bash > ~/.local/share/bash-completion/completions/fanggen
  fanggen completions zsh > \"${fpath[1]}/_fanggen\"
  fanggen completions fish > ~/.config/fish/completions/fanggen.fish
  fanggen completions powershell >> $PROFILE

Open a new shell afterwards.")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl CompletionsArgs {
    #[expect(clippy::unnecessary_wraps, reason = "the signature of all commands")]
    pub fn execute(self) -> CommandResult {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "fanggen", &mut script);
        print_with(|out| out.write_all(script.strip_suffix(b"\n").unwrap_or(&script)));
        Ok(())
    }
}
