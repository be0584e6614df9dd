//! How many instances of a worker run at once and how fast each may call upstream, from the quotas.

use std::collections::BTreeMap;

use fanggen_runtime::component::{Quota, RateLimit};

use super::Plan;
use super::pages;
use super::reasons::Reasons;
use crate::config::mistake::{Mistake, MistakeCode};
use crate::config::pipeline::{ComponentConfig, Pipeline};
use crate::config::shape::shapes;
use crate::config::{self, Config};

/// What an event source mapping allows (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>).
const CONCURRENCY: std::ops::RangeInclusive<u64> = 2..=1_000;

/// Instances at once where no stage calls an upstream service: enough to be fast, few enough for a new account, whose
/// whole quota may be 10.
const UNLIMITED: u64 = 10;

/// How many instances the scarcest quota of some stages allows, with that stage and quota.
fn scarcest_quota<'a>(stages: &[&'a ComponentConfig]) -> Option<(u64, &'a ComponentConfig, Quota)> {
    let room = |stage: &&'a ComponentConfig| {
        let quota = stage.settings.quota()?;
        Some((floor(calls(&quota) * stage.options.share.get()), *stage, quota))
    };
    stages.iter().filter_map(room).min_by_key(|(instances, ..)| *instances)
}

/// Calls that a quota allows: at once where that is limited, else per second.
fn calls(quota: &Quota) -> f64 {
    quota.max_concurrent.map_or(quota.calls_per_second, as_float)
}

/// A number of instances, within what AWS accepts.
fn clamp_to_aws(instances: u64) -> u64 {
    instances.clamp(*CONCURRENCY.start(), *CONCURRENCY.end())
}

/// Instances of a function at once.
pub fn concurrency(pipeline: &Pipeline, function: &str, stages: &[&ComponentConfig], reasons: &mut Reasons) -> u64 {
    let (value, why) = match (pipeline.functions.max_concurrency, scarcest_quota(stages)) {
        (Some(set), _) => (set.get(), "set by `functions.max_concurrency`".to_owned()),
        (None, None) => (UNLIMITED, "no stage calls an upstream service".to_owned()),
        (None, Some((instances, stage, quota))) => {
            let unit = if quota.max_concurrent.is_some() { "at once" } else { "per second" };
            let why = format!(
                "stage `{}`: {} allows {} calls {unit}, of which this environment may use {}; AWS requires at least 2",
                stage.name,
                quota.service,
                round(calls(&quota)),
                stage.options.share.get()
            );
            (clamp_to_aws(instances), why)
        }
    };
    reasons.derive(function, "instances at once (MaximumConcurrency)", value, why, pages::SQS_LAMBDA)
}

/// How fast one instance may call the upstream service of a stage.
pub fn pace(stage: &ComponentConfig, concurrency: u64, reasons: &mut Reasons) -> Option<RateLimit> {
    let quota = stage.settings.quota()?;
    let share = stage.options.share.get();
    let pace = quota.rate_limit(share, concurrency);
    reasons.derive(
        &stage.path,
        "calls of one instance",
        format!("{} per second, {} at once", pace.calls_per_second, pace.max_concurrent),
        format!(
            "{}: {} calls per second x share {share} / {concurrency} instances; at least one at once",
            quota.service,
            round(quota.calls_per_second)
        ),
        quota.docs_url,
    );
    reasons.derive(
        &stage.path,
        "burst of one instance",
        "one chunk",
        "calls for up to 100 items go out at full speed, and the rate applies after that: a small run does not \
         wait",
        quota.docs_url,
    );
    Some(pace)
}

/// How many calls all instances of a stage may make at once, in one environment.
struct QuotaDemand<'a> {
    environment: &'a str,
    stage: &'a ComponentConfig,
    quota: Quota,
    at_once: u64,
    /// Whether the number of instances was set by the user, above what the quota allows.
    set: bool,
}

fn quota_demands(pipeline: &Pipeline) -> Vec<QuotaDemand<'_>> {
    let mut all = Vec::new();
    for shape in shapes(pipeline) {
        let aside = &mut Reasons::default();
        let instances = concurrency(pipeline, &shape.name, &shape.stages, aside);
        let set = scarcest_quota(&shape.stages).is_some_and(|(room, ..)| instances > clamp_to_aws(room));
        for stage in shape.stages {
            let (Some(quota), Some(pace)) = (stage.settings.quota(), pace(stage, instances, aside)) else { continue };
            all.push(QuotaDemand {
                environment: &pipeline.environment,
                stage,
                quota,
                at_once: instances * pace.max_concurrent,
                set,
            });
        }
    }
    all
}

/// Finds where instances would exceed a quota: those of one environment because the user set their number, those of all
/// environments together because AWS requires a minimum for each.
pub fn check(config: &Config, plans: &mut BTreeMap<String, Plan>) -> Vec<Mistake> {
    let mut mistakes: Vec<Mistake> =
        config.pipelines.values().filter_map(|it| too_many_instances(config, it)).collect();
    for together in config::shared_quotas(config) {
        let parts: Vec<QuotaDemand<'_>> = (together.environments.iter().filter_map(|name| config.pipelines.get(*name)))
            .flat_map(quota_demands)
            .filter(|asked| asked.quota.service == together.service && asked.quota.max_concurrent.is_some())
            .collect();
        // Each is a fraction of its own quota, which is a setting of the stage; the fractions add up.
        let part = |asked: &QuotaDemand<'_>| {
            asked.quota.max_concurrent.map_or(0.0, |most| as_float(asked.at_once) / as_float(most))
        };
        let used: f64 = parts.iter().map(part).sum();
        let all: u64 = parts.iter().map(|asked| asked.at_once).sum();
        let admitted = parts.iter().filter_map(|asked| asked.quota.max_concurrent).max().unwrap_or_default();
        // A number that was set too high is reported for its environment already, and explains the sum.
        if used <= 1.0 + 1e-9 || parts.iter().any(|asked| asked.set) {
            continue;
        }
        let why = format!(
            "{} is the least that AWS accepts, so all environments together may have {all} requests at once where {} \
             allows {admitted}: one run at a time stays within it",
            CONCURRENCY.start(),
            together.service
        );
        for asked in &parts {
            if let Some(plan) = plans.get_mut(asked.environment) {
                let what = "calls of all environments at once";
                plan.reasons.derive(&asked.stage.path, what, all, why.clone(), asked.quota.docs_url);
            }
        }
        // If the shares add up to too much already, that mistake is enough. Twice the quota is what two environments reach
        // by AWS's minimum alone.
        if let Some(last) = parts.last().filter(|_| together.shares <= 1.0 + 1e-9 && used > 2.0 + 1e-9) {
            let list: Vec<String> = (parts.iter())
                .map(|asked| format!("{}/{} {}", asked.environment, asked.stage.name, asked.at_once))
                .collect();
            let (title, found) = (
                format!("all environments together may exceed the quota of {}", together.service),
                format!("instances at once: {}", list.join(", ")),
            );
            mistakes.push(
                Mistake::new(
                    MistakeCode::QuotaExceeded,
                    &config.span(last.environment, &last.stage.path),
                    title,
                    found,
                )
                .allowed(format!(
                    "{admitted} requests at once, and each worker has at least {} instances",
                    CONCURRENCY.start()
                ))
                .help("run fewer environments at the same time: `schedule.enabled = false` pauses one".to_owned()),
            );
        }
    }
    mistakes
}

/// A number of instances that was set above what the quota allows.
fn too_many_instances(config: &Config, pipeline: &Pipeline) -> Option<Mistake> {
    let set = pipeline.functions.max_concurrency?.get();
    let shapes = shapes(pipeline);
    let least =
        shapes.iter().filter_map(|shape| scarcest_quota(&shape.stages)).min_by_key(|(instances, ..)| *instances);
    let (instances, stage, quota) = least?;
    let fits = clamp_to_aws(instances);
    (set > fits).then(|| {
        let unit = if quota.max_concurrent.is_some() { "at once" } else { "per second" };
        let share = stage.options.share.get();
        let title = format!("this many instances exceed the quota of {}", quota.service);
        let found = format!("{set} instances, each with one call at a time by stage `{}` each", stage.name);
        Mistake::new(
            MistakeCode::TooManyInstances,
            &config.span(&pipeline.environment, "functions.max_concurrency"),
            title,
            found,
        )
        .allowed(format!(
            "up to {fits}: {} allows {} calls {unit}, of which environment `{}` may use {share}",
            quota.service,
            round(calls(&quota)),
            pipeline.environment
        ))
        .help("remove `max_concurrency`: it is derived from the quota".to_owned())
    })
}

#[expect(clippy::cast_precision_loss, reason = "quotas are far below 2^52")]
fn as_float(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "quotas are positive and small")]
fn floor(number: f64) -> u64 {
    number.floor() as u64
}

/// Three decimal places, for printing.
fn round(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
