//! Alarms that cannot be had, and settings that have no effect without them.

use fanggen_runtime::model::metric::COMPREHEND_UNIT;
use fanggen_runtime::model::tree::Tree;

use crate::config::mistake::{Mistake, MistakeCode};
use crate::config::pipeline::Pipeline;
use crate::config::schedule::gaps::{alarm_window, longest_two_periods};
use crate::config::schedule::parse;

pub fn check(pipeline: &Pipeline, tree: &Tree, mistakes: &mut Vec<Mistake>) {
    without_effect(pipeline, tree, mistakes);
    too_rare(pipeline, tree, mistakes);
}

/// Settings of alarms that nobody is told of, and a budget that nothing is compared with.
fn without_effect(pipeline: &Pipeline, tree: &Tree, mistakes: &mut Vec<Mistake>) {
    let is_on = pipeline.alarms.is_on();
    let budget = pipeline.budget.monthly_usd.is_some();
    let nobody = "there are no alarms: `[alarms]` has neither `email` nor `slack_url_secret`";
    let no_budget = match &pipeline.alarms.email {
        None => Some("AWS Budgets needs `alarms.email`".to_owned()),
        Some(_) => super::budget_refused(pipeline.aws.region.as_str()),
    };
    let nothing = no_budget.map(|why| format!("{why}, and no stage uses Comprehend"));
    let set = [
        (!is_on, ["alarms", "max_failed_percent"], nobody),
        (budget && !is_on, ["budget", "monthly_usd"], nobody),
        (
            budget && is_on && nothing.is_some() && !pipeline.is_billed(COMPREHEND_UNIT),
            ["budget", "monthly_usd"],
            nothing.as_deref().unwrap_or_default(),
        ),
    ];
    for (idle, path, why) in set {
        if let (true, Some(entry)) = (idle, super::entry(tree, &path)) {
            let title = format!("`{}` has no effect", path.join("."));
            mistakes.push(Mistake::new(MistakeCode::NoEffect, &entry.tree.span, title, why));
        }
    }
}

/// A schedule whose missing runs CloudWatch cannot notice.
fn too_rare(pipeline: &Pipeline, tree: &Tree, mistakes: &mut Vec<Mistake>) {
    if !pipeline.alarms.is_on() || !pipeline.schedule.enabled {
        return;
    }
    let Some(entry) = super::entry(tree, &["schedule", "expression"]) else { return };
    let Some(gap) = parse(&pipeline.schedule.expression).ok().as_ref().and_then(longest_two_periods) else { return };
    if alarm_window(gap).is_none() {
        let days = gap.as_secs().div_ceil(86_400);
        mistakes.push(
            Mistake::new(
                MistakeCode::NoRunUnnoticed,
                &entry.tree.span,
                "no alarm can detect missing runs of this schedule",
                format!("two periods are up to {days} days"),
            )
            .allowed("two periods plus 15 minutes within 7 days, which is as far back as CloudWatch looks")
            .help("an event that starts no run still ends in a dead-letter queue, which has an alarm".to_owned()),
        );
    }
}
