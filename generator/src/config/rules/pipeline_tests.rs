//! The tests of a pipeline: each has its own name, and names only what the pipeline and the test itself have.

use std::collections::BTreeSet;

use fanggen_runtime::component::ComponentRole;
use fanggen_runtime::model::error::ErrorCode;
use fanggen_runtime::model::items::InlineItem;
use fanggen_runtime::model::tree::{Span, Tree, Value, quoted_list};

use crate::config::Config;
use crate::config::mistake::{Mistake, MistakeCode};
use crate::config::pipeline::{Pipeline, TestConfig};
use crate::config::suggestion::did_you_mean;
use crate::config::test_faults::{FaultPlace, TestFault};
use crate::config::test_sections::{CannedText, FailureCode};

pub fn check(pipeline: &Pipeline, mistakes: &mut Vec<Mistake>) {
    let mut names: Vec<(&str, &Span)> = Vec::new();
    for one in pipeline.tests.iter() {
        let (name, span) = (one.test.name.as_str(), place(&one.tree, "name"));
        if let Some((_, first)) = names.iter().find(|(other, _)| *other == name) {
            mistakes.push(
                Mistake::new(
                    MistakeCode::DuplicateTest,
                    span,
                    format!("two tests are named `{name}`"),
                    "duplicate name",
                )
                .other(first, "first used here"),
            );
        }
        names.push((name, span));
        // In another environment, a component may be of another type.
        if one.test.environment.as_ref().is_none_or(|name| name.as_str() == pipeline.environment) {
            TestRules { pipeline, one, mistakes }.check();
        }
    }
}

/// Whether the environments that tests name exist.
pub fn check_test_environments(config: &Config, mistakes: &mut Vec<Mistake>) {
    let pipelines = config.pipelines.values().chain(config.unusable.values());
    for one in pipelines.flat_map(|pipeline| pipeline.tests.iter()) {
        let Some(name) = one.test.environment.as_ref().map(ToString::to_string) else { continue };
        if !config.environments.contains(&name) {
            let title = format!("test `{}` names an environment that does not exist", one.test.name);
            let (span, label) = (place(&one.tree, "environment"), format!("there is no environment `{name}`"));
            mistakes.push(
                Mistake::new(MistakeCode::UnknownTestEnvironment, span, title, label)
                    .allowed(quoted_list(&config.environments))
                    .help(did_you_mean(&name, &config.environments)),
            );
        }
    }
}

/// The place of a value, or of the table that lacks it.
pub(super) fn place<'a>(tree: &'a Tree, key: &str) -> &'a Span {
    super::entry(tree, &[key]).map_or(&tree.span, |entry| &entry.tree.span)
}

/// The elements of a list in a table.
pub(super) fn elements<'a>(tree: &'a Tree, key: &str) -> &'a [Tree] {
    match super::entry(tree, &[key]).map(|entry| &entry.tree.value) {
        Some(Value::List(list)) => list,
        _ => &[],
    }
}

/// The rules of one test.
pub(super) struct TestRules<'a> {
    pipeline: &'a Pipeline,
    one: &'a TestConfig,
    pub(super) mistakes: &'a mut Vec<Mistake>,
}

impl TestRules<'_> {
    fn check(&mut self) {
        let TestConfig { test, tree } = self.one;
        let owner = format!("test `{}`", test.name);
        super::items::check_listed(&test.items, elements(tree, "items"), self.pipeline.key(), &owner, self.mistakes);
        if test.text.is_some() && !test.texts.is_empty() {
            let title = format!("test `{}` has `text` and `texts`", test.name);
            self.mistakes.push(
                Mistake::new(MistakeCode::ConflictingSettings, place(tree, "text"), title, "the text of every item")
                    .other(place(tree, "texts"), "texts by item")
                    .allowed("one of the two"),
            );
        }
        for (key, texts) in [("texts", &test.texts), ("before", &test.before)] {
            for (index, (text, tree)) in texts.iter().zip(elements(tree, key)).enumerate() {
                self.text(text, &texts[..index], tree);
            }
        }
        if test.before_days.is_some() && test.before.is_empty() {
            let title = format!("test `{}` has no earlier run to repeat", test.name);
            self.mistakes.push(
                Mistake::new(
                    MistakeCode::ConflictingSettings,
                    place(tree, "before_days"),
                    title,
                    "there is no `before`",
                )
                .allowed("`before_days` with `before`"),
            );
        }
        for (fault, tree) in test.faults.iter().zip(elements(tree, "faults")) {
            self.fault(fault, tree);
        }
        for (expected, tree) in test.expect.iter().zip(elements(tree, "expect")) {
            self.expectation(expected, tree);
        }
    }

    fn text(&mut self, text: &CannedText, before: &[CannedText], tree: &Tree) {
        self.item(&text.item, tree, "item");
        self.code(text.failed.as_ref(), tree, "failed");
        if text.text.is_some() == text.failed.is_some() {
            let title = format!("`{}` needs either a text or a failure", text.item);
            let label = if text.text.is_some() { "both a text and a failure" } else { "neither" };
            self.mistakes.push(
                Mistake::new(MistakeCode::ConflictingSettings, &tree.span, title, label).allowed("`text` or `failed`"),
            );
        }
        if let (Some(code), false) = (&text.failed, self.pipeline.stages.iter().any(|stage| stage.kind.card.fetches)) {
            let title = format!("`{}` cannot fail with `{}`", text.item, code.as_str());
            self.mistakes.push(
                Mistake::new(MistakeCode::FaultNowhere, place(tree, "failed"), title, "no stage fetches texts")
                    .allowed("`text`"),
            );
        }
        let alone = |other: &CannedText| other.entry == text.entry || other.entry.is_none() || text.entry.is_none();
        if before.iter().any(|other| other.item == text.item && alone(other)) {
            let title = format!("`{}` has more than one text", text.item);
            self.mistakes.push(
                Mistake::new(MistakeCode::ConflictingSettings, &tree.span, title, "another text of the same item")
                    .allowed("several texts of one item only with different values of `entry`"),
            );
        }
    }

    /// An item must be one of the test's own, if it lists any.
    pub(super) fn item(&mut self, found: &str, tree: &Tree, key: &str) {
        self.item_at(found, place(tree, key));
    }

    pub(super) fn item_at(&mut self, found: &str, span: &Span) {
        let key = self.pipeline.key();
        let mut keys: Vec<&str> = self.one.test.items.iter().filter_map(|item| key_of(item, key)).collect();
        let mut seen = BTreeSet::new();
        keys.retain(|key| seen.insert(*key));
        if keys.is_empty() || keys.contains(&found) {
            return;
        }
        let title = format!("test `{}` has no item `{found}`", self.one.test.name);
        self.mistakes.push(
            Mistake::new(MistakeCode::UnknownTestItem, span, title, "unknown item")
                .allowed(quoted_list(&keys))
                .help(did_you_mean(found, &keys)),
        );
    }

    pub(super) fn component(&mut self, found: &str, roles: &[ComponentRole], span: &Span) {
        let fits = |role: &ComponentRole| roles.contains(role);
        let known: Vec<&str> = (self.pipeline.components())
            .filter(|component| fits(&component.kind.card.role))
            .map(|component| component.name.as_str())
            .collect();
        if known.contains(&found) {
            return;
        }
        let words: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        let title = format!("the pipeline has no {} `{found}`", words.join(" or "));
        self.mistakes.push(
            Mistake::new(MistakeCode::UnknownComponent, span, title, format!("unknown {}", words.join(" or ")))
                .allowed(if known.is_empty() { "none: the pipeline has none".into() } else { quoted_list(&known) })
                .help(did_you_mean(found, &known)),
        );
    }

    pub(super) fn code(&mut self, code: Option<&FailureCode>, tree: &Tree, key: &str) {
        let Some(found) = code.map(FailureCode::as_str) else { return };
        let known: Vec<&str> = FailureCode::known().map(ErrorCode::as_str).collect();
        if !known.contains(&found) {
            let title = format!("there is no failure code `{found}`");
            self.mistakes.push(
                Mistake::new(MistakeCode::UnknownChoice, place(tree, key), title, "unknown code")
                    .allowed("the codes in docs/errors.md, such as `text_missing` or `rate_limited`")
                    .help(did_you_mean(found, &known)),
            );
        }
    }

    fn fault(&mut self, fault: &TestFault, tree: &Tree) {
        let kind_place = fault.kind.place();
        let table = tree.as_table().is_some();
        let span = if table { place(tree, "fault") } else { &tree.span };
        let able: Vec<&str> = (self.pipeline.components())
            .filter(|component| kind_place.is_called_by(&component.kind.card))
            .map(|component| component.name.as_str())
            .collect();
        let refuse = |span: &Span, title: String, label: String, allowed: String| {
            Mistake::new(MistakeCode::FaultNowhere, span, title, label).allowed(allowed)
        };
        let mistake = match (&fault.at, kind_place) {
            (Some(_), FaultPlace::Run) => {
                let title = format!("the fault `{}` happens to the run as a whole", fault.kind);
                Some(refuse(place(tree, "at"), title, "not allowed here".into(), "no `at`".into()))
            }
            (None, FaultPlace::Run) => None,
            (_, _) if able.is_empty() => {
                let title = format!("the fault `{}` cannot happen in this pipeline", fault.kind);
                let label = format!("no stage or sink {}", kind_place.calls());
                Some(refuse(span, title, label, "`duplicate delivery`, `long text`, `poison message`".into()))
            }
            (Some(at), _) if !able.contains(&at.as_str()) => {
                let known: Vec<&str> = self.pipeline.components().map(|component| component.name.as_str()).collect();
                let title = format!("the fault `{}` cannot happen in `{at}`", fault.kind);
                let label = if known.contains(&at.as_str()) {
                    format!("it never {}", kind_place.calls())
                } else {
                    "the pipeline has no such stage or sink".to_owned()
                };
                Some(refuse(place(tree, "at"), title, label, quoted_list(&able)).help(did_you_mean(at, &able)))
            }
            _ => None,
        };
        self.mistakes.extend(mistake);
    }
}

/// The key of an item of a test.
fn key_of<'a>(item: &'a InlineItem, key: &str) -> Option<&'a str> {
    match item {
        InlineItem::Key(key) => Some(key),
        InlineItem::Row(cells) => cells.get(key).map(String::as_str),
    }
}
