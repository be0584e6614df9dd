//! A failure while a pipeline runs: transient (another attempt may succeed) or permanent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use super::error_code::{ErrorCode, ErrorScope};

/// The longest wait that is granted to a server, in seconds: the maximum visibility timeout of SQS
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>).
const LONGEST_S: u64 = 12 * 3_600;

/// A failure with a stable code, a message for people, and whether another attempt may help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// By which results can be counted and filtered.
    pub code: ErrorCode,
    /// What happened, and where it helps, what to do next.
    pub message: String,
    /// Whether the same call may succeed later.
    #[serde(default, skip_serializing_if = "is_false")]
    pub transient: bool,
    /// How long the server asked to wait before the next attempt, in seconds (`Retry-After`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Error {
    /// A failure that another attempt would only repeat.
    pub fn permanent(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), transient: false, retry_after_s: None }
    }

    /// A failure that another attempt may not meet.
    pub fn transient(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { transient: true, ..Self::permanent(code, message) }
    }

    /// `item_twice`: another item of the source has the same key.
    #[must_use]
    pub fn item_twice(key: &str) -> Self {
        let message = format!("`{key}` is in the source more than once; only the first one is processed");
        Self::permanent(ErrorCode::ItemTwice, message)
    }

    /// `source_changed`: a file of items is not what it was when the run began to read it.
    #[must_use]
    pub fn source_changed(path: &str) -> Self {
        let message = format!(
            "`{path}` was changed during the run: this run stays incomplete, and the next one reads it from the beginning"
        );
        Self::permanent(ErrorCode::SourceChanged, message)
    }

    /// The same failure, with the time to wait before the next attempt, which is limited to half a day.
    #[must_use]
    pub fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after_s = wait.map(|wait| wait.as_secs().clamp(1, LONGEST_S));
        self
    }
}
