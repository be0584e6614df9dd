//! What an apply would do, without doing it.

use serde::Serialize;

use super::apply::Order;
use super::deployment::{Deployment, SETS};
use super::diff::{Action, Changes, Listed, Replacement, Side, compare};
use super::error::DeployError;
use super::pending_sets::Mark;
use super::stack_state::{Described, Standing};

/// Minutes after which a change set that was not saved is left over from an interruption.
const LEFT_OVER_MIN: i64 = 10;

/// What would change.
#[derive(Clone, Debug, Serialize)]
pub struct Look {
    /// What would change in the stack; nothing if nothing would.
    pub changes: Option<Changes>,
    /// The change set, where it was saved.
    pub change_set: Option<String>,
}

impl Deployment<'_> {
    /// Asks CloudFormation what an apply would change. What was made for the question is removed again, unless it is
    /// to be saved.
    ///
    /// # Errors
    /// A stack that cannot be planned on as it stands, and all that can happen on the way.
    pub async fn look(&self, found: Option<Described>, order: &Order<'_>, save: bool) -> Result<Look, DeployError> {
        let standing = found.as_ref().map_or(Standing::Absent, Described::standing);
        let status = found.as_ref().map(|found| found.status.clone()).unwrap_or_default();
        match standing {
            Standing::Absent | Standing::Shell | Standing::Settled => {}
            Standing::DeletionStuck => {
                return Err(DeployError::DeletionStuck {
                    stack: self.stack.name.clone(),
                    reason: found.and_then(|found| found.reason),
                    environment: self.environment().to_owned(),
                });
            }
            Standing::NeverMade if !save => {
                if let Some(found) = &found {
                    self.never_was_whole(found).await?;
                }
                self.audience.say(&format!(
                    "stack `{}` is in {status}: its first creation failed; apply cleans up, and makes it anew",
                    self.stack.name
                ));
                return Ok(Look { changes: Some(self.all_new()?), change_set: None });
            }
            _ => {
                return Err(DeployError::NotNow {
                    stack: self.stack.name.clone(),
                    status,
                    environment: self.environment().to_owned(),
                });
            }
        }
        self.remove_left_sets().await?;
        if self.carried(found.as_ref(), order.runtime) {
            return Ok(Look { changes: None, change_set: None });
        }
        let key = self.runtime_key(order.runtime, found.as_ref());
        if save {
            if key.is_none() {
                return Err(DeployError::NoRuntime(order.no_runtime.clone()));
            }
            // Whoever carries it out may have no runtime at hand.
            self.ensure_bucket().await?;
            if let Some(runtime) = order.runtime {
                self.upload(runtime).await?;
            }
        }
        let key = key.unwrap_or_else(|| format!("runtime/{}/not-built.zip", self.generated.manifest.architecture));
        let name = self.set_name(if save { "saved" } else { "plan" });
        let proposal = self.propose(&name, found.as_ref(), &key, order.express).await?;
        let Some(proposal) = proposal else { return Ok(Look { changes: None, change_set: None }) };
        let changes = Some(proposal.changes.clone());
        if save {
            proposal.mark.into_iter().for_each(Mark::erase);
            return Ok(Look { changes, change_set: Some(name) });
        }
        self.give_up(proposal).await?;
        Ok(Look { changes, change_set: None })
    }

    /// Everything, as if nothing were there.
    fn all_new(&self) -> Result<Changes, DeployError> {
        let manifest = &self.generated.manifest;
        let listed: Vec<Listed> = manifest
            .resources
            .iter()
            .map(|(id, resource)| Listed {
                id: id.clone(),
                kind: resource.kind.clone(),
                action: Action::Add,
                replacement: Replacement::No,
                physical: None,
                scope: Vec::new(),
            })
            .collect();
        let after = Side { template: &self.generated.template, parameters: &std::collections::BTreeMap::new() };
        compare(None, after, &listed, manifest, self.caller).map_err(|error| DeployError::Other(error.to_string()))
    }

    /// Removes change sets that an interruption left behind.
    pub(super) async fn sweep(&self) -> Result<Vec<String>, DeployError> {
        let oldest = jiff::Timestamp::now().as_millisecond() - LEFT_OVER_MIN * 60_000;
        let mut kept = Vec::new();
        for name in self.stack.change_sets().await? {
            let unsaved = name.starts_with(SETS) && !name.starts_with(&format!("{SETS}saved-"));
            let at = name.rsplit('-').next().and_then(|digits| i64::from_str_radix(digits, 16).ok());
            if unsaved && at.is_some_and(|at| at < oldest) {
                self.stack.forget(&name).await?;
            } else {
                kept.push(name);
            }
        }
        Ok(kept)
    }
}
