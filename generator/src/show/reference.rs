//! `docs/reference.md`: every section and component with its settings, from the schema that editors use and the cards.

use std::fmt::Write as _;

use fanggen_runtime::component::{Card, ComponentKind, ComponentRole, PermissionTarget, TextFlow};
use fanggen_runtime::function::registry;
use serde_json::Value;

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
        let _ = write!(page, "\n### `[{section}]`\n\n{}\n", prose(definition));
        let _ = write!(page, "\n```toml\n[{section}]\n{example}\n```\n\n");
        settings(&mut page, definition, required(&schema["properties"][section]), &[]);
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
            component(&mut page, kind, &schema);
        }
    }
    let _ = write!(page, "\n## Environments\n\n{}", include_str!("reference/environments.md"));
    let _ = write!(page, "\n## Tests\n\n{}", include_str!("reference/tests.md"));
    let tests = &schema["definitions"]["tests"];
    // What is expected is a table of its own.
    settings(&mut page, tests, required(&schema["properties"]["tests"]["items"]), &[]);
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
    table(page, rows, &["name", "type"]);
}

fn component(page: &mut String, kind: &ComponentKind, schema: &Value) {
    let card = kind.card;
    let role = card.role.as_str();
    let definition = &schema["definitions"][format!("{role}.{}", card.name)];
    let _ = write!(page, "\n### {} `{}`\n\n", capitalised(role), card.name);
    let _ = write!(
        page,
        "{}.\n\n{}\n\n```toml\n{}\n```\n\n",
        capitalised(card.summary),
        prose(definition),
        card.example.trim()
    );
    let all = schema["properties"][format!("{role}s")].clone();
    let (of_name, of_list) = (&all["additionalProperties"]["oneOf"], &all["items"]["oneOf"]);
    let kinds = of_name.as_array().or_else(|| of_list.as_array());
    let own = format!("#/definitions/{role}.{}", card.name);
    let this = kinds.into_iter().flatten().find(|one| one["allOf"][0]["$ref"] == own.as_str());
    let shared: &[&str] =
        if card.role == ComponentRole::Stage { &["name", "type", "isolate", "share"] } else { &["type"] };
    settings(page, definition, this.map(required).unwrap_or_default(), shared);
    notes(page, &card);
}

/// What is worth knowing of a component besides its settings.
fn notes(page: &mut String, card: &Card) {
    let mut notes = Vec::new();
    match card.text {
        TextFlow::Ignores => {}
        TextFlow::Provides => notes.push("**Text**: provides one.".to_owned()),
        TextFlow::Analyses => notes.push("**Text**: needs one, and analyses it.".to_owned()),
        TextFlow::Transforms => notes.push("**Text**: needs one, and prepares it for later stages.".to_owned()),
    }
    if let Some(stand_in) = card.local_substitute {
        notes.push(format!("**On your machine**: `{stand_in}` is used instead; nothing is sent or charged."));
    } else if card.fetches {
        let text = "**On your machine**: `fanggen run` takes the texts from `[local] texts` if it is set, unless you \
                    pass `--live`.";
        notes.push(text.to_owned());
    } else if card.local_only {
        notes.push("**In AWS**: left out, since a Lambda function keeps no files.".to_owned());
    }
    if let Some(component) = config::example(card) {
        for permission in component.settings.permissions(&component.name) {
            let actions: Vec<String> = permission.actions.iter().map(|action| format!("`{action}`")).collect();
            let on = match permission.target {
                PermissionTarget::Store => "on the table, bucket, queue or topic that it uses".to_owned(),
                PermissionTarget::Objects(prefix) => format!("on the objects under `{prefix}` in its bucket"),
                PermissionTarget::StateTable => "on the state table".to_owned(),
                PermissionTarget::Arn(arn) => format!("on `{arn}`"),
                PermissionTarget::AllResources(reason) => format!("on `*` ({reason})"),
            };
            notes.push(format!("**IAM**: {} {on}: {}.", actions.join(", "), permission.reason));
        }
        if let Some(quota) = component.settings.quota() {
            let rate = (quota.calls_per_second * 100.0).round() / 100.0;
            notes.push(format!("**Quota**: {} allows [{rate} calls per second]({}).", quota.service, quota.docs_url));
        }
    }
    if !notes.is_empty() {
        let _ = write!(page, "\n- {}\n", notes.join("\n- "));
    }
}

/// The table of a definition's settings, but for those that are described elsewhere.
fn settings(page: &mut String, definition: &Value, required: Vec<&str>, elsewhere: &[&str]) {
    let properties = definition["properties"].as_object();
    let rows: Vec<(&str, &Value)> = properties
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.as_str(), schema))
        .filter(|(name, _)| !elsewhere.contains(name))
        .collect();
    if rows.is_empty() {
        page.push_str("It has no settings of its own.\n");
        return;
    }
    // What has to be there first; the rest by name.
    let (first, rest): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(name, _)| required.contains(name));
    table(page, first.into_iter().chain(rest), &required);
}

fn table<'a>(page: &mut String, rows: impl Iterator<Item = (&'a str, &'a Value)>, required: &[&str]) {
    page.push_str("| Setting | Type | Default | Meaning |\n| --- | --- | --- | --- |\n");
    for (name, schema) in rows {
        row(page, name, schema, required.contains(&name));
    }
}

fn row(page: &mut String, name: &str, schema: &Value, required: bool) {
    let default = match &schema["default"] {
        _ if required => "**required**".to_owned(),
        Value::Null => String::new(),
        Value::Object(empty) if empty.is_empty() => String::new(),
        value => format!("`{value}`"),
    };
    let meaning =
        if name == "type" { "The type of the component." } else { schema["description"].as_str().unwrap_or_default() };
    let words = if name == "type" { "string".to_owned() } else { type_words(schema) };
    let _ = writeln!(page, "| `{name}` | {} | {default} | {} |", cell(&words), cell(meaning));
    // The settings of a table, or of each table in a list, by their whole names.
    let inner = if schema["type"] == "array" { &schema["items"] } else { schema };
    let needed = self::required(inner);
    for (key, schema) in inner["properties"].as_object().into_iter().flatten() {
        row(page, &format!("{name}.{key}"), schema, needed.contains(&key.as_str()));
    }
}

/// A text as a cell of a table: on one line, its bars escaped.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// The type of a value, and which values are allowed.
fn type_words(schema: &Value) -> String {
    if let Some(choices) = schema["oneOf"].as_array() {
        let choice = |choice: &Value| {
            let word = choice["const"].as_str().unwrap_or_default();
            match choice["description"].as_str() {
                Some(meaning) => format!("`\"{word}\"`: {meaning}"),
                None => format!("`\"{word}\"`"),
            }
        };
        return choices.iter().map(choice).collect::<Vec<_>>().join("<br>");
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
        return format!("one of {}", values.join(", "));
    }
    match schema["type"].as_str().unwrap_or_default() {
        "boolean" => "`true` or `false`".into(),
        "integer" => format!("whole number{}", range(schema)),
        "number" => format!("number{}", range(schema)),
        "array" => match &schema["items"] {
            items if items["anyOf"].is_array() => "list of strings or tables".into(),
            items if items["type"] == "object" || items["$ref"].is_string() => "list of tables".into(),
            items => match type_words(items).strip_prefix("string") {
                Some(rest) => format!("list of strings{}", rest.replacen(':', ", each", 1)),
                None => format!("list of:<br>{}", type_words(items)),
            },
        },
        "object" => "table".into(),
        _ => match schema[schema::ALLOWED].as_str() {
            Some(allowed) => format!("string: {allowed}"),
            None => "string".into(),
        },
    }
}

fn range(schema: &Value) -> String {
    let above = schema["exclusiveMinimum"].as_f64().map(|least| format!(", above {least}"));
    let least = schema["minimum"].as_f64().map(|least| format!(", {least}"));
    match (least, above, schema["maximum"].as_f64()) {
        (Some(least), _, Some(most)) => format!("{least} to {most}"),
        (_, Some(above), Some(most)) => format!("{above}, up to {most}"),
        _ => String::new(),
    }
}

fn required(schema: &Value) -> Vec<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The doc comment of a definition, its lines joined into paragraphs.
fn prose(definition: &Value) -> String {
    let text = definition["description"].as_str().unwrap_or_default();
    text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n")
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
