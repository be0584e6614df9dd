//! `fanggen dlq`: the dead letters of an environment, shown, moved back, or saved and deleted.

mod account;
mod ls;
mod redrive;
mod show;

use clap::{Args, Subcommand};

use super::args::GlobalArgs;
use super::error::CommandResult;

/// Show dead letters, move them back, or save and delete them
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen dlq ls --env prod                           how many, how old, and why
  fanggen dlq show --queue worker -n 3
  fanggen dlq redrive --reason message_unreadable     back to where they came from: asks first
  fanggen dlq discard --queue worker --save dead.jsonl

`fanggen dlq VERB --help` shows the options and examples of each verb.")]
pub struct DlqArgs {
    #[command(subcommand)]
    verb: DlqVerb,
}

#[derive(Debug, Subcommand)]
enum DlqVerb {
    #[command(visible_alias = "list")]
    Ls(ls::LsArgs),
    Show(show::ShowArgs),
    Redrive(redrive::RedriveArgs),
    #[command(visible_alias = "purge")]
    Discard(redrive::DiscardArgs),
}

/// Which dead letters.
#[derive(Clone, Debug, Args)]
pub struct QueueArgs {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Only the dead letters of this function, of `schedule`, or of a queue by its name (can be repeated)
    #[arg(short, long = "queue", value_name = "QUEUE")]
    queues: Vec<String>,
}

impl DlqArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        match self.verb {
            DlqVerb::Ls(args) => args.execute(global),
            DlqVerb::Show(args) => args.execute(global),
            DlqVerb::Redrive(args) => args.execute(global),
            DlqVerb::Discard(args) => args.execute(global),
        }
    }
}
