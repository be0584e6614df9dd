//! `fanggen components`: the types of sources, stages and sinks, and all about one of them.

use clap::Args;
use comfy_table::Table;
use fanggen_runtime::function::registry;
use fanggen_runtime::model::tree::quoted_list;
use textwrap::{Options, fill, indent};

use super::add::RoleName;
use super::args::GlobalArgs;
use super::error::{CommandError, CommandResult};
use super::output::{print, to_json};
use super::run::STYLE;
use crate::config::mistake::did_you_mean;
use crate::show::component::{BilledFacts, ComponentFacts, QuotaFacts};
use crate::show::setting::SettingFacts;

/// The fewest and the most columns of text.
const MIN_WIDTH: usize = 40;
const MAX_WIDTH: usize = 100;

const INDENT: &str = "  ";
const MEANING_INDENT: &str = "      ";

/// List the types of sources, stages and sinks
#[derive(Debug, Args)]
#[command(after_help = "Needs no pipeline file.

Examples:
  fanggen components                         list all types
  fanggen components --role sink             list the sinks
  fanggen components wikipedia               show settings, permissions, costs, quota and an example
  fanggen components dynamodb --role sink    where a source and a sink have the same type
  fanggen components comprehend --json")]
pub struct ComponentsArgs {
    /// The type to show
    #[arg(value_name = "TYPE")]
    kind: Option<String>,
    /// Only types of this role
    #[arg(long, value_name = "ROLE")]
    role: Option<RoleName>,
}

impl ComponentsArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let role = self.role.map(Into::into);
        let found = ComponentFacts::all(self.kind.as_deref(), role);
        if let (Some(kind), true) = (&self.kind, found.is_empty()) {
            let of_role = registry::all().filter(|kind| role.is_none_or(|role| kind.card.role == role));
            let mut known: Vec<&str> = of_role.map(|kind| kind.card.name).collect();
            known.sort_unstable();
            known.dedup();
            return Err(CommandError::UnknownKind {
                role: self
                    .role
                    .map_or("component", |role| fanggen_runtime::component::ComponentRole::from(role).as_str()),
                found: kind.clone(),
                known: quoted_list(&known),
                help: did_you_mean(kind, &known).map(|help| format!("; {help}")).unwrap_or_default(),
            });
        }
        if global.json {
            print(&to_json(&found));
        } else if self.kind.is_some() {
            let width = width();
            print(&found.iter().map(|one| page(one, width)).collect::<Vec<_>>().join("\n\n\n"));
        } else {
            let mut table = Table::new();
            table.load_style(STYLE);
            table.set_header(["role", "type", "what it does"]);
            for one in &found {
                table.add_row([one.role, one.name, one.summary]);
            }
            print(&table.trim_fmt());
        }
        Ok(())
    }
}

/// All about a type, in lines of this width.
fn page(facts: &ComponentFacts, width: usize) -> String {
    let head = format!("{} `{}`: {}", facts.role, facts.name, facts.summary);
    let mut parts = vec![fill(&head, width)];
    parts.extend(facts.description.split("\n\n").filter(|text| !text.is_empty()).map(|text| fill(text, width)));
    parts.push(indent(facts.example, INDENT));
    parts.push(settings(&facts.settings, width));
    let mut notes: Vec<String> = facts.notes.iter().map(|(title, words)| format!("{title}: {words}")).collect();
    for permission in &facts.permissions {
        notes.push(format!("IAM: {} on {}: {}.", permission.actions.join(", "), permission.on, permission.reason));
    }
    notes.extend(facts.billed.iter().map(billed));
    if let Some(QuotaFacts { service, calls_per_second, page }) = &facts.quota {
        notes.push(format!("Quota: {service} allows {calls_per_second} calls per second ({page})."));
    }
    if !facts.failures.is_empty() {
        notes.push(format!("Failures: {}.", facts.failures.join(", ")));
    }
    parts.extend(notes.iter().map(|note| fill(note, Options::new(width).subsequent_indent(INDENT))));
    parts.join("\n\n")
}

fn settings(settings: &[SettingFacts], width: usize) -> String {
    if settings.is_empty() {
        return "It has no settings of its own.".to_owned();
    }
    let one = |setting: &SettingFacts| {
        let default = match &setting.default {
            _ if setting.required => " (required)".to_owned(),
            None => String::new(),
            Some(value) => format!(" (default: {value})"),
        };
        let options = || Options::new(width).initial_indent(MEANING_INDENT).subsequent_indent(MEANING_INDENT);
        let (name, kind) = (&setting.name, setting.kind.replace('`', ""));
        let kind: Vec<String> = kind.lines().map(|line| fill(line, options())).collect();
        format!("{INDENT}{name}{default}\n{}\n{}", fill(&setting.meaning, options()), kind.join("\n"))
    };
    format!("Settings\n\n{}", settings.iter().map(one).collect::<Vec<_>>().join("\n\n"))
}

fn billed(unit: &BilledFacts) -> String {
    let name = unit.unit.replace('_', " ");
    let price = match (unit.usd_per_unit, unit.as_of) {
        (Some(usd), Some(date)) => format!(" at ${usd} each ({date})"),
        _ => String::new(),
    };
    let count = if unit.per_record > 0.0 { format!("{} per record, ", unit.per_record) } else { String::new() };
    format!("Costs: {name}{price}: {count}{}.", unit.reason)
}

/// The width for text: that of the terminal, within what is easy to read.
fn width() -> usize {
    let terminal = terminal_size::terminal_size().map_or(MAX_WIDTH, |(width, _)| usize::from(width.0));
    terminal.clamp(MIN_WIDTH, MAX_WIDTH)
}
