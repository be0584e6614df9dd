//! `fanggen items`: the items of a source, listed and edited.

#[cfg(feature = "aws")]
mod account;
mod edit;
pub mod given;
mod list;
mod rename;
mod source;
#[cfg(feature = "aws")]
mod sync;

use clap::{Args, Subcommand};

use super::args::GlobalArgs;
use super::error::CommandResult;

/// List, add, change and remove a pipeline's items, such as the companies it watches
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen items list                                    the items of the only source, in the default environment
  fanggen items add -i Apple title='Apple Inc.' -i Google
  fanggen items add --from companies.csv --env prod     names only, CSV or JSON Lines; `-` is standard input
  fanggen items update --old Facebook --new 'Meta Platforms'
  fanggen items remove -i Apple
  fanggen items sync --prune                            make the table match the file

`fanggen items VERB --help` shows the options and examples of each verb.")]
pub struct ItemsArgs {
    #[command(subcommand)]
    verb: ItemsVerb,
}

#[derive(Debug, Subcommand)]
enum ItemsVerb {
    List(list::ListArgs),
    Add(edit::AddArgs),
    Remove(edit::RemoveArgs),
    Update(edit::UpdateArgs),
    #[cfg(feature = "aws")]
    Diff(sync::DiffArgs),
    #[cfg(feature = "aws")]
    Sync(sync::SyncArgs),
}

/// Which items.
#[derive(Clone, Debug, Args)]
pub struct SourceArgs {
    /// The source [default: the only one]
    #[arg(short, long, value_name = "NAME")]
    source: Option<String>,
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Only the file on this machine, without a call to AWS
    #[arg(long)]
    local: bool,
}

impl ItemsArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        given::refuse_swapped_files(global)?;
        match self.verb {
            ItemsVerb::List(args) => args.execute(global),
            ItemsVerb::Add(args) => args.execute(global),
            ItemsVerb::Remove(args) => args.execute(global),
            ItemsVerb::Update(args) => args.execute(global),
            #[cfg(feature = "aws")]
            ItemsVerb::Diff(args) => args.execute(global),
            #[cfg(feature = "aws")]
            ItemsVerb::Sync(args) => args.execute(global),
        }
    }
}
