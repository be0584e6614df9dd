//! Schedule expressions, time zones, and timeouts that are too short.

use std::time::Duration;

use fanggen_runtime::model::tree::{Span, Tree, quoted_list};

use crate::config::mistake::{Mistake, MistakeCode};
use crate::config::pipeline::{ComponentConfig, Pipeline};
use crate::config::schedule::{check_timezone, parse, pitfall};
use crate::config::shape::shapes;

pub fn check(pipeline: &Pipeline, tree: &Tree, mistakes: &mut Vec<Mistake>) {
    patience(pipeline, tree, mistakes);
    pitfalls(pipeline, tree, mistakes);
    let verdicts = [
        (MistakeCode::ScheduleExpression, "expression", parse(&pipeline.schedule.expression).err()),
        (MistakeCode::TimeZone, "timezone", check_timezone(&pipeline.schedule.timezone).err()),
    ];
    for (code, key, refusal) in verdicts {
        if let (Some(refusal), Some(entry)) = (refusal, super::entry(tree, &["schedule", key])) {
            let what = if key == "expression" { key } else { "time zone" };
            let written = if key == "expression" { &pipeline.schedule.expression } else { &pipeline.schedule.timezone };
            let span = inside(&entry.tree.span, written, &refusal.span);
            let title = format!("EventBridge Scheduler rejects the {what} `{written}`");
            mistakes.push(
                Mistake::new(code, &span, title, format!("found {}", refusal.found))
                    .allowed(refusal.allowed)
                    .help(refusal.help),
            );
        }
    }
}

/// A schedule that does something else than its author probably meant.
fn pitfalls(pipeline: &Pipeline, tree: &Tree, mistakes: &mut Vec<Mistake>) {
    let written = &pipeline.schedule.expression;
    if let (Some(pitfall), Some(entry)) = (pitfall(written), super::entry(tree, &["schedule", "expression"])) {
        let span = inside(&entry.tree.span, written, &pitfall.span);
        mistakes.push(
            Mistake::new(MistakeCode::ScheduleMeaning, &span, pitfall.title, pitfall.label).help(Some(pitfall.help)),
        );
    }
}

/// A function whose stages may wait longer than its timeout ends before it can record what went wrong.
fn patience(pipeline: &Pipeline, tree: &Tree, mistakes: &mut Vec<Mistake>) {
    let timeout = pipeline.functions.timeout_s.get();
    for shape in shapes(pipeline) {
        let waits =
            |stage: &&ComponentConfig| Some((stage.settings.max_wait()?, stage.name.clone(), stage.span.clone()));
        let waiting: Vec<_> = shape.stages.iter().filter_map(waits).collect();
        let sum: Duration = waiting.iter().map(|(patience, ..)| *patience).sum();
        let Some((_, longest, span)) = waiting.iter().max_by_key(|(patience, ..)| *patience) else { continue };
        if sum < Duration::from_secs(timeout) {
            continue;
        }
        let names: Vec<&str> = waiting.iter().map(|(_, name, _)| name.as_str()).collect();
        let seconds = sum.as_secs_f64();
        let (whose, label, or) = match names.len() {
            1 => (format!("stage `{longest}`"), "it waits", "or let the stage wait less"),
            _ => {
                let or = "let a stage wait less, or give one `isolate = true`";
                (format!("stages {}", quoted_list(&names)), "together they wait", or)
            }
        };
        let span = super::entry(tree, &["functions", "timeout_s"]).map_or(span, |entry| &entry.tree.span);
        let title = format!("{whose} may wait longer than function `{}` runs ({timeout} s)", shape.name);
        mistakes.push(
            Mistake::new(MistakeCode::TimeoutTooShort, span, title, format!("{label} for up to {seconds} s"))
                .help(format!("raise `functions.timeout_s` above {}, {or}", seconds.floor())),
        );
    }
}

/// The part of a quoted text that was refused; the whole where escapes keep the two from lining up.
fn inside(whole: &Span, written: &str, part: &Span) -> Span {
    if whole.len() == written.len() + 2 {
        whole.start + 1 + part.start..whole.start + 1 + part.end
    } else {
        whole.clone()
    }
}
