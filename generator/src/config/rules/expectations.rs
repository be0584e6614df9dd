//! The expectations of a test: each is about one thing, and does not contradict itself.

use fanggen_runtime::component::ComponentRole;
use fanggen_runtime::condition::HISTORY_NAMES;
use fanggen_runtime::model::tree::{Tree, quoted_list};

use super::pipeline_tests::{TestRules, elements, place};
use crate::config::mistake::{Mistake, MistakeCode};
use crate::config::test_sections::Expectation;

impl TestRules<'_> {
    pub(super) fn expectation(&mut self, expected: &Expectation, tree: &Tree) {
        let about = [
            ("item", expected.item.is_some()),
            ("sink", expected.sink.is_some()),
            ("dead_letter", expected.dead_letter.is_some()),
        ];
        let about: Vec<&str> = about.into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect();
        let subject = match about.as_slice() {
            [one] => *one,
            several => {
                let (title, label) = match several {
                    [] => ("an expectation must be about something", "about nothing".to_owned()),
                    _ => ("an expectation must be about one thing", format!("has {}", quoted_list(several))),
                };
                self.mistakes.push(
                    Mistake::new(MistakeCode::UnclearExpectation, &tree.span, title, label)
                        .allowed("one of `item`, `sink`, `dead_letter`"),
                );
                return;
            }
        };
        let keys = [
            ("entry", "item"),
            ("label", "item"),
            ("when", "item"),
            ("failed", "item"),
            ("at", "item"),
            ("dropped_by", "item"),
            ("items", "sink"),
            ("records", "sink"),
        ];
        for (key, of) in keys.into_iter().filter(|(_, of)| *of != subject) {
            if let Some(entry) = super::entry(tree, &[key]) {
                let title =
                    format!("`{key}` is about {}, and this expectation is about {}", article(of), article(subject));
                self.mistakes.push(
                    Mistake::new(MistakeCode::UnclearExpectation, &entry.key, title, "not allowed here")
                        .help("write a second expectation".to_owned()),
                );
            }
        }
        match subject {
            "item" => self.record(expected, tree),
            "sink" => self.sink(expected, tree),
            _ => self.code(expected.dead_letter.as_ref(), tree, "dead_letter"),
        }
    }

    fn record(&mut self, expected: &Expectation, tree: &Tree) {
        if let Some(item) = &expected.item {
            self.item(item, tree, "item");
        }
        self.code(expected.failed.as_ref(), tree, "failed");
        if let Some(stage) = &expected.dropped_by {
            self.component(stage, &[ComponentRole::Stage], place(tree, "dropped_by"));
        }
        if let Some(at) = &expected.at {
            self.component(at, &[ComponentRole::Source, ComponentRole::Stage], place(tree, "at"));
        }
        let mut unclear = |key: &str, title: &str, help: &str| {
            self.mistakes.push(
                Mistake::new(MistakeCode::UnclearExpectation, place(tree, key), title, "contradicts the others")
                    .help(help.to_owned()),
            );
        };
        let dropped = expected.dropped_by.is_some();
        if expected.at.is_some() && expected.failed.is_none() {
            unclear("at", "`at` says where a record fails, but there is no `failed`", "add `failed = \"<code>\"`");
        }
        if dropped && (expected.failed.is_some() || expected.label.is_some() || expected.when.is_some()) {
            unclear(
                "dropped_by",
                "a record that is dropped has neither a failure nor a finding",
                "keep `dropped_by` alone, or remove it",
            );
        }
        if expected.when.as_ref().is_some_and(|when| when.needs_history()) {
            unclear(
                "when",
                "a single record cannot be compared with earlier runs",
                &format!(
                    "{HISTORY_NAMES} work only in a sink's `when`: use `sink` and `items` to expect what reaches it"
                ),
            );
        }
    }

    fn sink(&mut self, expected: &Expectation, tree: &Tree) {
        if let Some(sink) = &expected.sink {
            self.component(sink, &[ComponentRole::Sink], place(tree, "sink"));
        }
        for (item, tree) in expected.items.iter().flatten().zip(elements(tree, "items")) {
            self.item_at(item, &tree.span);
        }
        if expected.items.is_none() && expected.records.is_none() {
            self.mistakes.push(
                Mistake::new(
                    MistakeCode::UnclearExpectation,
                    &tree.span,
                    "an expectation of a sink says what reaches it",
                    "says nothing about the sink",
                )
                .allowed("`items`, `records` or both"),
            );
        }
    }
}

/// A subject with its article.
fn article(subject: &str) -> &'static str {
    match subject {
        "item" => "an item",
        "sink" => "a sink",
        _ => "a dead letter",
    }
}
