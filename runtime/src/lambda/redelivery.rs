//! Failed messages: they are delivered again after a backoff, or moved to the dead-letter queue with the reason.

use std::time::Duration;

use crate::component::services::{OutboundMessage, Services};
use crate::function::InputQueue;
use crate::model::error::{Error, ErrorCode};
use crate::model::retry::jitter;

/// The maximum backoff: short enough that messages resume soon after a problem is fixed. A longer `Retry-After` is
/// respected.
const MAX_BACKOFF: Duration = Duration::from_secs(900);

/// The first backoff is at most the function's timeout divided by this; each further one at most twice the one before. A
/// timeout of one minute gives a first backoff of up to 5 s, and nine receives span up to 20 minutes. A longer outage shows
/// in the results.
const FIRST_BACKOFF_DIVISOR: u32 = 12;

/// SQS hides a message for at most 12 hours in all since it was received, whatever was asked for in between
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>).
const MAX_VISIBILITY: Duration = Duration::from_secs(12 * 3_600);

/// The longest time from receiving a message to invoking the function: Lambda receives it, gathers a batch and may retry the
/// invocation.
const RECEIVE_MARGIN: Duration = Duration::from_secs(300);

/// How long to hide a message that was received this many times, in a function with this timeout, `elapsed` after the
/// invocation began. The wait is random, so that messages do not return all at once, and at least `retry_after`, as far as
/// SQS allows.
#[must_use]
pub fn backoff(retry_after: Option<Duration>, receives: u64, timeout: Duration, elapsed: Duration) -> Duration {
    let doublings = u32::try_from(receives.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    let max = (timeout / FIRST_BACKOFF_DIVISOR).saturating_mul(1 << doublings).min(MAX_BACKOFF);
    let wait = (max / 2 + jitter(max / 2)).max(retry_after.unwrap_or_default());
    wait.min(MAX_VISIBILITY.saturating_sub(elapsed + RECEIVE_MARGIN))
}

/// Returns failed messages to the input queue of a function, or moves them to its dead-letter queue.
pub struct Redelivery<'a> {
    /// The services of the function.
    pub services: &'a dyn Services,
    /// Its input queue.
    pub input: &'a InputQueue,
}

impl Redelivery<'_> {
    /// Sends a message to the dead-letter queue, with the reason as attributes. Returns whether it was sent: if it is too
    /// long for the attributes, SQS moves it without them after the last receive.
    ///
    /// # Errors
    /// Why it could not be sent. It is not lost: it stays in the input queue.
    pub async fn send_to_dead_letter_queue(&self, body: &str, reason: &Error) -> Result<bool, Error> {
        let Some(queue) = &self.input.dead_letter_queue else { return Ok(false) };
        let message = OutboundMessage {
            key: String::new(),
            subject: None,
            body: body.to_owned(),
            attributes: vec![("reason", reason.code.to_string()), ("detail", reason.message.clone())],
        };
        match self.services.queue_publisher(queue)?.publish(vec![message]).await {
            Err(error) if error.code == ErrorCode::MessageTooLong => Ok(false),
            result => result.map(|()| true),
        }
    }

    /// Hides a message for this long; then SQS delivers it again.
    ///
    /// # Errors
    /// Why it could not be hidden. The visibility timeout of the queue then applies.
    pub async fn delay(&self, receipt: &str, wait: Duration) -> Result<(), Error> {
        match &self.input.queue {
            Some(queue) if !receipt.is_empty() => self.services.queue(queue)?.hide(receipt, wait).await,
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_doubles_and_respects_retry_after() {
        let minute = Duration::from_secs(60);
        for receives in 1..=12 {
            let max = Duration::from_secs(5 * (1 << (receives - 1))).min(MAX_BACKOFF);
            for _ in 0..20 {
                let wait = backoff(None, receives, minute, Duration::ZERO);
                assert!(wait >= max / 2 && wait <= max, "{receives}: {wait:?}");
            }
        }
        let asked = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(backoff(asked(90), 1, minute, minute), Duration::from_secs(90));
        assert_eq!(backoff(asked(9_000), u64::MAX, minute, minute), Duration::from_secs(9_000));
        // Half a day is more than is left.
        for elapsed in [0, 30, 899] {
            let wait = backoff(asked(12 * 3_600), 1, minute, Duration::from_secs(elapsed)).as_secs();
            assert_eq!(wait + elapsed + 300, 12 * 3_600);
        }
    }
}
