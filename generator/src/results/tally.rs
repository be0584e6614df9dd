//! Counts of records: by label, and by the reason of their failure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use fanggen_runtime::model::error::ErrorCode;
use fanggen_runtime::model::record::{Label, Record};

/// Failures of one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureTally {
    /// The stage or sink.
    pub at: String,
    /// The code.
    pub code: ErrorCode,
    /// How many records.
    pub records: u64,
    /// The message of the first one.
    pub message: String,
    /// The item of the first one.
    pub item: String,
}

/// The counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many records.
    pub records: u64,
    /// How many of each label.
    pub labels: BTreeMap<Label, u64>,
    runs: BTreeSet<String>,
    failures: BTreeMap<(String, &'static str), FailureTally>,
}

impl Tally {
    /// Counts a record.
    pub fn add(&mut self, record: &Record) {
        self.records += 1;
        if !self.runs.contains(&record.run) {
            self.runs.insert(record.run.clone());
        }
        if let Some(failure) = &record.failure {
            let code = failure.error.code;
            let tally = self.failures.entry((failure.stage.clone(), code.as_str())).or_insert_with(|| FailureTally {
                at: failure.stage.clone(),
                code,
                records: 0,
                message: failure.error.message.clone(),
                item: record.item.key.clone(),
            });
            tally.records += 1;
        } else if let Some(label) = record.finding().and_then(|finding| finding.label) {
            *self.labels.entry(label).or_default() += 1;
        }
    }

    /// The failures, the most frequent first.
    #[must_use]
    pub fn failures(&self) -> Vec<&FailureTally> {
        let mut all: Vec<_> = self.failures.values().collect();
        all.sort_by_key(|failure| std::cmp::Reverse(failure.records));
        all
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: u64, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        write!(f, "{} of {}", plural(self.records, "record"), plural(self.runs.len() as u64, "run"))?;
        let mut parts: Vec<String> = Vec::new();
        let mut labels: Vec<_> = self.labels.iter().collect();
        labels.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        parts.extend(labels.into_iter().map(|(label, count)| format!("{count} {}", label.as_str())));
        let failed: u64 = self.failures.values().map(|failure| failure.records).sum();
        if failed > 0 {
            parts.push(format!("{failed} failed"));
        }
        if !parts.is_empty() {
            write!(f, ": {}", parts.join(", "))?;
        }
        for failure in self.failures() {
            write!(
                f,
                "\n  {} {} at {}, such as {}: {}",
                failure.records, failure.code, failure.at, failure.item, failure.message
            )?;
        }
        Ok(())
    }
}
