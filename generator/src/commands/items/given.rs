//! The options that name items: `-i NAME [KEY=VALUE]..`, and `--from FILE`.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, FromArgMatches, value_parser};

use super::super::args::GlobalArgs;
use super::super::error::CommandError;
use crate::operate::items::ItemsEditError;
use crate::operate::items::input::{ItemListFormat, looks_like_items};

/// The items of an edit. Each `-i` takes a name as it stands, and any number of attributes up to the next option; clap's derive
/// cannot tell apart the values of an option that is given several times.
#[derive(Clone, Debug, Default)]
pub struct GivenItems {
    /// Each item: its name, then its attributes.
    pub arguments: Vec<Vec<String>>,
    /// A file of items.
    pub from: Option<PathBuf>,
    /// Its format.
    pub format: Option<ItemListFormat>,
}

impl FromArgMatches for GivenItems {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Self::default();
        given.update_from_arg_matches(matches)?;
        Ok(given)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let items = matches.get_occurrences::<String>("item").into_iter().flatten();
        self.arguments = items.map(|words| words.cloned().collect()).collect();
        self.from = matches.get_one("from").cloned();
        self.format = matches.get_one("format").copied();
        Ok(())
    }
}

impl Args for GivenItems {
    fn augment_args(command: Command) -> Command {
        command
            .arg(
                Arg::new("item")
                    .short('i')
                    .long("item")
                    .num_args(1..)
                    .action(ArgAction::Append)
                    .value_names(["NAME", "KEY=VALUE"])
                    .help("An item: its name, then any number of attributes; repeat the option for more items"),
            )
            .arg(
                Arg::new("from")
                    .short('F')
                    .long("from")
                    .value_name("ITEMS_FILE")
                    .value_parser(value_parser!(PathBuf))
                    .help("A file of items: one name per line, CSV with a header, or JSON Lines; `-` reads standard input"),
            )
            .arg(
                Arg::new("format")
                    .long("format")
                    .requires("from")
                    .value_name("FORMAT")
                    .value_parser(value_parser!(ItemListFormat))
                    .help("The format of the file [default: detected from its extension, or else from its first line]"),
            )
            .group(ArgGroup::new("given").args(["item", "from"]).multiple(true))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Refuses a list of items where the pipeline's file belongs: `-f` is the same option in all commands.
pub fn refuse_swapped_files(global: &GlobalArgs) -> Result<(), CommandError> {
    if !looks_like_items(&global.file) {
        return Ok(());
    }
    let name = global.file.display().to_string();
    let reason = format!(
        "`-f` and `--file` name the pipeline's file\n  for a list of items, write `--from {name}`, or `-F {name}`"
    );
    Err(ItemsEditError::Unreadable { name, reason }.into())
}
