//! Whether sources, stages and sinks make a pipeline: items, a text before its analysis, and a place for results.

use fanggen_runtime::component::{ComponentRole, TextFlow};
use fanggen_runtime::model::tree::{Tree, Value};

use crate::config::mistake::{Mistake, MistakeCode};
use crate::config::pipeline::{Pipeline, SECTIONS};
use crate::config::suggestion::nearest;

pub fn check(pipeline: &Pipeline, tree: &Tree, mistakes: &mut Vec<Mistake>) {
    absent(tree, mistakes);
    texts(pipeline, tree, mistakes);
    settings(pipeline, mistakes);
    promises(pipeline, tree, mistakes);
}

/// A pipeline needs a source, a stage and a sink.
fn absent(tree: &Tree, mistakes: &mut Vec<Mistake>) {
    let head = super::entry(tree, &["pipeline"]).map_or(0..0, |entry| entry.key.clone());
    for (section, example, why) in [
        ("sources", "[sources.companies]", "so there are no items to analyse"),
        ("stages", "[[stages]]", "so it does nothing with its items"),
        ("sinks", "[sinks.archive]", "so no results are kept"),
    ] {
        // A section whose components are all broken is not absent.
        let written = super::entry(tree, &[section]);
        let empty = |tree: &Tree| match &tree.value {
            Value::Table(table) => table.is_empty(),
            Value::List(list) => list.is_empty(),
            _ => false,
        };
        // Nor is one whose header is misspelt, which is reported as such.
        let misspelt = || {
            let mut names = tree.as_table().into_iter().flat_map(|table| table.keys());
            names.any(|name| !SECTIONS.contains(&name.as_str()) && nearest(name, &SECTIONS) == Some(section))
        };
        if written.is_none_or(|entry| empty(&entry.tree)) && !misspelt() {
            let span = written.map_or(&head, |entry| &entry.key);
            let title = format!("the pipeline has no {section}, {why}");
            mistakes.push(
                Mistake::new(MistakeCode::MissingSection, span, title, format!("no {section}"))
                    .help(format!("add `{example}` with a `type`")),
            );
        }
    }
}

/// A text must be provided before it is analysed.
fn texts(pipeline: &Pipeline, tree: &Tree, mistakes: &mut Vec<Mistake>) {
    // Where a stage could not be read, nobody knows what it does with the text.
    let written = super::entry(tree, &["stages"]).map(|entry| &entry.tree.value);
    if matches!(written, Some(Value::List(list)) if list.len() != pipeline.stages.len()) {
        return;
    }
    let mut given = false;
    for stage in &pipeline.stages {
        match stage.kind.card.text {
            TextFlow::Provides => given = true,
            TextFlow::Analyses | TextFlow::Transforms if !given => {
                let givers = super::types(ComponentRole::Stage, |card| card.text == TextFlow::Provides);
                let title = format!("stage `{}` needs a text, but no stage before it provides one", stage.name);
                mistakes.push(
                    Mistake::new(MistakeCode::NoTextBefore, &stage.span, title, "no text reaches this stage")
                        .help(format!("add a stage of one of these types before it: {givers}")),
                );
            }
            TextFlow::Analyses | TextFlow::Transforms | TextFlow::Ignores => {}
        }
    }
    let analyses = pipeline.stages.iter().any(|stage| stage.kind.card.text == TextFlow::Analyses);
    if let Some(last) = pipeline.stages.last().filter(|_| !analyses) {
        let analysts = super::types(ComponentRole::Stage, |card| card.text == TextFlow::Analyses);
        let title = "no stage analyses the texts, so the results will have no findings";
        mistakes.push(
            Mistake::new(MistakeCode::NoAnalysis, &last.span, title, "the last stage")
                .help(format!("add a stage of one of these types: {analysts}")),
        );
    }
}

/// The checks that components make of their own settings.
fn settings(pipeline: &Pipeline, mistakes: &mut Vec<Mistake>) {
    for component in pipeline.components() {
        if let Some((key, found, allowed)) = component.settings.check() {
            let span = super::entry(&component.tree, &[key]).map_or(&component.span, |entry| &entry.tree.span);
            let whose = format!("{} `{}`", component.kind.card.role.as_str(), component.name);
            mistakes.push(
                Mistake::new(MistakeCode::ConflictingSettings, span, format!("invalid settings in {whose}"), found)
                    .allowed(allowed),
            );
        }
    }
}

/// Settings without an effect yet, sinks that are left out when deployed, and requests without a contact.
fn promises(pipeline: &Pipeline, tree: &Tree, mistakes: &mut Vec<Mistake>) {
    let deployed = pipeline.sinks.iter().any(|sink| !sink.kind.card.local_only);
    let lasting = super::types(ComponentRole::Sink, |_| true);
    let help =
        format!("without another sink, the deployed pipeline keeps no results; add one of these types: {lasting}");
    for sink in pipeline.sinks.iter().filter(|sink| sink.kind.card.local_only) {
        let title = format!("sink `{}` works only with `fanggen run`", sink.name);
        mistakes.push(
            Mistake::new(
                MistakeCode::LocalSinkOnly,
                &sink.span,
                title,
                "left out when deployed: a Lambda function keeps no files",
            )
            .help((!deployed).then(|| help.clone())),
        );
    }
    // Wikimedia, for one: 200 requests a minute with a contact, 10 without
    // (<https://www.mediawiki.org/wiki/Wikimedia_APIs/Rate_limits>).
    let asks = pipeline.stages.iter().find(|stage| stage.kind.card.fetches);
    if let Some(stage) = asks.filter(|_| super::entry(tree, &["pipeline", "contact"]).is_none()) {
        let (name, kind) = (&stage.name, stage.kind.card.name);
        let title = format!("stage `{name}` (type `{kind}`) sends requests without a contact");
        mistakes.push(
            Mistake::new(MistakeCode::NoContact, &stage.span, title, "its User-Agent names no contact").help(
                "set `contact` in `[pipeline]`: sites allow fewer requests, or none, from clients they cannot contact"
                    .to_owned(),
            ),
        );
    }
}
