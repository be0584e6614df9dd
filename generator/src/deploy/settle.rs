//! Bringing a stack to rest: what is at work is followed, what never was is cleaned up, what is stuck goes on.

use super::deployment::Deployment;
use super::error::DeployError;
use super::stack_state::{Described, Standing};

impl Deployment<'_> {
    /// Brings the stack to a state from which it can be changed: follows what is at work, cleans up what never was,
    /// goes on with a rollback that is stuck.
    ///
    /// # Errors
    /// States that want a person, and all that can happen on the way.
    pub async fn settle(&self, mut found: Option<Described>) -> Result<Option<Described>, DeployError> {
        loop {
            let Some(stack) = found else { return Ok(None) };
            match stack.standing() {
                Standing::Absent => return Ok(None),
                Standing::Settled | Standing::Shell => return Ok(Some(stack)),
                Standing::Moving | Standing::Going => {
                    self.audience.say(&format!("stack `{}` is in {}: following it", self.stack.name, stack.status));
                    let ended = self.watch("what is at work already", 0, &stack.id, None).await?;
                    self.audience.say(&format!("stack `{}` is in {}", self.stack.name, ended.status));
                }
                Standing::NeverMade => self.clean_up(&stack).await?,
                Standing::RollbackStuck => {
                    let reason =
                        stack.reason.as_ref().map(|reason| format!(" ({})", reason.trim())).unwrap_or_default();
                    let question = format!("A rollback of stack `{}` failed{reason}. Continue it?", self.stack.name);
                    self.agree(&question).await.map_err(|error| match error {
                        DeployError::NobodyToAsk => DeployError::RollbackStuck {
                            stack: self.stack.name.clone(),
                            reason,
                            environment: self.environment().to_owned(),
                        },
                        other => other,
                    })?;
                    self.holds_lock()?;
                    let mark = self.mark(&stack.id).await?;
                    self.stack.continue_rollback().await?;
                    let ended = self.watch("continuing the rollback", 0, &stack.id, mark.as_deref()).await?;
                    if Standing::of(&ended.status) == Standing::RollbackStuck {
                        return Err(self.failed(&ended, &self.again("")));
                    }
                }
                Standing::DeletionStuck => {
                    return Err(DeployError::DeletionStuck {
                        stack: self.stack.name.clone(),
                        reason: stack.reason,
                        environment: self.environment().to_owned(),
                    });
                }
            }
            found = self.find().await?;
        }
    }

    /// Makes sure that a stack only ever was a failed creation.
    ///
    /// # Errors
    /// A stack that was whole once, and failed calls.
    pub async fn never_was_whole(&self, stack: &Described) -> Result<(), DeployError> {
        if !self.stack.was_whole(&stack.id).await? {
            return Ok(());
        }
        Err(DeployError::WasWhole {
            stack: self.stack.name.clone(),
            status: stack.status.clone(),
            environment: self.environment().to_owned(),
        })
    }

    /// Removes a stack whose first creation failed.
    ///
    /// # Errors
    /// A stack that was whole once, and all that can happen on the way.
    pub async fn clean_up(&self, stack: &Described) -> Result<(), DeployError> {
        self.never_was_whole(stack).await?;
        self.audience.say(&format!(
            "stack `{}` is in {}: its first creation failed, so it is cleaned up",
            self.stack.name, stack.status
        ));
        let mark = self.mark(&stack.id).await?;
        self.stack.delete(&stack.id).await?;
        let ended = self.watch("cleaning up", 0, &stack.id, mark.as_deref()).await?;
        if ended.well() {
            return Ok(());
        }
        Err(self.failed(&ended, &format!("mend the cause, then run `fanggen destroy --env {}`", self.environment())))
    }
}
