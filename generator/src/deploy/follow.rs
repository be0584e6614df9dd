//! Follows an operation of CloudFormation until the stack is at rest.

use std::time::Duration;

use super::audience::{Audience, Interrupt};
use super::aws::call::CallError;
use super::aws::stack::Stack;
use super::error::DeployError;
use super::events::Event;

/// Milliseconds between two looks: short while things happen, longer while nothing does.
const SHORTEST_MS: u64 = 100;
const LONGEST_MS: u64 = 3_000;
/// Looks in a row that may fail: CloudFormation goes on without us, so a bad minute of the network is no failure.
const PATIENCE: u32 = 5;
/// Looks without anything new after which the stack itself is asked whether it is at rest: what ended before this was
/// begun to be followed makes no event any more.
const QUIET: u32 = 10;

/// How an operation ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The stack's last status.
    pub status: String,
    /// All its events, oldest first.
    pub events: Vec<Event>,
}

impl Ended {
    /// Whether it did what it was asked to.
    #[must_use]
    pub fn well(&self) -> bool {
        self.status.ends_with("_COMPLETE") && !self.status.contains("ROLLBACK")
    }
}

/// Follows the operation that began after the event `since`, or the current one, and tells of each event once.
///
/// # Errors
/// An interruption, and a network that stays away.
pub async fn follow(
    stack: &Stack,
    id: &str,
    since: Option<&str>,
    audience: &dyn Audience,
    interrupt: &Interrupt,
) -> Result<Ended, DeployError> {
    let mut events: Vec<Event> = Vec::new();
    let mut last = since.map(str::to_owned);
    let mut pause = SHORTEST_MS;
    let mut failures = 0;
    let mut quiet = 0;
    loop {
        match stack.events(id, last.as_deref()).await {
            Ok(new) => {
                failures = 0;
                quiet = if new.is_empty() { quiet + 1 } else { 0 };
                pause = if new.is_empty() { (pause * 3 / 2).min(LONGEST_MS) } else { SHORTEST_MS };
                for event in new {
                    audience.event(&event);
                    last = Some(event.id.clone());
                    events.push(event);
                }
            }
            Err(error @ (CallError::Unreachable { .. } | CallError::Refused { .. })) if failures < PATIENCE => {
                failures += 1;
                pause = LONGEST_MS;
                audience.say(&format!("{error}; trying again"));
            }
            Err(error) => return Err(error.into()),
        }
        if let Some(end) = events.iter().rev().find(|event| event.ends()) {
            return Ok(Ended { status: end.status.clone(), events });
        }
        if quiet >= QUIET {
            quiet = 0;
            // Where this fails, the looks at the events say so soon enough.
            if let Ok(now) = stack.describe(Some(id)).await {
                let status = now.map_or_else(|| "DELETE_COMPLETE".to_owned(), |now| now.status);
                if !status.ends_with("_IN_PROGRESS") {
                    return Ok(Ended { status, events });
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(pause)) => {}
            () = interrupt.wait() => return Err(DeployError::Left(stack.name.clone())),
        }
    }
}
