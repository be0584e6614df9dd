//! `fanggen add`: another source, stage or sink in the pipeline's file.

use clap::{Args, ValueEnum};
use fanggen_runtime::component::{ComponentKind, ComponentRole};
use fanggen_runtime::function::registry;
use serde_json::json;
use similar::TextDiff;

use super::args::GlobalArgs;
use super::component_kind::{KindName, unknown_kind};
use super::error::{CommandError, CommandResult};
use super::output::{Style, message, plural, print, to_json};
use super::pipeline_file::{self, LoadedPipeline};
use crate::config::mistake::{Mistake, Severity};
use crate::control_characters::without_controls;
use crate::edit::add::{self, Addition, GivenSetting, StagePlace};
use crate::edit::file;

/// Lines of the file shown around what was added.
const SHOWN_AROUND: usize = 2;

/// Add a source, stage or sink to the pipeline file
#[derive(Debug, Args)]
#[command(after_help = "Comments and the order of the file are kept. The file is changed only if the result is valid.

Examples:
  fanggen add stage language                          detect the language, before the stages that need it
  fanggen add sink sns --set email=me@example.com     with a setting
  fanggen add stage filter --name bad --set 'when=sentiment == \"NEGATIVE\"' --after sentiment
  fanggen add source file --set path=items.csv --set columns.text=review --dry-run

`fanggen components` lists all types, and `fanggen components TYPE` shows the settings of one.")]
pub struct AddComponentArgs {
    /// What to add
    #[arg(value_name = "ROLE")]
    role: RoleName,
    /// The type of the component
    #[arg(value_name = "TYPE", value_parser = KindName, hide_possible_values = true)]
    kind: String,
    /// The name of the component [default: depends on the type]
    #[arg(short, long, value_name = "NAME")]
    name: Option<String>,
    /// A setting; `KEY` may be dotted, and a value that is not valid TOML is taken as a string (can be repeated)
    #[arg(short, long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Put the stage before this one
    #[arg(long, value_name = "STAGE", conflicts_with = "after")]
    before: Option<String>,
    /// Put the stage after this one
    #[arg(long, value_name = "STAGE")]
    after: Option<String>,
    /// Show the change without making it
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
        let text = pipeline_file::read(&global.file)?;
        if text.trim_start_matches('\u{feff}').parse::<toml::Table>().is_err() {
            LoadedPipeline::with_text(global, &text, Severity::Error)?;
        }
        let added = add::add(&text, &Addition { kind, name: self.name.as_deref(), settings, place })?;
        let (before, _) = LoadedPipeline::of(global, &text);
        let (mut after, _) = LoadedPipeline::of(global, &added.text);
        // What is wrong with the file already is no reason to refuse: it may be what is added.
        let remaining =
            after.mistakes.extract_if(.., |mistake| before.mistakes.iter().any(|old| is_same(mistake, old)));
        let remaining = remaining.filter(|mistake| mistake.severity() == Severity::Error).count();
        if after.broken() {
            pipeline_file::report(&after, global.json);
            message("nothing was added: the changed file would have the mistakes above");
            for setting in &added.examples {
                message(&format!("the value of `{setting}` is an example: pass your own with `--set {setting}=VALUE`"));
            }
            return Err(CommandError::Mistakes);
        }
        let path = &after.source.path;
        let diff = TextDiff::from_lines(text.as_str(), added.text.as_str());
        let diff = diff.unified_diff().context_radius(SHOWN_AROUND).header(path, path).to_string();
        if !self.dry_run {
            file::replace(&global.file, &text, &added.text)?;
        }
        let (role, of_type) = (kind.card.role.as_str(), kind.card.name);
        if global.json {
            print(&to_json(&json!({
                "file": path, "role": role, "type": of_type, "name": added.name, "dry_run": self.dry_run,
                "example_values": added.examples, "diff": diff,
            })));
        } else {
            print(&without_controls(diff.trim_end()));
        }
        let (name, end) = (&added.name, Style::END);
        let done = if self.dry_run { "would add" } else { "added" };
        message(&format!("{}{done}{end} {role} `{name}` (type `{of_type}`) to {path}", Style::SUCCESS));
        pipeline_file::report(&after, false);
        if remaining > 0 {
            message(&format!("the file still has {}: run `fanggen validate`", plural(remaining, "error")));
        }
        for setting in &added.examples {
            message(&match self.dry_run {
                true => format!("the value of `{setting}` is an example: pass your own with `--set {setting}=VALUE`"),
                false => format!("replace the example value of `{setting}`"),
            });
        }
        Ok(())
    }
}

/// Whether two mistakes are the same, wherever they are.
fn is_same(one: &Mistake, other: &Mistake) -> bool {
    (one.code, &one.title, &one.label) == (other.code, &other.title, &other.label)
}

/// The kind of this role and name.
fn kind(role: ComponentRole, name: &str) -> Result<&'static ComponentKind, CommandError> {
    registry::find(role, name).ok_or_else(|| unknown_kind(Some(role), name))
}
