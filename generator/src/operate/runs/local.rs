//! The overview of a run of this machine.

use super::overview::{RunFailures, RunOverview, RunState};
use crate::local::{FailureKind, PastRun, PastRunState};

impl From<PastRun> for RunOverview {
    fn from(past: PastRun) -> Self {
        let PastRun { run, state, last_write, done } = past;
        let state = match state {
            PastRunState::Ended => RunState::Complete,
            PastRunState::Failed => RunState::Failed,
            PastRunState::Abandoned => RunState::Abandoned,
            PastRunState::Running => RunState::Running,
            PastRunState::Interrupted => RunState::Interrupted,
        };
        let mut failures: Vec<RunFailures> = done.failures.into_iter().map(RunFailures::from).collect();
        failures.sort_by_key(|failures| std::cmp::Reverse(failures.count));
        Self {
            run,
            state,
            last_activity: Some(last_write),
            items: None,
            chunks: (state == RunState::Complete).then_some(done.chunks as u64),
            chunks_done: done.chunks as u64,
            succeeded: done.succeeded as u64,
            failed: (done.records - done.succeeded.min(done.records)) as u64,
            reused: None,
            labels: done.labels.into_iter().map(|(label, count)| (label, count as u64)).collect(),
            failures,
            dropped: done.dropped,
            error: done.error,
        }
    }
}

impl From<FailureKind> for RunFailures {
    fn from(kind: FailureKind) -> Self {
        let FailureKind { at, code, count, example, .. } = kind;
        Self { at, code, count: count as u64, message: Some(example.message), item: example.item }
    }
}
