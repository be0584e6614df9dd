//! Rules across environments: together they must not ask more of an upstream service than it admits.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::config::mistake::Mistake;

pub fn across(config: &Config, mistakes: &mut Vec<Mistake>) {
    let mut asked: BTreeMap<&str, Vec<(&str, &str, f64)>> = BTreeMap::new();
    for (environment, pipeline) in &config.pipelines {
        for stage in &pipeline.stages {
            if let Some(quota) = stage.settings.quota() {
                asked.entry(quota.service).or_default().push((environment, &stage.name, stage.frame.share.get()));
            }
        }
    }
    for (service, parts) in asked {
        let sum: f64 = parts.iter().map(|part| part.2).sum();
        let Some((environment, stage, _)) = parts.last().filter(|_| sum > 1.0 + 1e-9) else { continue };
        let span = config.span(environment, &format!("stages.{stage}"));
        let shares: Vec<String> =
            parts.iter().map(|(environment, stage, share)| format!("{environment}/{stage} {share}")).collect();
        mistakes.push(
            Mistake::new(
                "W104",
                &span,
                format!("all environments together ask for more than {service} admits"),
                format!("shares of its quota: {}", shares.join(", ")),
            )
            .allowed("shares that add up to 1 at most, where environments run at the same time")
            .help("set `share` on these stages".to_owned()),
        );
    }
}
