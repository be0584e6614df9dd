//! `fanggen components`: the types of sources, stages and sinks, and all about one of them.

use clap::Args;
use comfy_table::{ContentArrangement, Table};
use textwrap::{Options, fill, indent};

use super::add::RoleName;
use super::args::GlobalArgs;
use super::component_kind::{KindName, unknown_kind};
use super::error::CommandResult;
use super::output::{print, to_json};
use super::run::STYLE;
use crate::show::component::{BilledFacts, ComponentFacts, QuotaFacts};
use crate::show::setting::SettingFacts;

/// The fewest and the most columns of text.
const MIN_WIDTH: usize = 40;
const MAX_WIDTH: usize = 100;

const INDENT: &str = "  ";
const MEANING_INDENT: &str = "      ";

/// List the types of sources, stages and sinks
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen components                         list all types
  fanggen components --role sink             list the sinks
  fanggen components wikipedia               show settings, permissions, costs, quota and an example
  fanggen components dynamodb --role sink    show only the sink of this type
  fanggen components comprehend --json")]
pub struct ComponentsArgs {
    /// The type to show
    #[arg(value_name = "TYPE", value_parser = KindName, hide_possible_values = true)]
    kind: Option<String>,
    /// Show only types of this role
    #[arg(long, value_name = "ROLE")]
    role: Option<RoleName>,
}

impl ComponentsArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let role = self.role.map(Into::into);
        let found = ComponentFacts::all(self.kind.as_deref(), role);
        if let (Some(kind), true) = (&self.kind, found.is_empty()) {
            return Err(unknown_kind(role, kind));
        }
        if global.json {
            print(&to_json(&found));
        } else if self.kind.is_some() {
            let width = width();
            print(&found.iter().map(|one| page(one, width)).collect::<Vec<_>>().join("\n\n\n"));
        } else {
            let mut table = Table::new();
            table.load_style(STYLE);
            // One line per type for programs; lines that fit for people.
            if let Some((width, _)) = terminal_size::terminal_size() {
                table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.0);
            }
            table.set_header(["role", "type", "description"]);
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
        (Some(usd), Some(date)) => format!(", ${usd} each in {date}"),
        _ => String::new(),
    };
    let count = if unit.per_record > 0.0 { format!("{} {name} per record", unit.per_record) } else { name };
    format!("Billed: {count}{price} ({}).", unit.reason)
}

/// The width for text: that of the terminal, within what is easy to read.
fn width() -> usize {
    let terminal = terminal_size::terminal_size().map_or(MAX_WIDTH, |(width, _)| usize::from(width.0));
    terminal.clamp(MIN_WIDTH, MAX_WIDTH)
}
