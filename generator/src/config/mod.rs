//! Reads `pipeline.toml`: a pipeline for each environment, or all mistakes at once. Pure.

mod hints;
pub mod mistake;
mod mistake_code;
mod overlay;
pub mod pipeline;
mod read;
mod rules;
pub mod schedule;
pub mod schema;
pub mod sections;
pub mod shape;
mod spanned;
pub mod suggestion;
pub mod test_faults;
pub mod test_sections;
pub mod values;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use fanggen_runtime::component::Card;
use fanggen_runtime::model::tree::{Entry, Span, Tree, Value};
use fanggen_runtime::model::values::Name;

use mistake::{Mistake, MistakeCode, Severity, SourceFile};
use pipeline::{ComponentConfig, Pipeline, TestConfig};

pub use rules::{BUDGET_REGIONS, SharedQuota, budget_refused, partition_of, shared_quotas};

/// The environment of a file without environments.
pub const DEFAULT_ENVIRONMENT: &str = "dev";

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file.
    pub source: SourceFile,
    /// The pipeline of each environment without errors.
    pub pipelines: BTreeMap<String, Pipeline>,
    /// What could be read of the others.
    pub unusable: BTreeMap<String, Pipeline>,
    /// The names of all environments.
    pub environments: Vec<String>,
    /// Errors and warnings.
    pub mistakes: Vec<Mistake>,
    trees: BTreeMap<String, Tree>,
    /// Where each environment is defined.
    keys: BTreeMap<String, Span>,
}

impl Config {
    /// Reads a file.
    #[must_use]
    pub fn read(path: &str, text: &str) -> Self {
        let source = SourceFile::new(path, text);
        let (mut tree, mut mistakes) = spanned::parse(text);
        let mut config = Self {
            source,
            pipelines: BTreeMap::new(),
            unusable: BTreeMap::new(),
            environments: Vec::new(),
            mistakes: Vec::new(),
            trees: BTreeMap::new(),
            keys: BTreeMap::new(),
        };
        // If the syntax is broken, many values are missing: reporting those would be noise.
        if mistakes.is_empty() {
            rules::check_dynamic_references(&tree, &mut mistakes);
            let tests = tree.as_table_mut().and_then(|table| table.remove("tests"));
            let tests = Arc::new(tests.map(|tests| pipeline::tests(&tests, &mut mistakes)).unwrap_or_default());
            let environments = environments(&tree, &mut mistakes);
            // The file without any environment: a wrong value is wrong even where all environments override it, while
            // what is missing, or does not go with another value, may be theirs to say. A file that names none is read
            // once.
            if environments.iter().any(|(_, overlay)| overlay.is_some()) {
                let mut of_all = Vec::new();
                let base = overlay::environment(&tree, None, &mut of_all);
                let _ = judged("", &base, &Arc::default(), &mut of_all);
                mistakes.extend(of_all.into_iter().filter(|mistake| mistake.code.is_about_one_value()));
            }
            let mut found = Vec::new();
            for (name, entry) in environments {
                let mut mistakes = Vec::new();
                let merged = overlay::environment(&tree, entry.map(|entry| &entry.tree), &mut mistakes);
                config.keys.extend(entry.map(|entry| (name.clone(), entry.key.clone())));
                let (pipeline, good) = judged(&name, &merged, &tests, &mut mistakes);
                let read = if good { &mut config.pipelines } else { &mut config.unusable };
                read.insert(name.clone(), pipeline);
                config.trees.insert(name.clone(), merged);
                config.environments.push(name.clone());
                found.push((name, mistakes));
            }
            mistakes.extend(of_all(found));
            rules::check_quotas(&config, &mut mistakes);
            rules::check_test_environments(&config, &mut mistakes);
        }
        config.note(mistakes);
        config
    }

    /// Adds mistakes, each once, even if several environments have them.
    pub fn note(&mut self, mistakes: Vec<Mistake>) {
        let identity = |mistake: &Mistake| (mistake.code, mistake.span.start, mistake.span.end, mistake.label.clone());
        let mut known: BTreeSet<_> = self.mistakes.iter().map(&identity).collect();
        self.mistakes.extend(mistakes.into_iter().filter(|mistake| known.insert(identity(mistake))));
        self.mistakes.sort_by_key(|mistake| (mistake.severity(), mistake.span.start));
    }

    /// Whether the file has errors.
    #[must_use]
    pub fn broken(&self) -> bool {
        self.mistakes.iter().any(|mistake| mistake.severity() == Severity::Error)
    }

    /// Where a path such as `stages.summary.sentences` stands, or the nearest part of it that stands anywhere; the
    /// name of the pipeline for a section that nobody wrote.
    #[must_use]
    pub fn span(&self, environment: &str, path: &str) -> Span {
        let span = self.written(environment, path);
        if span.is_empty() { self.written(environment, "pipeline.name") } else { span }
    }

    /// Where an environment is defined; the pipeline's name if the file has no environments.
    #[must_use]
    pub fn named(&self, environment: &str) -> Span {
        self.keys.get(environment).cloned().unwrap_or_else(|| self.span(environment, "pipeline.name"))
    }

    fn written(&self, environment: &str, path: &str) -> Span {
        let mut span = 0..0;
        let Some(mut tree) = self.trees.get(environment) else { return span };
        for part in path.split('.') {
            let next = match &tree.value {
                Value::Table(table) => table.get(part).map(|entry| {
                    let wanted = if entry.tree.as_table().is_some() { &entry.key } else { &entry.tree.span };
                    (wanted.clone(), &entry.tree)
                }),
                Value::List(list) => by_name(list, part).or_else(|| {
                    let tree = part.parse::<usize>().ok().and_then(|at| list.get(at))?;
                    Some((tree.span.clone(), tree))
                }),
                _ => None,
            };
            let Some((place, inner)) = next else { break };
            (span, tree) = (place, inner);
        }
        span
    }

    /// The line of a path, from 1.
    #[must_use]
    pub fn line(&self, environment: &str, path: &str) -> usize {
        self.source.place(self.span(environment, path).start).line
    }
}

/// The pipeline of an environment, and whether it has no errors.
fn judged(
    environment: &str,
    tree: &Tree,
    tests: &Arc<Vec<TestConfig>>,
    mistakes: &mut Vec<Mistake>,
) -> (Pipeline, bool) {
    let before = mistakes.len();
    let mut pipeline = Pipeline::read(environment, tree, mistakes);
    pipeline.tests = Arc::clone(tests);
    rules::check(&pipeline, tree, mistakes);
    let good = mistakes[before..].iter().all(|mistake| mistake.severity() != Severity::Error);
    (pipeline, good)
}

/// The only component in a piece of TOML, as the examples of cards are.
fn component_table(tree: &Tree) -> Option<&fanggen_runtime::model::tree::Table> {
    match &tree.as_table()?.values().next()?.tree.value {
        Value::Table(by_name) => by_name.values().next()?.tree.as_table(),
        Value::List(list) => list.first()?.as_table(),
        _ => None,
    }
}

/// The component in the example of a card.
#[must_use]
pub fn example(card: &Card) -> Option<ComponentConfig> {
    let (tree, mut mistakes) = spanned::parse(card.example);
    let pipeline = Pipeline::read("", &tree, &mut mistakes);
    pipeline.components().next().cloned()
}

fn by_name<'a>(list: &'a [Tree], name: &str) -> Option<(Span, &'a Tree)> {
    list.iter().find_map(|tree| {
        let entry = tree.as_table()?.get("name")?;
        (entry.tree.as_str() == Some(name)).then(|| (entry.tree.span.clone(), tree))
    })
}

/// The mistakes of all environments. If something is missing in only some of them, the label says in which.
fn of_all(found: Vec<(String, Vec<Mistake>)>) -> Vec<Mistake> {
    let all = found.len();
    let mut absent: BTreeMap<(MistakeCode, usize, &str), Vec<String>> = BTreeMap::new();
    for (environment, mistakes) in &found {
        for mistake in mistakes.iter().filter(|mistake| mistake.code.is_about_absence()) {
            let identity = (mistake.code, mistake.span.start, mistake.label.as_str());
            absent.entry(identity).or_default().push(format!("`{environment}`"));
        }
    }
    let within = |mistake: &Mistake| {
        let environments = absent.get(&(mistake.code, mistake.span.start, mistake.label.as_str()))?;
        (environments.len() < all).then(|| format!("{} in {}", mistake.label, environments.join(", ")))
    };
    let label =
        |mistake: &Mistake| Mistake { label: within(mistake).unwrap_or(mistake.label.clone()), ..mistake.clone() };
    found.iter().flat_map(|(_, mistakes)| mistakes).map(label).collect()
}

/// The environments with what they override, or the default environment.
fn environments<'a>(file: &'a Tree, mistakes: &mut Vec<Mistake>) -> Vec<(String, Option<&'a Entry>)> {
    let default = vec![(DEFAULT_ENVIRONMENT.to_owned(), None)];
    let Some(entry) = file.as_table().and_then(|table| table.get("environments")) else { return default };
    let Some(table) = entry.tree.as_table() else {
        let found = format!("found {}", entry.tree.describe());
        mistakes.push(
            Mistake::new(MistakeCode::InvalidValue, &entry.tree.span, "`environments` must be a table", found)
                .allowed("`[environments.<name>]`"),
        );
        return default;
    };
    let mut environments = Vec::new();
    for (name, entry) in table {
        if let Err(allowed) = Name::new(name.as_str()) {
            mistakes.push(
                Mistake::new(
                    MistakeCode::InvalidName,
                    &entry.key,
                    format!("invalid environment name `{name}`"),
                    "invalid name",
                )
                .allowed(allowed),
            );
        } else if entry.tree.as_table().is_none() {
            let found = format!("found {}", entry.tree.describe());
            mistakes.push(
                Mistake::new(
                    MistakeCode::InvalidValue,
                    &entry.tree.span,
                    format!("environment `{name}` must be a table"),
                    found,
                )
                .allowed("a table of settings to override"),
            );
        } else {
            environments.push((name.clone(), Some(entry)));
        }
    }
    if environments.is_empty() { default } else { environments }
}

/// The environment to use if none is named: `dev` if it exists, otherwise the first.
#[must_use]
pub fn default_environment(environments: &[String]) -> &str {
    let dev = environments.iter().find(|name| *name == DEFAULT_ENVIRONMENT);
    dev.or(environments.first()).map_or(DEFAULT_ENVIRONMENT, String::as_str)
}
