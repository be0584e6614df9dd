//! Schedule expressions and time zones, judged as EventBridge Scheduler judges them.

use fanggen_runtime::tree::{Span, Tree, Value};

use crate::config::mistake::Mistake;
use crate::config::pipeline::Pipeline;
use crate::config::schedule::{Refusal, judge, judge_timezone};

pub fn check(pipeline: &Pipeline, tree: &Tree, mistakes: &mut Vec<Mistake>) {
    patience(pipeline, mistakes);
    let verdicts = [
        ("E020", "expression", judge(&pipeline.schedule.expression).err()),
        ("E021", "timezone", judge_timezone(&pipeline.schedule.timezone).err()),
    ];
    for (code, key, refusal) in verdicts {
        if let (Some(refusal), Some(entry)) = (refusal, super::entry(tree, &["schedule", key])) {
            let written = if key == "expression" { &pipeline.schedule.expression } else { &pipeline.schedule.timezone };
            let span = inside(&entry.tree.span, written, &refusal);
            let title = format!("EventBridge Scheduler refuses the {key} `{written}`");
            mistakes.push(
                Mistake::new(code, &span, title, format!("found {}", refusal.found))
                    .allowed(refusal.allowed)
                    .help(refusal.help),
            );
        }
    }
}

/// A stage that may wait longer than its function lives is cut off before it can say what went wrong.
fn patience(pipeline: &Pipeline, mistakes: &mut Vec<Mistake>) {
    let timeout = pipeline.functions.timeout_s.get();
    for stage in &pipeline.stages {
        let Some(entry) = super::entry(&stage.tree, &["patience_s"]) else { continue };
        if let Value::Integer(patience) = entry.tree.value
            && u64::try_from(patience).is_ok_and(|patience| patience >= timeout)
        {
            let title = format!("stage `{}` may wait longer than its function runs", stage.name);
            mistakes.push(
                Mistake::new("W105", &entry.tree.span, title, format!("`functions.timeout_s` is {timeout}"))
                    .help(format!("raise `functions.timeout_s` above {patience}, or lower this")),
            );
        }
    }
}

/// The part of a quoted text that was refused; the whole where escapes keep the two from lining up.
fn inside(whole: &Span, written: &str, refusal: &Refusal) -> Span {
    if whole.len() == written.len() + 2 {
        whole.start + 1 + refusal.span.start..whole.start + 1 + refusal.span.end
    } else {
        whole.clone()
    }
}
