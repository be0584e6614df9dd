//! `fanggen add`: another source, stage or sink in the pipeline's file.

use clap::{Args, ValueEnum};
use fanggen_runtime::component::{ComponentKind, ComponentRole};
use fanggen_runtime::function::registry;
use fanggen_runtime::model::tree::quoted_list;
use serde_json::json;
use similar::TextDiff;

use super::args::GlobalArgs;
use super::error::{CommandError, CommandResult};
use super::output::{Style, message, print, to_json};
use super::pipeline_file::LoadedPipeline;
use crate::config::mistake::{Severity, did_you_mean};
use crate::edit::add::{self, Addition, GivenSetting, StagePlace};
use crate::edit::file;

/// Lines of the file shown around what was added.
const SHOWN_AROUND: usize = 2;

/// Add a source, stage or sink to the pipeline's file
#[derive(Debug, Args)]
#[command(
    after_help = "Comments and the order of the file stay. The file is changed only if the pipeline is still valid afterwards.

Examples:
  fanggen add stage language                          detect the language, before the stages that need it
  fanggen add sink sns --set email=me@example.com     with a setting
  fanggen add stage filter --name bad --set 'when=sentiment == \"NEGATIVE\"' --after sentiment
  fanggen add source file --set path=items.csv --set columns.text=review --dry-run

`fanggen components` lists all types, and `fanggen components TYPE` shows the settings of one."
)]
pub struct AddComponentArgs {
    /// What to add
    #[arg(value_name = "ROLE")]
    role: RoleName,
    /// Its type
    #[arg(value_name = "TYPE")]
    kind: String,
    /// Its name [default: by its type]
    #[arg(short, long, value_name = "NAME")]
    name: Option<String>,
    /// A setting; `KEY` may be a path, and a value that is not TOML is text (can be repeated)
    #[arg(short, long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Put the stage before this one
    #[arg(long, value_name = "STAGE", conflicts_with = "after")]
    before: Option<String>,
    /// Put the stage after this one
    #[arg(long, value_name = "STAGE")]
    after: Option<String>,
    /// Show the change, without making it
    #[arg(long)]
    dry_run: bool,
}

/// The role of a component, as an argument.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RoleName {
    #[value(alias = "sources")]
    Source,
    #[value(alias = "stages")]
    Stage,
    #[value(alias = "sinks")]
    Sink,
}

impl From<RoleName> for ComponentRole {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Source => Self::Source,
            RoleName::Stage => Self::Stage,
            RoleName::Sink => Self::Sink,
        }
    }
}

impl AddComponentArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let place = match (&self.before, &self.after) {
            (Some(stage), _) => StagePlace::Before(stage),
            (_, Some(stage)) => StagePlace::After(stage),
            _ => StagePlace::ByKind,
        };
        let kind = kind(self.role.into(), &self.kind)?;
        let settings = self.settings.iter().map(|one| GivenSetting::parse(one)).collect::<Result<_, _>>()?;
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let text = &file.config.source.text;
        let added = add::add(text, &Addition { kind, name: self.name.as_deref(), settings, place })?;
        if let Err(error) = LoadedPipeline::with_text(global, &added.text, Severity::Error) {
            message("nothing was added: the mistakes are those that the file would have");
            return Err(error);
        }
        let path = &file.config.source.path;
        let diff = TextDiff::from_lines(text.as_str(), added.text.as_str());
        let diff = diff.unified_diff().context_radius(SHOWN_AROUND).header(path, path).to_string();
        if !self.dry_run {
            file::replace(&global.file, text, &added.text)?;
        }
        let (role, of_type) = (kind.card.role.as_str(), kind.card.name);
        if global.json {
            print(&to_json(&json!({
                "file": path, "role": role, "type": of_type, "name": added.name, "dry_run": self.dry_run,
                "example_values": added.examples, "diff": diff,
            })));
        } else {
            print(diff.trim_end());
        }
        let (name, end) = (&added.name, Style::END);
        let done = if self.dry_run { "would add" } else { "added" };
        message(&format!("{}{done}{end} {role} `{name}` (type `{of_type}`) to {path}", Style::SUCCESS));
        if !added.examples.is_empty() {
            let settings = quoted_list(&added.examples);
            message(&format!("edit the example {} of {settings}", values(added.examples.len())));
        }
        Ok(())
    }
}

const fn values(count: usize) -> &'static str {
    if count == 1 { "value" } else { "values" }
}

/// The kind of this role and name.
fn kind(role: ComponentRole, name: &str) -> Result<&'static ComponentKind, CommandError> {
    let kinds = registry::of(role);
    kinds.iter().find(|kind| kind.card.name == name).ok_or_else(|| {
        let known: Vec<&str> = kinds.iter().map(|kind| kind.card.name).collect();
        let elsewhere = registry::all().find(|kind| kind.card.name == name);
        let help = match elsewhere {
            Some(kind) => Some(format!("`{name}` is a {}", kind.card.role.as_str())),
            None => did_you_mean(name, &known),
        };
        CommandError::UnknownKind {
            role: role.as_str(),
            found: name.to_owned(),
            known: quoted_list(&known),
            help: help.map(|help| format!("; {help}")).unwrap_or_default(),
        }
    })
}
