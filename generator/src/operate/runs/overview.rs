//! What is known of a run, wherever it took place.

use std::collections::BTreeMap;
use std::fmt;

use fanggen_runtime::model::error::ErrorCode;
use fanggen_runtime::model::record::Label;
use fanggen_runtime::model::run::RunId;
use jiff::Timestamp;
use serde::Serialize;

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// All its chunks are done.
    Complete,
    /// It is at work.
    Running,
    /// Its process was killed, or its producer stopped, before all chunks were sent.
    Interrupted,
    /// All chunks were sent, some are not done, and nothing has been done for a while.
    Stalled,
    /// It ended because a source could not be read.
    Failed,
    /// It was interrupted, and does not go on.
    Abandoned,
}

impl RunState {
    /// The state as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Stalled => "stalled",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether somebody should look at it.
    #[must_use]
    pub const fn is_trouble(self) -> bool {
        matches!(self, Self::Interrupted | Self::Stalled | Self::Failed | Self::Abandoned)
    }
}

/// Failures of records with one code at one place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunFailures {
    /// The source, stage or sink.
    pub at: String,
    /// The code.
    pub code: ErrorCode,
    /// How many.
    pub count: u64,
    /// The message of the first one, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The item of the first one, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunOverview {
    /// The run: its scheduled time.
    pub run: RunId,
    /// How it stands.
    pub state: RunState,
    /// When something was last done in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity: Option<Timestamp>,
    /// Number of its items, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
    /// Number of its chunks, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunks: Option<u64>,
    /// How many of them are done.
    pub chunks_done: u64,
    /// Records without a failure.
    pub succeeded: u64,
    /// Records with a failure.
    pub failed: u64,
    /// Findings taken from the cache, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reused: Option<u64>,
    /// Records with each label, where it is known.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Label, u64>,
    /// The kinds of failures, the most frequent first.
    pub failures: Vec<RunFailures>,
    /// How many records each stage dropped.
    pub dropped: BTreeMap<String, u64>,
    /// Why the run did not come to its end, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl RunOverview {
    /// Seconds from the scheduled time until something was last done.
    #[must_use]
    pub fn took_s(&self) -> Option<i64> {
        let seconds = self.last_activity?.duration_since(self.run.time().ok()?).as_secs();
        (seconds >= 0).then_some(seconds)
    }

    /// Whether something failed in it, or it is not as it should be.
    #[must_use]
    pub fn has_trouble(&self) -> bool {
        self.failed > 0 || !self.failures.is_empty() || self.state.is_trouble()
    }

    /// Number of dropped records.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// The state, with the chunks where some are missing.
    #[must_use]
    pub fn progress(&self) -> String {
        match (self.state, self.chunks) {
            (RunState::Running | RunState::Stalled, Some(all)) => {
                format!("{}, {} of {all} chunks", self.state.as_str(), self.chunks_done)
            }
            (RunState::Running | RunState::Interrupted, None) if self.chunks_done > 0 => {
                format!("{} after {} chunks", self.state.as_str(), self.chunks_done)
            }
            _ => self.state.as_str().to_owned(),
        }
    }
}

/// The reasons of failures in one line: `3 text_missing at summary, 1 page_missing at summary`.
pub struct FailureReasons<'a>(pub &'a [RunFailures]);

impl fmt::Display for FailureReasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, failures) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{} {} at {}", failures.count, failures.code, failures.at)?;
        }
        Ok(())
    }
}

/// A span of seconds, for people: `7 s`, `2 min 5 s`, `3 h 20 min`.
#[must_use]
pub fn duration(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 if seconds % 60 == 0 => format!("{} min", seconds / 60),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let seconds = [0, 59, 60, 125, 3_600, 12_000, 86_400, 100_000];
        let shown = ["0 s", "59 s", "1 min", "2 min 5 s", "1 h 0 min", "3 h 20 min", "1 d 0 h", "1 d 3 h"];
        assert_eq!(seconds.map(duration), shown);
    }
}
