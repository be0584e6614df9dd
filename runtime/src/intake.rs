//! What becomes of a message that cannot be dealt with: it is set aside with its reason, or comes again when it fits.

use std::time::Duration;

use crate::doors::{Doors, Post};
use crate::error::Error;
use crate::function::Intake;

/// The longest that a message is hidden before it comes again: a quarter of an hour, so that whatever was mended
/// meanwhile shows soon. SQS admits twelve hours.
const LONGEST: Duration = Duration::from_secs(900);

/// The way back to the queue that a message came from.
pub struct Back<'a> {
    /// The doors of the function.
    pub doors: &'a dyn Doors,
    /// Its queues.
    pub intake: &'a Intake,
}

impl Back<'_> {
    /// Puts a message that nobody can read into the dead-letter queue, with its reason, and says whether it is there. One
    /// that is too long to carry a reason is left to SQS, which moves it there as it is.
    ///
    /// # Errors
    /// What kept it from being put there: it is not lost, and comes again.
    pub async fn set_aside(&self, body: &str, reason: &Error) -> Result<bool, Error> {
        let Some(dead) = &self.intake.dead else { return Ok(false) };
        let post = Post {
            key: String::new(),
            subject: None,
            body: body.to_owned(),
            attributes: vec![("reason", reason.code.clone()), ("detail", reason.message.clone())],
        };
        match self.doors.outbox(dead)?.post(vec![post]).await {
            Err(error) if error.code == "message_too_long" => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// Lets a message come again after this time, and not before.
    ///
    /// # Errors
    /// What kept SQS from knowing: the queue's own visibility timeout then holds.
    pub async fn hand_back(&self, receipt: &str, wait: Duration) -> Result<(), Error> {
        match &self.intake.queue {
            Some(queue) if !receipt.is_empty() => self.doors.queue(queue)?.hide(receipt, wait.min(LONGEST)).await,
            _ => Ok(()),
        }
    }
}
