//! `docs/reference.md`: every section and component with its settings, from the schema that editors use and the cards.

use std::fmt::Write as _;

use fanggen_runtime::component::ComponentRole;
use fanggen_runtime::function::registry;
use serde_json::Value;

use super::component::{ComponentFacts, QuotaFacts};
use super::setting::{self, SettingFacts, required};
use crate::config;
use crate::config::schema;

/// An example of each section, in the order of the page.
const SECTIONS: [(&str, &str); 10] = [
    (
        "pipeline",
        "name = \"press\"\ndescription = \"What the press says about five companies\"\ncontact = \"data-team@example.com\"",
    ),
    ("aws", "region = \"eu-central-1\"\naccount = \"123456789012\""),
    ("schedule", "expression = \"cron(0 8-18 ? * MON-FRI *)\"\ntimezone = \"Europe/Berlin\""),
    ("functions", "architecture = \"arm64\"\nmemory_mb = 512\ntimeout_s = 600"),
    ("logs", "retention_days = 90"),
    ("local", "texts = \"texts.jsonl\""),
    ("alarms", "email = \"oncall@example.com\""),
    ("data", "retain = true\nkms = true"),
    ("budget", "monthly_usd = 50"),
    (
        "iam",
        "permissions_boundary = \"arn:aws:iam::123456789012:policy/team\"\n\n[[iam.scopes]]\nfunction = \"worker\"\n\
         actions = [\"s3:GetObject\"]\nresources = [\"arn:aws:s3:::press-archive/2026/*\"]\n\
         conditions = { StringEquals = { \"aws:RequestedRegion\" = \"eu-central-1\" } }",
    ),
];

/// The whole page.
#[must_use]
pub fn reference() -> String {
    let schema = schema::annotated();
    let mut page = format!("{}\n## Contents\n\n", include_str!("reference/intro.md"));
    contents(&mut page);
    page.push_str("\n## Sections\n");
    for (section, example) in SECTIONS {
        let definition = &schema["definitions"][section];
        let _ = write!(page, "\n### `[{section}]`\n\n{}\n", setting::prose(definition));
        let _ = write!(page, "\n```toml\n[{section}]\n{example}\n```\n\n");
        settings(&mut page, &setting::settings(definition, &required(&schema["properties"][section]), &[]));
    }
    let roles = [
        (ComponentRole::Source, "Sources", include_str!("reference/sources.md")),
        (ComponentRole::Stage, "Stages", include_str!("reference/stages.md")),
        (ComponentRole::Sink, "Sinks", include_str!("reference/sinks.md")),
    ];
    for (role, title, text) in roles {
        let _ = write!(page, "\n## {title}\n\n{text}");
        if role == ComponentRole::Stage {
            every_stage(&mut page, &schema);
        }
        for kind in registry::of(role) {
            component(&mut page, &ComponentFacts::of(kind, &schema));
        }
    }
    let _ = write!(page, "\n## Environments\n\n{}", include_str!("reference/environments.md"));
    let _ = write!(page, "\n## Tests\n\n{}", include_str!("reference/tests.md"));
    let tests = &schema["definitions"]["tests"];
    // What is expected is a table of its own.
    settings(&mut page, &setting::settings(tests, &required(&schema["properties"]["tests"]["items"]), &[]));
    page.push_str(include_str!("reference/faults.md"));
    page
}

fn contents(page: &mut String) {
    let link = |text: &str, anchor: &str| format!("[`{text}`](#{anchor})");
    let sections: Vec<String> = SECTIONS.iter().map(|(name, _)| link(&format!("[{name}]"), name)).collect();
    let _ = writeln!(page, "- [Sections](#sections): {}", sections.join(", "));
    for (role, title) in
        [(ComponentRole::Source, "Sources"), (ComponentRole::Stage, "Stages"), (ComponentRole::Sink, "Sinks")]
    {
        let names = registry::of(role).iter().map(|kind| kind.card.name);
        let links: Vec<String> = names.map(|name| link(name, &format!("{}-{name}", role.as_str()))).collect();
        let _ = writeln!(page, "- [{title}](#{}): {}", title.to_lowercase(), links.join(", "));
    }
    page.push_str("- [Items](#items), [how stages combine](#how-stages-combine), [conditions](#conditions), ");
    page.push_str("[environments](#environments), [tests](#tests)\n");
}

/// What every stage has besides the settings of its type, once instead of at each stage.
fn every_stage(page: &mut String, schema: &Value) {
    let stages = &schema["definitions"];
    let any =
        registry::of(ComponentRole::Stage).first().map(|kind| format!("stage.{}", kind.card.name)).unwrap_or_default();
    let shared: Vec<&str> = ["name", "type"].into_iter().chain(config::pipeline::STAGE_OPTIONS).collect();
    page.push('\n');
    let rows = shared.iter().map(|name| (*name, &stages[&any]["properties"][*name]));
    table(page, &setting::chosen(rows, &["name", "type"]));
}

fn component(page: &mut String, facts: &ComponentFacts) {
    let ComponentFacts { role, name, summary, description, example, .. } = facts;
    let (role, summary) = (capitalised(role), capitalised(summary));
    let _ = write!(page, "\n### {role} `{name}`\n\n{summary}.\n\n{description}\n\n```toml\n{example}\n```\n\n");
    settings(page, &facts.settings);
    notes(page, facts);
}

/// What is worth knowing of a component besides its settings.
fn notes(page: &mut String, facts: &ComponentFacts) {
    let mut notes: Vec<String> = facts.notes.iter().map(|(title, words)| format!("**{title}**: {words}")).collect();
    for permission in &facts.permissions {
        let actions: Vec<String> = permission.actions.iter().map(|action| format!("`{action}`")).collect();
        notes.push(format!("**IAM**: {} on {}: {}.", actions.join(", "), permission.on, permission.reason));
    }
    if let Some(QuotaFacts { service, calls_per_second, page }) = &facts.quota {
        notes.push(format!("**Quota**: {service} allows [{calls_per_second} calls per second]({page})."));
    }
    if !notes.is_empty() {
        let _ = write!(page, "\n- {}\n", notes.join("\n- "));
    }
}

/// The table of settings.
fn settings(page: &mut String, settings: &[SettingFacts]) {
    if settings.is_empty() {
        page.push_str("It has no settings of its own.\n");
    } else {
        table(page, settings);
    }
}

fn table(page: &mut String, settings: &[SettingFacts]) {
    page.push_str("| Setting | Type | Default | Meaning |\n| --- | --- | --- | --- |\n");
    for setting in settings {
        let default = match &setting.default {
            _ if setting.required => "**required**".to_owned(),
            None => String::new(),
            Some(value) => format!("`{value}`"),
        };
        let kind = cell(&setting.kind.replace('\n', "<br>"));
        let _ = writeln!(page, "| `{}` | {kind} | {default} | {} |", setting.name, cell(&setting.meaning));
    }
}

/// A text as a cell of a table: on one line, its bars escaped.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use fanggen_runtime::condition::Condition;

    use super::*;
    use crate::config::Config;

    fn errors(text: &str) -> String {
        let mut config = Config::read("pipeline.toml", text);
        config.mistakes.retain(|mistake| mistake.severity() == config::mistake::Severity::Error);
        config.source.report(&config.mistakes, false)
    }

    const SOURCE: &str = "[sources.items]\ntype = \"inline\"\nitems = [\"Apple\"]\n";
    const GIVES: &str = "[[stages]]\nname = \"before\"\ntype = \"text\"\n";
    const SINK: &str = "[sinks.kept]\ntype = \"s3\"\n";

    #[test]
    fn every_example_is_a_part_of_a_pipeline_without_errors() {
        for kind in registry::all() {
            let card = kind.card;
            let (source, sink) = match card.role {
                ComponentRole::Source => (card.example, SINK),
                ComponentRole::Stage => (SOURCE, SINK),
                ComponentRole::Sink => (SOURCE, card.example),
            };
            let stage = if card.role == ComponentRole::Stage { card.example } else { "" };
            let text = format!("[pipeline]\nname = \"p\"\n{source}\n{GIVES}{stage}\n{sink}");
            assert_eq!(errors(&text).trim(), "", "{kind:?}\n{text}");
            assert!(config::example(&card).is_some(), "{kind:?}: its example has settings");
        }
    }

    #[test]
    fn every_example_of_a_section_is_right_and_no_section_is_missing() {
        for (section, example) in SECTIONS {
            let head = if section == "pipeline" { "" } else { "[pipeline]\nname = \"p\"\n" };
            let region = if section == "aws" { "" } else { "[aws]\nregion = \"eu-central-1\"\n" };
            let text = format!("{head}{region}[{section}]\n{example}\n{SOURCE}{GIVES}{SINK}");
            assert_eq!(errors(&text).trim(), "", "{text}");
        }
        let components = ["sources", "stages", "sinks", "environments", "tests"];
        let sections: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
        let all = config::pipeline::SECTIONS.into_iter().filter(|name| !components.contains(name));
        assert_eq!(all.collect::<Vec<_>>(), sections);
    }

    #[test]
    fn every_pipeline_in_the_page_is_right() {
        let page = reference();
        let whole: Vec<&str> = page
            .split("```toml\n")
            .filter_map(|block| block.split("```").next())
            .filter(|block| block.starts_with("[pipeline]\n") && block.contains("[sinks"))
            .collect();
        assert!(!whole.is_empty());
        for text in whole {
            assert_eq!(errors(text).trim(), "", "{text}");
        }
    }

    #[test]
    fn every_name_in_the_table_of_conditions_is_one() {
        let text = include_str!("reference/sinks.md");
        let rows = text.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 4);
        let mut names = 0;
        for row in rows {
            let mut cells = row.split('|').skip(1);
            let (written, kind) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default().trim());
            for name in written.split(',').map(|name| name.trim().trim_matches('`')) {
                let test = match kind {
                    "label" => format!("{name} == \"POSITIVE\""),
                    "text" => format!("{name} == \"x\""),
                    "list of texts" => format!("\"x\" in {name}"),
                    "true or false" => name.to_owned(),
                    _ => format!("{name} > 0.5"),
                };
                let name = name.to_owned();
                assert!(Condition::parse(&test).is_ok(), "{name}: {test}: {:?}", Condition::parse(&test));
                names += 1;
            }
        }
        let error = Condition::parse("nothing == 1").expect_err("no such name").to_string();
        let known = error.matches('`').count() / 2;
        assert!(names + 1 >= known - 2, "{names} names in the table: {error}");
    }
}
