//! Schedule expressions and time zones, judged as EventBridge Scheduler judges them.

use fanggen_runtime::tree::{Span, Tree};

use crate::config::mistake::Mistake;
use crate::config::pipeline::Pipeline;
use crate::config::schedule::{Refusal, judge, judge_timezone};

pub fn check(pipeline: &Pipeline, tree: &Tree, mistakes: &mut Vec<Mistake>) {
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

/// The part of a quoted text that was refused; the whole where escapes keep the two from lining up.
fn inside(whole: &Span, written: &str, refusal: &Refusal) -> Span {
    if whole.len() == written.len() + 2 {
        whole.start + 1 + refusal.span.start..whole.start + 1 + refusal.span.end
    } else {
        whole.clone()
    }
}
