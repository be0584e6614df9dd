//! Which records a query asks for.

use fanggen_runtime::condition::Condition;
use fanggen_runtime::model::record::{Label, Record};
use jiff::Timestamp;

/// A filter of records; one that names nothing lets everything pass.
#[derive(Clone, Debug, Default)]
pub struct RecordFilter {
    /// The keys of the items.
    pub items: Vec<String>,
    /// The beginning of the first run.
    pub since: Option<Timestamp>,
    /// The labels.
    pub labels: Vec<Label>,
    /// A condition, as a sink has it.
    pub condition: Option<Condition>,
    /// Only records with a failure.
    pub failed: bool,
}

impl RecordFilter {
    /// Whether a record passes. When it was written decides its chunk, and not the record.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        let has_label = |label: &Label| record.finding().and_then(|finding| finding.label) == Some(*label);
        (self.items.is_empty() || self.items.contains(&record.item.key))
            && (self.labels.is_empty() || self.labels.iter().any(has_label))
            && (!self.failed || record.failure.is_some())
            && self.condition.as_ref().is_none_or(|condition| condition.matches(record, None))
    }

    /// Whether it lets every record of its time pass.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.items.is_empty() && self.labels.is_empty() && !self.failed && self.condition.is_none()
    }
}
