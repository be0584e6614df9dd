//! What can go wrong while a pipeline runs: transient (worth another try) or permanent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest that is waited because somebody asked for it, in seconds: SQS hides a message for no longer
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>).
const LONGEST_S: u64 = 12 * 3_600;

/// A failure with a stable code, the sentence for a person, and whether another try may help.
///
/// Codes are words (`page_missing`, `language_unsupported`), so that results can be counted by them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Stable code, in snake case.
    pub code: String,
    /// What happened, and where it helps, what to do next.
    pub message: String,
    /// Whether the same call may succeed later.
    #[serde(default, skip_serializing_if = "is_false")]
    pub transient: bool,
    /// What the other side asked to be waited for, in seconds (`Retry-After`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Error {
    /// A failure that another try would only repeat.
    pub fn permanent(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), transient: false, retry_after_s: None }
    }

    /// A failure that may pass.
    pub fn transient(code: &str, message: impl Into<String>) -> Self {
        Self { transient: true, ..Self::permanent(code, message) }
    }

    /// The same failure, to be tried again no sooner than this, or than half a day: nothing here waits for longer.
    #[must_use]
    pub fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after_s = wait.map(|wait| wait.as_secs().clamp(1, LONGEST_S));
        self
    }
}
