//! What an apply would change, without applying it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::apply::ApplyOptions;
use super::artifacts::{is_up_to_date, runtime_key, runtime_prefix};
use super::change_set::ChangeSets;
use super::diff::{Action, Changes, Listed, Replacement, Side, compare};
use super::error::DeployError;
use super::pending_sets::PendingSet;
use super::recover::check_never_completed;
use super::stack_state::{StackDescription, StackState};

/// What an apply would change in the stack.
#[derive(Clone, Debug, Serialize)]
pub struct Preview {
    /// The changes; nothing if there are none.
    pub changes: Option<Changes>,
    /// The name of the change set, if it was saved.
    pub change_set: Option<String>,
}

/// Creates a change set to see what an apply would change, and deletes it again unless it is to be saved.
///
/// # Errors
/// A stack whose state allows no plan, and all errors of creating a change set.
pub async fn preview(
    sets: &ChangeSets<'_>,
    found: Option<StackDescription>,
    options: &ApplyOptions<'_>,
    save: bool,
) -> Result<Preview, DeployError> {
    let stack = sets.stack();
    let state = found.as_ref().map_or(StackState::Absent, StackDescription::state);
    let status = found.as_ref().map(|found| found.status.clone()).unwrap_or_default();
    match state {
        StackState::Absent | StackState::Empty | StackState::Stable => {}
        StackState::DeleteFailed => {
            return Err(DeployError::DeleteFailed {
                stack: stack.name().to_owned(),
                reason: found.and_then(|found| found.reason),
                environment: stack.environment().to_owned(),
            });
        }
        StackState::CreateFailed if !save => {
            if let Some(found) = &found {
                check_never_completed(stack, found).await?;
            }
            sets.operations.operator.message(&format!(
                "stack `{}` is in {status}: its creation failed; apply deletes what is left and creates it again",
                stack.name()
            ));
            return Ok(Preview { changes: Some(everything_new(sets)?), change_set: None });
        }
        _ => {
            return Err(DeployError::NotPlannable {
                stack: stack.name().to_owned(),
                status,
                environment: stack.environment().to_owned(),
            });
        }
    }
    sets.delete_abandoned().await;
    let manifest = &sets.generated.manifest;
    if is_up_to_date(manifest, options.runtime, found.as_ref()) {
        return Ok(Preview { changes: None, change_set: None });
    }
    let key = runtime_key(manifest, options.runtime, found.as_ref());
    if save {
        if key.is_none() {
            return Err(DeployError::NoRuntime(options.no_runtime.clone()));
        }
        // The machine that applies a saved change set may have no runtime.
        sets.ensure_bucket().await?;
        if let Some(runtime) = options.runtime {
            runtime.upload(sets.bucket, sets.operations.operator).await?;
        }
    }
    let key =
        key.unwrap_or_else(|| format!("{}{}/not-built.zip", runtime_prefix(&manifest.stack), manifest.architecture));
    let name = sets.new_name(if save { "saved" } else { "plan" });
    let prepared = sets.create(&name, found.as_ref(), &key, options.express).await?;
    let Some(prepared) = prepared else { return Ok(Preview { changes: None, change_set: None }) };
    let changes = Some(prepared.changes.clone());
    if save {
        prepared.pending.into_iter().for_each(PendingSet::finish);
        return Ok(Preview { changes, change_set: Some(name) });
    }
    sets.discard(prepared).await?;
    Ok(Preview { changes, change_set: None })
}

/// All resources as additions, as if nothing were deployed.
fn everything_new(sets: &ChangeSets<'_>) -> Result<Changes, DeployError> {
    let manifest = &sets.generated.manifest;
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
    let after = Side { template: &sets.generated.template, parameters: &BTreeMap::new() };
    compare(None, after, &listed, manifest, sets.caller).map_err(|error| DeployError::Other(error.to_string()))
}
