//! What becomes of a message that cannot be dealt with: it is set aside with its reason, or comes again when it fits.

use std::time::Duration;

use crate::component::services::{OutboundMessage, Services};
use crate::function::InputQueue;
use crate::model::error::{Error, ErrorCode};
use crate::model::retry::jitter;

/// The longest that a message is hidden before it comes again: a quarter of an hour, so that whatever was mended
/// meanwhile shows soon; longer only where upstream asks for it.
const LONGEST: Duration = Duration::from_secs(900);

/// The part of a function's timeout after which a message comes again for the first time; then it doubles. A timeout of
/// a minute makes 5 s of it, and nine receives last for up to twenty minutes: an outage that is longer than that is seen
/// in the results.
const FIRST: u32 = 12;

/// How long a message that was received so often is hidden before it comes again, in a function of this timeout: at least
/// as long as upstream asked for, and never for all messages alike.
#[must_use]
pub fn wait(asked: Option<Duration>, receives: u64, timeout: Duration) -> Duration {
    let doublings = u32::try_from(receives.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    let most = (timeout / FIRST).saturating_mul(1 << doublings).min(LONGEST);
    (most / 2 + jitter(most / 2)).max(asked.unwrap_or_default())
}

/// The way back to the queue that a message came from.
pub struct Redelivery<'a> {
    /// The doors of the function.
    pub services: &'a dyn Services,
    /// Its queues.
    pub intake: &'a InputQueue,
}

impl Redelivery<'_> {
    /// Puts a message that nobody can read into the dead-letter queue, with its reason, and says whether it is there. One
    /// that is too long to carry a reason is left to SQS, which moves it there as it is.
    ///
    /// # Errors
    /// What kept it from being put there: it is not lost, and comes again.
    pub async fn set_aside(&self, body: &str, reason: &Error) -> Result<bool, Error> {
        let Some(dead) = &self.intake.dead else { return Ok(false) };
        let post = OutboundMessage {
            key: String::new(),
            subject: None,
            body: body.to_owned(),
            attributes: vec![("reason", reason.code.to_string()), ("detail", reason.message.clone())],
        };
        match self.services.queue_publisher(dead)?.publish(vec![post]).await {
            Err(error) if error.code == ErrorCode::MessageTooLong => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// Lets a message come again after this time, and not before.
    ///
    /// # Errors
    /// What kept SQS from knowing: the queue's own visibility timeout then holds.
    pub async fn hand_back(&self, receipt: &str, wait: Duration) -> Result<(), Error> {
        match &self.intake.queue {
            Some(queue) if !receipt.is_empty() => self.services.queue(queue)?.hide(receipt, wait).await,
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_again_later_each_time_and_not_before_upstream_wants_it() {
        let minute = Duration::from_secs(60);
        for receives in 1..=12 {
            let most = Duration::from_secs(5 * (1 << (receives - 1))).min(LONGEST);
            for _ in 0..20 {
                let wait = wait(None, receives, minute);
                assert!(wait >= most / 2 && wait <= most, "{receives}: {wait:?}");
            }
        }
        assert_eq!(wait(Some(Duration::from_secs(90)), 1, minute), Duration::from_secs(90));
        assert_eq!(wait(Some(Duration::from_secs(9_000)), u64::MAX, minute), Duration::from_secs(9_000));
    }
}
