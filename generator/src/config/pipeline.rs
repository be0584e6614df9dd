//! A pipeline as one environment sees it: sections, and components with their settings.

use std::sync::Arc;

use fanggen_runtime::component::{Component, ComponentKind, ComponentRole};
use fanggen_runtime::function::registry;
use fanggen_runtime::model::tree::{Entry, Span, Table, Tree, Value, quoted_list};
use fanggen_runtime::model::values::Name;

use super::hints;
use super::mistake::{Mistake, MistakeCode};
use super::read;
use super::sections::{
    AlarmsSection, AwsSection, BudgetSection, DataSection, FunctionsSection, IamSection, LocalSection, LogsSection,
    PipelineSection, ScheduleSection, StageOptions,
};
use super::suggestion::{did_you_mean, nearest};
use super::test_sections::PipelineTest;

/// Settings that every stage has, besides `name` and `type`.
pub const STAGE_OPTIONS: [&str; 2] = ["isolate", "share"];

/// All sections, in the order in which the schema shows them.
pub const SECTIONS: [&str; 15] = [
    "pipeline",
    "aws",
    "schedule",
    "sources",
    "stages",
    "sinks",
    "functions",
    "logs",
    "local",
    "alarms",
    "data",
    "budget",
    "iam",
    "tests",
    "environments",
];

/// A source, stage or sink in its place.
#[derive(Clone, Debug)]
pub struct ComponentConfig {
    /// Its name.
    pub name: String,
    /// Its path in the file: `stages.summary`.
    pub path: String,
    /// Its kind.
    pub kind: &'static ComponentKind,
    /// Its settings.
    pub settings: Box<dyn Component>,
    /// The settings that every stage has; defaults for sources and sinks.
    pub options: StageOptions,
    /// Where its name is.
    pub span: Span,
    /// Its part of the file.
    pub tree: Tree,
}

/// A test in its place.
#[derive(Clone, Debug)]
pub struct TestConfig {
    /// The test.
    pub test: PipelineTest,
    /// Its part of the file.
    pub tree: Tree,
}

/// One pipeline in one environment.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The environment.
    pub environment: String,
    /// `[pipeline]`
    pub head: PipelineSection,
    /// `[aws]`
    pub aws: AwsSection,
    /// `[schedule]`
    pub schedule: ScheduleSection,
    /// `[functions]`
    pub functions: FunctionsSection,
    /// `[logs]`
    pub logs: LogsSection,
    /// `[local]`
    pub local: LocalSection,
    /// `[alarms]`
    pub alarms: AlarmsSection,
    /// `[data]`
    pub data: DataSection,
    /// `[budget]`
    pub budget: BudgetSection,
    /// `[iam]`
    pub iam: IamSection,
    /// `[sources.*]`, by name.
    pub sources: Vec<ComponentConfig>,
    /// `[[stages]]`, in order.
    pub stages: Vec<ComponentConfig>,
    /// `[sinks.*]`, by name.
    pub sinks: Vec<ComponentConfig>,
    /// `[[tests]]`, in order.
    pub tests: Arc<Vec<TestConfig>>,
}

impl Pipeline {
    /// All components, in the order of the flow.
    pub fn components(&self) -> impl Iterator<Item = &ComponentConfig> {
        self.sources.iter().chain(&self.stages).chain(&self.sinks)
    }

    /// Whether a component is billed by this unit.
    #[must_use]
    pub fn is_billed(&self, unit: &str) -> bool {
        self.components().any(|component| component.settings.units().iter().any(|billed| billed.name == unit))
    }

    /// The attribute that holds the key of an item in the first source.
    #[must_use]
    pub fn key(&self) -> &str {
        let Some(source) = self.sources.first() else { return "name" };
        let named = || source.settings.columns().named.into_iter().find(|(setting, _)| *setting == "key");
        source.settings.seed().map(|seed| seed.key).or_else(|| Some(named()?.1)).unwrap_or("name")
    }

    /// Reads a pipeline from the file as an environment sees it, and records what could not be read. That part is left
    /// out or replaced by its default, so that the rules can go on.
    pub fn read(environment: &str, tree: &Tree, mistakes: &mut Vec<Mistake>) -> Self {
        let empty = Table::new();
        let table = tree.as_table().unwrap_or(&empty);
        for (name, entry) in table {
            if !SECTIONS.contains(&name.as_str()) {
                let near = nearest(name, &SECTIONS).map(|section| format!("did you mean {}?", hints::header(section)));
                let home = || hints::home(name).filter(|_| entry.tree.as_table().is_none());
                mistakes.push(
                    Mistake::new(
                        MistakeCode::UnknownSetting,
                        &entry.key,
                        format!("there is no section `{name}`"),
                        "unknown section",
                    )
                    .allowed(quoted_list(&SECTIONS))
                    .help(near.or_else(home)),
                );
            }
        }
        let head = section(table, "pipeline", mistakes).unwrap_or_else(PipelineSection::unread);
        Self {
            environment: environment.to_owned(),
            aws: section(table, "aws", mistakes).unwrap_or_default(),
            schedule: section(table, "schedule", mistakes).unwrap_or_default(),
            functions: section(table, "functions", mistakes).unwrap_or_default(),
            logs: section(table, "logs", mistakes).unwrap_or_default(),
            local: section(table, "local", mistakes).unwrap_or_default(),
            alarms: section(table, "alarms", mistakes).unwrap_or_default(),
            data: section(table, "data", mistakes).unwrap_or_default(),
            budget: section(table, "budget", mistakes).unwrap_or_default(),
            iam: section(table, "iam", mistakes).unwrap_or_default(),
            sources: named(table, ComponentRole::Source, mistakes),
            stages: stages(table, mistakes),
            sinks: named(table, ComponentRole::Sink, mistakes),
            tests: Arc::default(),
            head,
        }
    }
}

fn section<T: serde::de::DeserializeOwned>(table: &Table, name: &str, mistakes: &mut Vec<Mistake>) -> Option<T> {
    let empty = Tree::table_at(0..0);
    let written = table.get(name);
    let before = mistakes.len();
    let tree = written.map_or(&empty, |entry| &entry.tree);
    let read = read::whole(tree, &format!("`[{name}]`"), &[], "", Tree::read::<T>, mistakes);
    for mistake in mistakes[before..].iter_mut().filter(|_| written.is_none()) {
        mistake.title = format!("missing section `[{name}]`");
        mistake.help = Some(format!("add a `[{name}]` section with the missing settings"));
    }
    read
}

/// The components of `[sources.*]` or `[sinks.*]`.
fn named(table: &Table, role: ComponentRole, mistakes: &mut Vec<Mistake>) -> Vec<ComponentConfig> {
    let section = format!("{}s", role.as_str());
    let Some(entry) = table.get(&section) else { return Vec::new() };
    let Some(components) = entry.tree.as_table() else {
        mistakes.push(
            Mistake::new(
                MistakeCode::InvalidValue,
                &entry.tree.span,
                format!("`{section}` must be a table"),
                format!("found {}", entry.tree.describe()),
            )
            .allowed(format!("`[{section}.<name>]`")),
        );
        return Vec::new();
    };
    let mut read = Vec::new();
    for (name, entry) in components {
        if let Err(allowed) = Name::new(name.as_str()) {
            mistakes.push(
                Mistake::new(
                    MistakeCode::InvalidName,
                    &entry.key,
                    format!("invalid {} name `{name}`", role.as_str()),
                    "invalid name",
                )
                .allowed(allowed),
            );
        }
        read.extend(component(role, name, &entry.key, &entry.tree, mistakes));
    }
    read
}

/// What stands in for a fault that cannot be read, so that reading goes on.
const FAULT: &str = "[tests.a]\nfault = \"throttle\"\n";

/// Reads the `[[tests]]`. They are the same in all environments, so they are read once.
pub fn tests(entry: &Entry, mistakes: &mut Vec<Mistake>) -> Vec<TestConfig> {
    let mut refuse = |span: &Span, title: &str, tree: &Tree| {
        mistakes.push(
            Mistake::new(MistakeCode::InvalidValue, span, title, format!("found {}", tree.describe()))
                .allowed("`[[tests]]` with a `name`"),
        );
    };
    let Value::List(list) = &entry.tree.value else {
        refuse(&entry.key, "`tests` must be a list of tests", &entry.tree);
        return Vec::new();
    };
    list.iter()
        .filter(|tree| tree.as_table().is_none())
        .for_each(|tree| refuse(&tree.span, "a test must be a table", tree));
    let read = |tree: &Tree| {
        let name = tree.as_table()?.get("name").and_then(|entry| entry.tree.as_str());
        let owner = name.map_or_else(|| "a test".to_owned(), |name| format!("test `{name}`"));
        let test = read::whole(tree, &owner, &[], FAULT, Tree::read::<PipelineTest>, mistakes)?;
        Some(TestConfig { test, tree: tree.clone() })
    };
    list.iter().filter_map(read).collect()
}

fn stages(table: &Table, mistakes: &mut Vec<Mistake>) -> Vec<ComponentConfig> {
    let Some(entry) = table.get("stages") else { return Vec::new() };
    let Value::List(list) = &entry.tree.value else {
        mistakes.push(
            Mistake::new(
                MistakeCode::InvalidValue,
                &entry.key,
                "`stages` must be a list, since the order matters",
                format!("found {}", entry.tree.describe()),
            )
            .allowed("`[[stages]]` with a `name` and a `type`"),
        );
        return Vec::new();
    };
    let mut read: Vec<ComponentConfig> = Vec::new();
    let mut names: Vec<(String, Span)> = Vec::new();
    for tree in list.iter() {
        let Some(table) = tree.as_table() else {
            mistakes.push(
                Mistake::new(
                    MistakeCode::InvalidValue,
                    &tree.span,
                    "a stage must be a table",
                    format!("found {}", tree.describe()),
                )
                .allowed("`[[stages]]` with a `name` and a `type`"),
            );
            continue;
        };
        let name = match table.get("name") {
            Some(entry) => stage_name(entry, mistakes).map(|name| (name, entry.tree.span.clone())),
            None => {
                mistakes.push(
                    Mistake::new(MistakeCode::MissingSetting, &tree.span, "a stage has no `name`", "`name` is missing")
                        .help(
                            "add `name = \"..\"`: environments and IAM roles refer to a stage by its name".to_owned(),
                        ),
                );
                None
            }
        };
        // A stage without a valid name is still read, to find its other mistakes.
        let (name, span) = name.unwrap_or_else(|| (String::new(), tree.span.clone()));
        if let Some((_, first)) = names.iter().find(|(other, _)| *other == name && !name.is_empty()) {
            mistakes.push(
                Mistake::new(
                    MistakeCode::DuplicateStage,
                    &span,
                    format!("two stages are named `{name}`"),
                    "duplicate name",
                )
                .other(first, "first used here"),
            );
        }
        names.push((name.clone(), span.clone()));
        read.extend(component(ComponentRole::Stage, &name, &span, tree, mistakes).filter(|read| !read.name.is_empty()));
    }
    read
}

fn stage_name(entry: &Entry, mistakes: &mut Vec<Mistake>) -> Option<String> {
    let Some(text) = entry.tree.as_str() else {
        return read::whole(&entry.tree, "a stage's name", &[], "", Tree::read::<Name>, mistakes)
            .map(|name| name.to_string());
    };
    let refuse = |allowed| {
        mistakes.push(
            Mistake::new(
                MistakeCode::InvalidName,
                &entry.tree.span,
                format!("invalid stage name `{text}`"),
                "invalid name",
            )
            .allowed(allowed),
        );
    };
    Name::new(text).map(|name| name.to_string()).map_err(refuse).ok()
}

/// Reads one component in two steps: first the type, then the settings of its kind.
fn component(
    role: ComponentRole,
    name: &str,
    span: &Span,
    tree: &Tree,
    mistakes: &mut Vec<Mistake>,
) -> Option<ComponentConfig> {
    let word = role.as_str();
    let owner = if name.is_empty() { format!("a {word}") } else { format!("{word} `{name}`") };
    let known: Vec<&str> = registry::of(role).iter().map(|kind| kind.card.name).collect();
    let mut rest = tree.clone();
    let Some(table) = rest.as_table_mut() else {
        let found = format!("found {}", tree.describe());
        mistakes.push(
            Mistake::new(MistakeCode::InvalidValue, &tree.span, format!("{owner} must be a table"), found)
                .allowed(format!("{} with a `type`", hints::header(&format!("{word}s")))),
        );
        return None;
    };
    let Some(kind) = table.remove("type") else {
        mistakes.push(
            Mistake::new(MistakeCode::MissingSetting, span, format!("{owner} has no `type`"), "`type` is missing")
                .allowed(quoted_list(&known)),
        );
        return None;
    };
    let kind = find_kind(role, &owner, &kind, &known, mistakes)?;
    let mut option_keys: Vec<&str> = vec!["type"];
    let mut option_table = Tree::table_at(tree.span.clone());
    if role == ComponentRole::Stage {
        table.remove("name");
        option_keys.extend(["name"].iter().chain(&STAGE_OPTIONS));
        if let Some(options) = option_table.as_table_mut() {
            options.extend(STAGE_OPTIONS.iter().filter_map(|key| Some(((*key).to_owned(), table.remove(*key)?))));
        }
    }
    let owner = format!("{owner} (type `{}`)", kind.card.name);
    let options = read::whole(&option_table, &owner, &option_keys, "", Tree::read::<StageOptions>, mistakes);
    let settings = read::whole(&rest, &owner, &option_keys, kind.card.example, kind.read, mistakes);
    Some(ComponentConfig {
        name: name.to_owned(),
        path: format!("{word}s.{name}"),
        kind,
        settings: settings?,
        options: options?,
        span: span.clone(),
        tree: tree.clone(),
    })
}

fn find_kind(
    role: ComponentRole,
    owner: &str,
    entry: &Entry,
    known: &[&str],
    mistakes: &mut Vec<Mistake>,
) -> Option<&'static ComponentKind> {
    let span = &entry.tree.span;
    let Some(name) = entry.tree.as_str() else {
        let title = format!("invalid value for `type` in {owner}");
        let found = format!("found {}", entry.tree.describe());
        mistakes.push(Mistake::new(MistakeCode::InvalidValue, span, title, found).allowed(quoted_list(known)));
        return None;
    };
    let kind = registry::find(role, name);
    if kind.is_none() {
        // A type of another role is the likeliest mistake.
        let elsewhere = registry::all().find(|kind| kind.card.name == name && kind.card.role != role);
        let help = elsewhere
            .map(|kind| format!("`{name}` is a type of {}s", kind.card.role.as_str()))
            .or_else(|| did_you_mean(name, known));
        mistakes.push(
            Mistake::new(
                MistakeCode::UnknownType,
                span,
                format!("{owner} has an unknown type"),
                format!("there is no {} of type `{name}`", role.as_str()),
            )
            .allowed(quoted_list(known))
            .help(help),
        );
    }
    kind
}
