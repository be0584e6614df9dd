//! `fanggen man`: manual pages, one for each command.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use serde_json::json;

use super::args::{Cli, GlobalArgs};
use super::error::{CommandError, CommandResult};
use super::output::{message, plural, print, to_json};

/// Write manual pages to a folder
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen man ~/.local/share/man/man1    then `man fanggen-apply`
  fanggen man man && man -l man/fanggen.1")]
pub struct ManArgs {
    /// The folder; it is created if it is not there
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl ManArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let unwritable = |source| CommandError::Unwritable { path: self.folder.clone(), source };
        std::fs::create_dir_all(&self.folder).map_err(unwritable)?;
        let mut command = Cli::command();
        command.build();
        let mut pages = Vec::new();
        self.write(&command, &mut pages)?;
        if global.json {
            print(&to_json(&json!({ "folder": self.folder, "pages": pages })));
        }
        message(&format!("wrote {} to {}", plural(pages.len(), "page"), self.folder.display()));
        Ok(())
    }

    /// Writes the page of a command and those of its own commands, but for hidden ones.
    fn write(&self, command: &clap::Command, pages: &mut Vec<String>) -> CommandResult {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        let page = format!("{name}.1");
        let path = self.folder.join(&page);
        let mut text = Vec::new();
        let rendered = clap_mangen::Man::new(command.clone()).render(&mut text);
        rendered
            .and_then(|()| std::fs::write(&path, &text))
            .map_err(|source| CommandError::Unwritable { path, source })?;
        pages.push(page);
        let inner = command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help");
        inner.into_iter().try_for_each(|inner| self.write(inner, pages))
    }
}
