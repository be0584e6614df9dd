//! Which records a query asks for.

use fanggen_runtime::condition::Condition;
use fanggen_runtime::model::record::{Label, Record};
use fanggen_runtime::model::run::RunId;
use jiff::Timestamp;

/// A filter of records; one that names nothing lets everything pass.
#[derive(Clone, Debug, Default)]
pub struct RecordFilter {
    /// The keys of the items.
    pub items: Vec<String>,
    /// The beginning of the first run.
    pub since: Option<Timestamp>,
    /// The end of the time in which runs began, exclusive.
    pub until: Option<Timestamp>,
    /// The only run.
    pub run: Option<RunId>,
    /// The labels.
    pub labels: Vec<Label>,
    /// A condition, as a sink has it, but without history.
    pub condition: Option<Condition>,
    /// Only records with a failure.
    pub failed: bool,
}

impl RecordFilter {
    /// Whether a run on this day may pass: `2026-11-22`.
    #[must_use]
    pub fn may_match_day(&self, day: &str) -> bool {
        self.since.is_none_or(|since| day >= RunId::at(since).date().as_str())
            && self.until.is_none_or(|until| day <= RunId::at(until).date().as_str())
            && self.run.as_ref().is_none_or(|run| day == run.date())
    }

    /// Whether a run passes.
    #[must_use]
    pub fn matches_run(&self, run: &RunId) -> bool {
        self.since.is_none_or(|since| run.time().is_ok_and(|time| time >= since))
            && self.until.is_none_or(|until| run.time().is_ok_and(|time| time < until))
            && self.run.as_ref().is_none_or(|only| only == run)
    }

    /// Whether a record passes. Its time is that of its chunk, which is not read if it is too old.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        let has_label = |label: &Label| record.finding().and_then(|finding| finding.label) == Some(*label);
        (self.items.is_empty() || self.items.contains(&record.item.key))
            && (self.labels.is_empty() || self.labels.iter().any(has_label))
            && (!self.failed || record.failure.is_some())
            && self.condition.as_ref().is_none_or(|condition| condition.matches(record, None))
    }
}
