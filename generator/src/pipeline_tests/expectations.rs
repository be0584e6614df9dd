//! Compares what a run did with the expectations of its test.

use std::collections::BTreeSet;

use fanggen_runtime::model::error::ErrorCode;
use fanggen_runtime::model::record::Record;
use fanggen_runtime::model::tree::{Span, Tree, Value, quoted_list};

use super::observed::Observed;
use crate::config::pipeline::TestConfig;
use crate::config::test_sections::{Expectation, FailureCode};

/// An expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The index of the expectation in its test; none if the test has no expectations.
    pub index: Option<usize>,
    /// The place of the value that is wrong.
    pub span: Span,
    /// What was expected.
    pub expected: String,
    /// What came instead.
    pub found: String,
    /// The whole record, where there is one.
    pub note: Option<String>,
}

/// All expectations of a test that a run did not meet.
pub fn unmet(test: &TestConfig, observed: &Observed) -> Vec<Unmet> {
    let name = test.tree.as_table().and_then(|table| table.get("name"));
    let place = name.map_or_else(|| test.tree.span.clone(), |entry| entry.tree.span.clone());
    if test.test.expect.is_empty() {
        let found = "nothing: add `expect`, or let `fanggen test --record` write it".to_owned();
        return vec![Unmet {
            index: None,
            span: place,
            expected: "at least one expectation".into(),
            found,
            note: None,
        }];
    }
    let trees = match test.tree.as_table().and_then(|table| table.get("expect")).map(|entry| &entry.tree.value) {
        Some(Value::List(list)) => list.as_slice(),
        _ => &[],
    };
    let all = test.test.expect.iter().zip(trees);
    let check = |(index, (expected, tree))| ExpectationCheck { index, expected, tree, observed }.unmet();
    all.enumerate().filter_map(check).collect()
}

struct ExpectationCheck<'a> {
    index: usize,
    expected: &'a Expectation,
    tree: &'a Tree,
    observed: &'a Observed,
}

impl ExpectationCheck<'_> {
    fn unmet(&self) -> Option<Unmet> {
        match (&self.expected.item, &self.expected.sink, &self.expected.dead_letter) {
            (Some(item), ..) => self.item(item),
            (_, Some(sink), _) => self.sink(sink),
            (.., Some(code)) => self.dead_letter(code),
            _ => None,
        }
    }

    /// The difference at a key of the expectation.
    fn at(&self, key: &str, expected: impl Into<String>, found: impl Into<String>, record: Option<&Record>) -> Unmet {
        let entry = self.tree.as_table().and_then(|table| table.get(key));
        let span = entry.map_or_else(|| self.tree.span.clone(), |entry| entry.tree.span.clone());
        let (expected, found, note) = (expected.into(), found.into(), record.map(described));
        Unmet { index: Some(self.index), span, expected, found, note }
    }

    fn item(&self, item: &str) -> Option<Unmet> {
        let entry = self.expected.entry.as_deref();
        let records: Vec<&Record> = self.observed.of(item, entry).collect();
        let dropped: BTreeSet<&str> = self.observed.dropped_of(item, entry).collect();
        if let Some(stage) = &self.expected.dropped_by {
            let expected = format!("dropped by `{stage}`");
            if let Some(record) = records.first() {
                return Some(self.at("dropped_by", expected, "it reached the sinks", Some(record)));
            }
            let by_others = dropped.iter().any(|by| by != stage);
            let found = if by_others { dropped_by(&dropped) } else { self.absent(item, entry) };
            return (by_others || dropped.is_empty()).then(|| self.at("dropped_by", expected, found, None));
        }
        if records.is_empty() {
            let key = if entry.is_some() && self.observed.entries_of(item).next().is_some() { "entry" } else { "item" };
            let found = if dropped.is_empty() { self.absent(item, entry) } else { dropped_by(&dropped) };
            return Some(self.at(key, "a record at the end of the run", found, None));
        }
        records.into_iter().find_map(|record| self.record(record))
    }

    /// Why there is no record of an item.
    fn absent(&self, item: &str, entry: Option<&str>) -> String {
        let entries: Vec<&str> = self.observed.entries_of(item).collect();
        if let (Some(_), false) = (entry, entries.is_empty()) {
            return format!("the entries {}", quoted_list(&entries));
        }
        let dead = self.observed.dead_letters.len();
        if dead > 0 {
            return format!("none, and {dead} dead letters");
        }
        let known: BTreeSet<&str> = self.observed.records.keys().map(|identity| identity.item.as_str()).collect();
        let known: Vec<&str> = known.into_iter().take(SHOWN).collect();
        if known.is_empty() { "no records at all".into() } else { format!("records of {}", quoted_list(&known)) }
    }

    fn record(&self, record: &Record) -> Option<Unmet> {
        let failure = record.failure.as_ref();
        let with = |key, expected: String, found: String| Some(self.at(key, expected, found, Some(record)));
        let failed = |failure: &fanggen_runtime::model::record::Failure| {
            format!("it failed at `{}` with `{}`", failure.stage, failure.error.code)
        };
        match (&self.expected.failed, failure) {
            (Some(code), None) => {
                return with("failed", format!("`{}`", code.as_str()), "no failure".into());
            }
            (Some(code), Some(failure)) if failure.error.code.as_str() != code.as_str() => {
                return with("failed", format!("`{}`", code.as_str()), format!("`{}`", failure.error.code));
            }
            (Some(_), Some(failure)) => {
                if let Some(at) = self.expected.at.as_ref().filter(|at| **at != failure.stage) {
                    return with("at", format!("a failure at `{at}`"), format!("a failure at `{}`", failure.stage));
                }
            }
            (None, Some(failure)) => {
                let key = if self.expected.label.is_some() { "label" } else { "item" };
                let expected = self.expected.label.map_or("no failure", |label| label.as_str());
                return with(key, expected.into(), failed(failure));
            }
            (None, None) => {}
        }
        if let Some(label) = self.expected.label {
            let found = record.finding().and_then(|finding| finding.label);
            if found != Some(label) {
                let found = found.map_or("no label", |label| label.as_str());
                return with("label", label.as_str().into(), found.into());
            }
        }
        let when = self.expected.when.as_ref().filter(|when| !when.matches(record, None));
        when.and_then(|when| with("when", format!("`{when}`"), "a record that does not match".into()))
    }

    fn sink(&self, sink: &str) -> Option<Unmet> {
        if let Some(items) = &self.expected.items {
            let found = self.observed.items_in(sink);
            let expected: BTreeSet<&str> = items.iter().map(String::as_str).collect();
            if found != expected {
                let mut difference = list(&found);
                let (missing, more) = (&expected - &found, &found - &expected);
                if !missing.is_empty() && !found.is_empty() {
                    difference = format!("{difference} (without {})", list(&missing));
                }
                if !more.is_empty() && !expected.is_empty() {
                    difference = format!("{difference} (unexpected: {})", list(&more));
                }
                return Some(self.at("items", list(&expected), difference, None));
            }
        }
        let expected = self.expected.records?;
        let found = self.observed.delivered.get(sink).map_or(0, Vec::len) as u64;
        let records = |count: u64| format!("{count} record{}", if count == 1 { "" } else { "s" });
        (found != expected).then(|| self.at("records", records(expected), records(found), None))
    }

    fn dead_letter(&self, code: &FailureCode) -> Option<Unmet> {
        let found = &self.observed.dead_letters;
        if found.iter().flatten().any(|found| found.as_str() == code.as_str()) {
            return None;
        }
        let reason = |reason: &Option<ErrorCode>| reason.map_or("no reason", ErrorCode::as_str);
        let reasons: Vec<&str> = found.iter().map(reason).collect();
        let found = if reasons.is_empty() {
            "no dead letters".into()
        } else {
            format!("dead letters: {}", quoted_list(&reasons))
        };
        Some(self.at("dead_letter", format!("a dead letter: `{}`", code.as_str()), found, None))
    }
}

/// Items by their keys, the first of many.
fn list(items: &BTreeSet<&str>) -> String {
    let first: Vec<&&str> = items.iter().take(SHOWN).collect();
    match items.len() {
        0 => "no items".to_owned(),
        count if count > SHOWN => format!("{} and {} more", quoted_list(&first), count - SHOWN),
        _ => quoted_list(&first),
    }
}

/// How many items a message lists.
const SHOWN: usize = 10;

fn dropped_by(stages: &BTreeSet<&str>) -> String {
    format!("dropped by {}", quoted_list(&stages.iter().collect::<Vec<_>>()))
}

/// A record with its finding or failure, on one line.
pub fn described(record: &Record) -> String {
    let entry = record.entry.as_ref().map(|entry| format!(" `{entry}`")).unwrap_or_default();
    let item = format!("`{}`{entry}", record.item.key);
    if let Some(failure) = &record.failure {
        return format!("{item} failed at `{}`: {} ({})", failure.stage, failure.error.message, failure.error.code);
    }
    let Some(finding) = record.finding() else { return format!("{item} has no finding") };
    let label = finding.label.map_or("no label", |label| label.as_str());
    let score = finding.score.map(|score| format!(", polarity {score:+.3}")).unwrap_or_default();
    let instead = finding.stands_in_for.as_ref().map(|service| format!(" (for {service})")).unwrap_or_default();
    let coverage = if finding.coverage < 1.0 { format!(", coverage {:.2}", finding.coverage) } else { String::new() };
    format!("{item} is {label}{score}{coverage} by {}{instead}", finding.engine)
}
