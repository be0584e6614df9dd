//! Whether an account may run as many functions at once as an environment asks for: new accounts run 10.

use super::aws::account::Account;
use super::aws::lambda::LambdaClient;
use super::generated::Manifest;
use super::ui::Operator;

/// Where a higher quota is asked for
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>, read on 2026-11-29).
const QUOTA: &str = "https://console.aws.amazon.com/servicequotas/home/services/lambda/quotas/L-B99A9384";
/// The fewest instances that an event source mapping allows
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>).
const FEWEST: u64 = 2;
/// The producer runs once at a time.
const PRODUCERS: u64 = 1;

/// Asks Lambda for the account's quota, and warns if it is too small. A caller who may not ask, and a service that does not
/// know the call, are no reason to stop.
pub async fn warn_if_throttled(account: &Account, manifest: &Manifest, operator: Operator<'_>) {
    if let Ok(Some(quota)) = LambdaClient::open(account).concurrent_executions().await
        && let Some(text) = warning(manifest, quota)
    {
        operator.message(&text);
    }
}

fn warning(manifest: &Manifest, quota: u64) -> Option<String> {
    shortage(manifest, quota).map(|Shortage { found, mend }| format!("warning: {found}\n  {mend}"))
}

/// An account that may run fewer functions at once than an environment asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// What is too small, and what happens then.
    pub found: String,
    /// What to do about it.
    pub mend: String,
}

/// Whether a quota of functions at once is too small.
#[must_use]
pub fn shortage(manifest: &Manifest, quota: u64) -> Option<Shortage> {
    let workers: Vec<u64> = manifest.resources.values().filter_map(|resource| resource.concurrency).collect();
    let wanted = workers.iter().sum::<u64>() + PRODUCERS;
    let count = workers.len() as u64;
    if wanted <= quota || count == 0 {
        return None;
    }
    let share = quota.saturating_sub(PRODUCERS) / count;
    let first =
        if share < FEWEST { String::new() } else { format!("set `[functions] max_concurrency = {share}`, or ") };
    let found = format!(
        "this account allows {quota} concurrent executions, but `{}` may need {wanted} ({} and the producer): Lambda \
         throttles the rest, and their messages return to the queue",
        manifest.stack,
        if count == 1 { "the worker".to_owned() } else { format!("{count} workers") },
    );
    Some(Shortage { found, mend: format!("{first}request a higher quota: {QUOTA}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_quota_is_shared_out_among_the_workers() {
        let plan = include_str!("../../tests/golden/isolated_all/dev/plan.json");
        let manifest: Manifest = serde_json::from_str(plan).expect("a plan");
        let workers = manifest.resources.values().filter_map(|resource| resource.concurrency);
        let (count, all) = workers.fold((0, 0), |(count, all), one| (count + 1, all + one));
        assert!(count >= 2 && all > 2 * count, "{count} workers, {all} instances");
        assert_eq!(warning(&manifest, all + 1), None);
        let text = warning(&manifest, all).expect("a warning");
        assert!(text.contains(&format!("`[functions] max_concurrency = {}`", (all - 1) / count)), "{text}");
        assert!(text.starts_with(&format!("warning: this account allows {all} concurrent executions")), "{text}");
        // AWS requires at least 2 for each: a smaller number cannot be set.
        let text = warning(&manifest, 2 * count).expect("a warning");
        assert!(!text.contains("max_concurrency") && text.contains("\n  request a higher quota: https://"), "{text}");
    }
}
