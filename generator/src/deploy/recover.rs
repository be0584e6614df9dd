//! Brings a stack into a state that can be changed: waits for a running operation, cleans up a failed creation, rolls a
//! failed update back.

use super::environment_stack::EnvironmentStack;
use super::error::DeployError;
use super::lock::DeployLock;
use super::operation::Operations;
use super::stack_state::{StackDescription, StackState};

/// Recovers the stack of an environment, under the lock.
#[derive(Clone, Copy)]
pub struct Recovery<'a> {
    /// Operations on the stack.
    pub operations: Operations<'a>,
    /// The lock.
    pub lock: &'a DeployLock,
}

impl Recovery<'_> {
    /// Brings the stack into a state that can be changed, and describes it; nothing if there is no stack.
    ///
    /// # Errors
    /// States that the user has to resolve, an interruption, failed calls.
    pub async fn recover(&self, mut found: Option<StackDescription>) -> Result<Option<StackDescription>, DeployError> {
        let Operations { stack, operator } = self.operations;
        loop {
            let Some(current) = found else { return Ok(None) };
            match current.state() {
                StackState::Absent => return Ok(None),
                StackState::Stable | StackState::Empty => return Ok(Some(current)),
                StackState::InProgress | StackState::Deleting => {
                    operator.message(&format!("stack `{}` is in {}: waiting", stack.name(), current.status));
                    let result =
                        self.operations.wait("waiting for the running operation", 0, &current.id, None).await?;
                    operator.message(&format!("stack `{}` is in {}", stack.name(), result.status));
                }
                StackState::CreateFailed => self.clean_up(&current).await?,
                StackState::RollbackFailed | StackState::UpdateFailed => self.roll_back(&current).await?,
                StackState::DeleteFailed => {
                    return Err(DeployError::DeleteFailed {
                        stack: stack.name().to_owned(),
                        reason: current.reason,
                        environment: stack.environment().to_owned(),
                    });
                }
            }
            found = stack.find().await?;
        }
    }

    /// Continues a failed rollback, or rolls a failed update back.
    async fn roll_back(&self, current: &StackDescription) -> Result<(), DeployError> {
        let Operations { stack, operator } = self.operations;
        let continues = current.state() == StackState::RollbackFailed;
        let reason = current.reason.as_ref().map(|reason| format!(" ({})", reason.trim())).unwrap_or_default();
        let question = if continues {
            format!("The rollback of stack `{}` failed{reason}. Continue it?", stack.name())
        } else {
            format!("An update of stack `{}` failed{reason} and was not rolled back. Roll it back?", stack.name())
        };
        operator.confirm(&question).await.map_err(|error| match error {
            DeployError::NoTerminal if continues => DeployError::RollbackFailed {
                stack: stack.name().to_owned(),
                reason,
                environment: stack.environment().to_owned(),
            },
            DeployError::NoTerminal => DeployError::UpdateFailed {
                stack: stack.name().to_owned(),
                reason,
                environment: stack.environment().to_owned(),
            },
            other => other,
        })?;
        self.lock.check()?;
        let last = self.operations.last_event(&current.id).await?;
        let what = if continues {
            stack.client.continue_rollback().await?;
            "continuing the rollback"
        } else {
            stack.client.roll_back().await?;
            "rolling the failed update back"
        };
        let result = self.operations.wait(what, 0, &current.id, last.as_deref()).await?;
        match StackState::of(&result.status) {
            StackState::RollbackFailed => Err(self.operations.failure(&result, &self.operations.retry_hint(""))),
            _ => Ok(()),
        }
    }

    /// Deletes a stack whose creation failed.
    ///
    /// # Errors
    /// A stack that was complete once, an interruption, failed calls.
    pub async fn clean_up(&self, current: &StackDescription) -> Result<(), DeployError> {
        let Operations { stack, operator } = self.operations;
        check_never_completed(stack, current).await?;
        operator.message(&format!(
            "stack `{}` is in {}: its creation failed, deleting what is left",
            stack.name(),
            current.status
        ));
        let last = self.operations.last_event(&current.id).await?;
        stack.client.delete(&current.id).await?;
        let result = self.operations.wait("cleaning up", 0, &current.id, last.as_deref()).await?;
        if result.succeeded() {
            return Ok(());
        }
        let next = format!("fix the cause, then run `fanggen destroy --env {}`", stack.environment());
        Err(self.operations.failure(&result, &next))
    }
}

/// Makes sure that a stack in a failed creation was never complete, so that deleting it loses nothing.
///
/// # Errors
/// A stack that was complete once, and failed calls.
pub async fn check_never_completed(stack: EnvironmentStack<'_>, current: &StackDescription) -> Result<(), DeployError> {
    if !stack.client.was_complete(&current.id).await? {
        return Ok(());
    }
    Err(DeployError::WasComplete {
        stack: stack.name().to_owned(),
        status: current.status.clone(),
        environment: stack.environment().to_owned(),
    })
}
