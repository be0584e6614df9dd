//! Makes an environment ready, once its items are written, and unready before it is deleted: only a ready environment has an
//! enabled schedule and protected tables.
//!
//! This is a change of one parameter of the deployed template, so that the stack itself says how far an interrupted apply
//! came, and the schedule never differs from its template.

use super::aws::cloudformation::{ChangeSetRequest, TemplateBody};
use super::change_set::ChangeSets;
use super::error::DeployError;
use super::lock::DeployLock;
use super::stack_state::StackDescription;
use crate::metadata::READY;

impl ChangeSets<'_> {
    /// Sets the time of the first run in a deployed stack, which enables its schedule; an empty time disables it. Gives the
    /// stack afterwards.
    ///
    /// # Errors
    /// What CloudFormation refuses, a failed operation, an interruption, failed calls; the same command continues.
    pub async fn set_ready(
        &self,
        found: &StackDescription,
        time: &str,
        lock: Option<&DeployLock>,
    ) -> Result<StackDescription, DeployError> {
        let (stack, operations) = (self.stack(), self.operations);
        let mut parameters = found.parameters.clone();
        parameters.insert(READY.to_owned(), time.to_owned());
        let name = self.new_name("ready");
        let request = ChangeSetRequest {
            name: &name,
            description: "fanggen: enables or disables the schedule, as `apply` and `destroy` do",
            body: TemplateBody::Previous,
            parameters: &parameters,
            tags: &stack.tags(),
            creates: false,
            express: false,
        };
        let pending = self.pending.add(&name)?;
        self.request(request, Some(found)).await?;
        let set = self.wait_until_created(&name).await;
        let set = match set {
            Ok(set) if set.is_ready() => set,
            other => {
                let refused = match other {
                    Ok(set) if set.is_empty() => None,
                    Ok(set) => Some(self.refusal(&set).await),
                    Err(error) => Some(error),
                };
                if self.delete(&name).await.is_ok() {
                    pending.finish();
                }
                return refused.map_or_else(|| Ok(found.clone()), Err);
            }
        };
        lock.map_or(Ok(()), DeployLock::check)?;
        let last = operations.last_event(&set.stack).await?;
        stack.client.execute_change_set(&set.name).await?;
        pending.finish();
        let what = if time.is_empty() { "disabling the schedule" } else { "enabling the schedule" };
        let result = operations.wait(what, set.listed.len(), &set.stack, last.as_deref()).await?;
        if !result.succeeded() {
            return Err(operations.failure(&result, &operations.retry_hint("")));
        }
        stack.require(self.caller).await
    }
}
