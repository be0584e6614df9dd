//! Rules across environments: together they must not exceed the quota of an upstream service.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::config::mistake::{Mistake, MistakeCode};
use crate::config::pipeline::Pipeline;

/// Environments that ask one service under one quota, at the same time.
pub struct SharedQuota<'a> {
    /// The service.
    pub service: &'static str,
    /// The environments, by name.
    pub environments: Vec<&'a str>,
    /// Their stages with their shares of the quota.
    parts: Vec<(&'a str, &'a str, f64)>,
    /// The sum of their shares.
    pub shares: f64,
}

/// A stage that uses a quota: its environment, its name, and its share.
type QuotaUse<'a> = (&'a Pipeline, &'a str, f64);

/// Whose quota an environment uses: its account and region, or none where the service counts by client.
type Reach<'a> = Option<(Option<&'a str>, &'a str)>;

fn reach(per_account: bool, pipeline: &Pipeline) -> Reach<'_> {
    let account = pipeline.aws.account.as_ref().map(|account| account.as_str());
    per_account.then(|| (account, pipeline.aws.region.as_str()))
}

/// Whether an environment uses the quota of this reach: one without an account may be deployed to any.
fn within(own: Reach<'_>, whole: Reach<'_>) -> bool {
    match (own, whole) {
        (Some((account, region)), Some((one, there))) => region == there && (account.is_none() || account == one),
        _ => true,
    }
}

/// All quotas with the environments that use them at the same time: one that is paused asks for nothing.
pub fn shared_quotas(config: &Config) -> Vec<SharedQuota<'_>> {
    let mut asked: BTreeMap<(&'static str, bool), Vec<QuotaUse<'_>>> = BTreeMap::new();
    for pipeline in config.pipelines.values().filter(|pipeline| pipeline.schedule.enabled) {
        for stage in &pipeline.stages {
            if let Some(quota) = stage.settings.quota() {
                let of = (quota.service, quota.per_account);
                asked.entry(of).or_default().push((pipeline, &stage.name, stage.options.share.get()));
            }
        }
    }
    let mut all = Vec::new();
    for ((service, per_account), stages) in asked {
        let reaches: BTreeSet<Reach<'_>> = stages.iter().map(|(pipeline, ..)| reach(per_account, pipeline)).collect();
        // Who names no account counts with each that is named, and alone only where none is.
        let counted = |own: &Reach<'_>| reaches.iter().any(|whole| whole != own && within(*own, *whole));
        for whole in reaches.iter().filter(|own| !counted(own)) {
            let parts: Vec<_> = (stages.iter())
                .filter(|(pipeline, ..)| within(reach(per_account, pipeline), *whole))
                .map(|(pipeline, stage, share)| (pipeline.environment.as_str(), *stage, *share))
                .collect();
            let mut environments: Vec<&str> = parts.iter().map(|(environment, ..)| *environment).collect();
            environments.dedup();
            let shares = parts.iter().map(|(.., share)| share).sum();
            all.push(SharedQuota { service, environments, parts, shares });
        }
    }
    all
}

/// Notes the quotas of which all environments together have more than there is.
pub fn check_quotas(config: &Config, mistakes: &mut Vec<Mistake>) {
    for SharedQuota { service, parts, shares, .. } in shared_quotas(config) {
        let Some((environment, stage, _)) = parts.last().filter(|_| shares > 1.0 + 1e-9) else { continue };
        let span = config.span(environment, &format!("stages.{stage}"));
        let shares: Vec<String> =
            parts.iter().map(|(environment, stage, share)| format!("{environment}/{stage} {share}")).collect();
        mistakes.push(
            Mistake::new(
                MistakeCode::QuotaExceeded,
                &span,
                format!("all environments together exceed the quota of {service}"),
                format!("shares of its quota: {}", shares.join(", ")),
            )
            .allowed("shares that add up to at most 1 for environments that run at the same time")
            .help("set `share` on these stages".to_owned()),
        );
    }
}
