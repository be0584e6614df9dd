//! The overview of a run in the account, from the state table.

use std::time::Duration;

use fanggen_runtime::aws::state_rows::StoredRun;
use jiff::Timestamp;

use super::overview::{RunFailures, RunOverview, RunState};

/// After how long without a finished chunk a run is stalled. A chunk that fails is delivered again after a minute or so, and
/// later ones after at most 12 hours; whoever waits for an hour wants to know.
const STALLED_AFTER: Duration = Duration::from_secs(3_600);

/// The overview of a run as it is stored, at this moment.
#[must_use]
pub fn overview(stored: StoredRun, now: Timestamp) -> RunOverview {
    let sent = stored.progress.as_ref();
    let all_sent = sent.is_some_and(|progress| progress.ended);
    let is_since = |moment: Option<Timestamp>, span: Duration| {
        moment.is_some_and(|moment| now.duration_since(moment).unsigned_abs() < span || moment > now)
    };
    let scheduled = stored.run.time().ok();
    let last_activity = stored.last_activity();
    let state = if stored.is_complete() {
        RunState::Complete
    } else if !all_sent {
        // A producer renews its lease while it works.
        if stored.lease_until.is_some_and(|until| until > now) { RunState::Running } else { RunState::Interrupted }
    } else if is_since(last_activity.or(scheduled), STALLED_AFTER) {
        RunState::Running
    } else {
        RunState::Stalled
    };
    let mut failures: Vec<RunFailures> = stored
        .counts
        .failures
        .into_iter()
        .map(|((at, code), count)| RunFailures { at, code, count, message: None, item: None })
        .collect();
    failures.sort_by_key(|failures| std::cmp::Reverse(failures.count));
    RunOverview {
        items: sent.map(|progress| progress.items).filter(|_| all_sent),
        chunks: stored.expected.or_else(|| sent.filter(|_| all_sent).map(|progress| progress.chunks)),
        chunks_done: stored.chunks_done,
        succeeded: stored.counts.records,
        failed: stored.counts.failed,
        reused: Some(stored.counts.reused),
        labels: std::collections::BTreeMap::new(),
        failures,
        dropped: stored.counts.dropped,
        error: None,
        last_activity,
        state,
        run: stored.run,
    }
}

#[cfg(test)]
mod tests {
    use fanggen_runtime::component::state::{Counts, Progress};
    use fanggen_runtime::model::run::RunId;

    use super::*;

    fn stored(ended: bool, lease: &str, expected: Option<u64>, done: u64, last: Option<&str>) -> StoredRun {
        let time = |text: &str| text.parse::<Timestamp>().expect("a time");
        StoredRun {
            run: RunId::at(time("2026-11-29T09:00:00Z")),
            progress: Some(Progress { chunks: 2, items: 150, ended, ..Progress::default() }),
            lease_until: Some(time(lease)),
            expected,
            chunks_done: done,
            counts: Counts::default(),
            last_chunk_at: last.map(time),
        }
    }

    #[test]
    fn a_run_is_stalled_an_hour_after_its_last_chunk_and_interrupted_when_its_lease_ends() {
        let at = |stored: StoredRun, now: &str| {
            let overview = overview(stored, now.parse().expect("a time"));
            (overview.state, overview.progress())
        };
        let lease = "2026-11-29T09:00:45Z";
        let running = |text: &str| (RunState::Running, text.to_owned());
        assert_eq!(at(stored(false, lease, None, 0, None), "2026-11-29T09:00:10Z"), running("running"));
        assert_eq!(at(stored(false, lease, None, 0, None), "2026-11-29T09:01:00Z").0, RunState::Interrupted);
        let half = || stored(true, lease, Some(2), 1, Some("2026-11-29T09:00:20Z"));
        assert_eq!(at(half(), "2026-11-29T09:30:00Z"), running("running, 1 of 2 chunks"));
        let stalled = (RunState::Stalled, "stalled, 1 of 2 chunks".to_owned());
        assert_eq!(at(half(), "2026-11-29T10:30:00Z"), stalled);
        // All chunks were sent at 09:00:00, and none is done yet.
        let sent = || stored(true, lease, Some(2), 0, None);
        assert_eq!(at(sent(), "2026-11-29T09:59:59Z").0, RunState::Running);
        assert_eq!(at(sent(), "2026-11-29T10:00:00Z").0, RunState::Stalled);
        assert_eq!(sent().last_activity(), "2026-11-29T09:00:00Z".parse().ok());
        let whole = stored(true, lease, Some(2), 2, Some("2026-11-29T09:00:20Z"));
        assert_eq!(overview(whole, "2026-12-29T00:00:00Z".parse().expect("a time")).took_s(), Some(20));
    }
}
