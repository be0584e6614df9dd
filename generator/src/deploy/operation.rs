//! Waits for an operation of CloudFormation, reports its events, and explains a failure.

use std::time::Duration;

use super::aws::call_error::CallError;
use super::environment_stack::EnvironmentStack;
use super::error::{DeployError, FailedOperation};
use super::events::{StackEvent, root_cause};
use super::interrupt::Interrupt;
use super::ui::{Operator, UserInterface};

/// Milliseconds between two polls at most. While events arrive they are as short as the client allows.
const LONGEST_MS: u64 = 3_000;
/// Polls in a row that may fail: CloudFormation continues without us, so a short network failure is no error.
const MAX_FAILURES: u32 = 5;
/// Polls without a new event after which the stack itself is described: an operation that ended before the first poll
/// sends no more events.
const QUIET_POLLS: u32 = 10;

/// How an operation ended.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationResult {
    /// The stack's final status.
    pub status: String,
    /// All its events, oldest first.
    pub events: Vec<StackEvent>,
}

impl OperationResult {
    /// Whether the operation succeeded.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status.ends_with("_COMPLETE") && !self.status.contains("ROLLBACK")
    }
}

/// The operations on the stack of an environment.
#[derive(Clone, Copy)]
pub struct Operations<'a> {
    /// The stack.
    pub stack: EnvironmentStack<'a>,
    /// Who is told about them.
    pub operator: Operator<'a>,
}

impl Operations<'_> {
    /// The id of the last event so far: a new operation starts after it.
    ///
    /// # Errors
    /// A failed call.
    pub async fn last_event(&self, id: &str) -> Result<Option<String>, DeployError> {
        Ok(self.stack.client.events(id, None).await?.pop().map(|event| event.id))
    }

    /// Waits for the operation that started after the event `since`, and shows its progress.
    ///
    /// # Errors
    /// An interruption, and a network failure that lasts.
    pub async fn wait(
        &self,
        what: &str,
        resources: usize,
        id: &str,
        since: Option<&str>,
    ) -> Result<OperationResult, DeployError> {
        self.operator.ui.start_progress(what, resources);
        let result = poll(self.stack, id, since, &**self.operator.ui, self.operator.interrupt).await;
        self.operator.ui.finish_progress();
        result
    }

    /// Waits without progress bars, and without stopping at an interruption.
    ///
    /// # Errors
    /// A network failure that lasts.
    pub async fn wait_uninterrupted(&self, id: &str, since: Option<&str>) -> Result<OperationResult, DeployError> {
        poll(self.stack, id, since, &**self.operator.ui, &Interrupt::default()).await
    }

    /// The error for a failed operation, with its root cause and the path in the pipeline's file behind it.
    #[must_use]
    pub fn failure(&self, result: &OperationResult, next: &str) -> DeployError {
        let cause = root_cause(&result.events).cloned();
        let resources = &self.stack.manifest.resources;
        let path =
            cause.as_ref().and_then(|event| resources.get(&event.resource)).map(|resource| resource.path.clone());
        DeployError::Failed(Box::new(FailedOperation {
            stack: self.stack.name().to_owned(),
            status: result.status.clone(),
            cause,
            asked: None,
            path,
            next: next.to_owned(),
        }))
    }

    /// The next command after a failed apply; `before` comes first.
    #[must_use]
    pub fn retry_hint(&self, before: &str) -> String {
        format!("{before}fix the cause, then run `fanggen apply --env {}` again", self.stack.environment())
    }
}

/// Polls for the events after `since`, or of the current operation, until the stack is at rest.
async fn poll(
    stack: EnvironmentStack<'_>,
    id: &str,
    since: Option<&str>,
    ui: &dyn UserInterface,
    interrupt: &Interrupt,
) -> Result<OperationResult, DeployError> {
    let mut events: Vec<StackEvent> = Vec::new();
    let mut last = since.map(str::to_owned);
    let shortest = stack.client.shortest_poll;
    let mut pause = shortest;
    let mut failures = 0;
    let mut quiet = 0;
    loop {
        match stack.client.events(id, last.as_deref()).await {
            Ok(new) => {
                failures = 0;
                quiet = if new.is_empty() { quiet + 1 } else { 0 };
                pause = if new.is_empty() { (pause * 3 / 2).min(Duration::from_millis(LONGEST_MS)) } else { shortest };
                for event in new {
                    ui.stack_event(&event);
                    last = Some(event.id.clone());
                    events.push(event);
                }
            }
            Err(error @ (CallError::Unreachable { .. } | CallError::Refused { .. })) if failures < MAX_FAILURES => {
                failures += 1;
                pause = Duration::from_millis(LONGEST_MS);
                ui.message(&format!("{error}; trying again"));
            }
            Err(error) => return Err(error.into()),
        }
        if let Some(end) = events.iter().rev().find(|event| event.ends_operation()) {
            return Ok(OperationResult { status: end.status.clone(), events });
        }
        if quiet >= QUIET_POLLS {
            quiet = 0;
            // If this call fails, the next polls fail too and report it.
            if let Ok(now) = stack.client.describe(Some(id)).await {
                let status = now.map_or_else(|| "DELETE_COMPLETE".to_owned(), |now| now.status);
                if !status.ends_with("_IN_PROGRESS") {
                    return Ok(OperationResult { status, events });
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = interrupt.wait() => return Err(DeployError::WaitInterrupted(stack.name().to_owned())),
        }
    }
}
