//! How many instances of a worker run at once, and how fast each may call upstream: quotas, shared out.

use fanggen_runtime::component::Pace;

use super::explain::{Reasons, pages};
use crate::config::pipeline::{Component, Pipeline};

/// What an event source mapping admits (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>).
const CONCURRENCY: std::ops::RangeInclusive<u64> = 2..=1_000;

/// Instances at once where no stage asks anybody upstream: enough to be quick, few enough for a new account, whose
/// whole quota may be 10.
const UNLIMITED: u64 = 10;

/// Instances of a function at once.
pub fn concurrency(pipeline: &Pipeline, function: &str, stages: &[&Component], reasons: &mut Reasons) -> u64 {
    let why;
    let value = if let Some(set) = pipeline.functions.max_concurrency {
        why = "set by `functions.max_concurrency`".to_owned();
        set.get()
    } else {
        let scarcest = stages
            .iter()
            .filter_map(|stage| {
                let quota = stage.settings.quota()?;
                let share = stage.frame.share.get();
                let calls = quota.at_once.map_or(quota.calls_per_second, as_float);
                Some((floor(calls * share), stage, quota, share, calls))
            })
            .min_by_key(|(instances, ..)| *instances);
        match scarcest {
            None => {
                why = "no stage asks anybody upstream".to_owned();
                UNLIMITED
            }
            Some((instances, stage, quota, share, calls)) => {
                let unit = if quota.at_once.is_some() { "at once" } else { "a second" };
                why = format!(
                    "stage `{}`: {} admits {} calls {unit}, of which this environment has {share}; 2 is the least",
                    stage.name,
                    quota.service,
                    round(calls)
                );
                instances.clamp(*CONCURRENCY.start(), *CONCURRENCY.end())
            }
        }
    };
    reasons.derive(function, "instances at once (MaximumConcurrency)", value, why, pages::SQS_LAMBDA)
}

/// How fast one instance may call what a stage asks.
pub fn pace(stage: &Component, concurrency: u64, reasons: &mut Reasons) -> Option<Pace> {
    let quota = stage.settings.quota()?;
    let share = stage.frame.share.get();
    let per_second = round(quota.calls_per_second * share / as_float(concurrency)).max(0.001);
    let at_once = match quota.at_once {
        Some(at_once) => floor(as_float(at_once) * share / as_float(concurrency)),
        None => floor(per_second),
    }
    .max(1);
    reasons.derive(
        &stage.path,
        "calls of one instance",
        format!("{per_second} a second, {at_once} at once"),
        format!(
            "{}: {} calls a second x share {share} / {concurrency} instances; at least one at once",
            quota.service,
            round(quota.calls_per_second)
        ),
        quota.page,
    );
    Some(Pace { per_second, at_once })
}

#[expect(clippy::cast_precision_loss, reason = "quotas are far below 2^52")]
fn as_float(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "quotas are positive and small")]
fn floor(number: f64) -> u64 {
    number.floor() as u64
}

/// Three digits after the point: what is printed is what is meant.
fn round(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
