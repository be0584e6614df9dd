//! `fanggen man`: manual pages, one for each command.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_mangen::Man;
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
    /// The folder to write to, created if it does not exist
    #[arg(value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
}

impl ManArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let unwritable = |source| CommandError::Unwritable { path: self.folder.clone(), source };
        if self.folder.exists() && !self.folder.is_dir() {
            return Err(CommandError::NoFolder(self.folder));
        }
        std::fs::create_dir_all(&self.folder).map_err(unwritable)?;
        let mut command = Cli::command();
        command.build();
        let mut pages = Vec::new();
        self.write(&command, &mut pages)?;
        if global.json {
            print(&to_json(&json!({ "folder": self.folder.display().to_string(), "pages": pages })));
        }
        message(&format!("wrote {} to {}", plural(pages.len(), "page"), self.folder.display()));
        Ok(())
    }

    /// Writes the page of a command and those of its own commands, but for hidden ones.
    fn write(&self, command: &clap::Command, pages: &mut Vec<String>) -> CommandResult {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        let page = format!("{name}.1");
        let path = self.folder.join(&page);
        let written = page_of(command).and_then(|text| std::fs::write(&path, &text));
        written.map_err(|source| CommandError::Unwritable { path, source })?;
        pages.push(page);
        let inner = command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help");
        inner.into_iter().try_for_each(|inner| self.write(inner, pages))
    }
}

/// The page of a command. Its examples stand as they are, so that they can be copied.
fn page_of(command: &clap::Command) -> io::Result<Vec<u8>> {
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (notes, examples) = after.split_once("Examples:\n").unwrap_or((&after, ""));
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    for paragraph in notes.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        writeln!(page, ".PP\n{}", escaped(paragraph))?;
    }
    man.render_options_section(&mut page)?;
    if command.get_subcommands().next().is_some() {
        man.render_subcommands_section(&mut page)?;
    }
    if !examples.is_empty() {
        let lines: Vec<&str> = examples.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
        writeln!(page, ".SH EXAMPLES\n.nf\n{}\n.fi", escaped(&lines.join("\n")))?;
    }
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// A text as roff takes it.
fn escaped(text: &str) -> String {
    let line = |line: &str| {
        let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
        if line.starts_with('.') { format!("\\&{line}") } else { line }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
