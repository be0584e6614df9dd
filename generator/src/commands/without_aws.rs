//! The commands that need AWS, in a build that leaves it out: each says so, and how to get it.

use clap::{Args, Subcommand};

use super::error::CommandError;

/// A command that this build cannot run; hidden from `--help`.
#[derive(Debug, Subcommand)]
pub enum AwsCommand {
    #[command(hide = true)]
    Build(AnyArgs),
    #[command(hide = true)]
    Apply(AnyArgs),
    #[command(hide = true)]
    Destroy(AnyArgs),
    #[command(hide = true)]
    Status(AnyArgs),
    #[command(hide = true)]
    Outputs(AnyArgs),
    #[command(hide = true)]
    Drift(AnyArgs),
    #[command(hide = true)]
    Logs(AnyArgs),
    #[command(hide = true)]
    Dlq(AnyArgs),
    #[command(hide = true)]
    Iam(AnyArgs),
    #[command(hide = true)]
    Invoke(AnyArgs),
}

/// Whatever the command was given, so that its options are no usage error.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct AnyArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    any: Vec<String>,
}

impl AwsCommand {
    /// What to tell the user.
    pub fn error(&self) -> CommandError {
        let name = match self {
            Self::Build(_) => "build",
            Self::Apply(_) => "apply",
            Self::Destroy(_) => "destroy",
            Self::Status(_) => "status",
            Self::Outputs(_) => "outputs",
            Self::Drift(_) => "drift",
            Self::Logs(_) => "logs",
            Self::Dlq(_) => "dlq",
            Self::Iam(_) => "iam",
            Self::Invoke(_) => "invoke",
        };
        CommandError::NeedsAws(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::commands::{Cli, Command};

    #[test]
    fn a_command_that_needs_aws_says_how_to_get_it() {
        let cli = Cli::try_parse_from(["fanggen", "apply", "--env", "dev", "--yes"]).expect("any options");
        let Command::WithoutAws(command) = cli.command else { unreachable!("another command") };
        assert_eq!(
            command.error().to_string(),
            "`fanggen apply` needs AWS, and this build has no AWS support\n  install fanggen with its default features: \
             `cargo install --path generator`"
        );
    }
}
