//! A stack as CloudFormation describes it, and what can be done with it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::metadata::READY;

/// The tag that names the pipeline of a stack; the stack and its resources have it.
pub const PIPELINE_TAG: &str = "fanggen:pipeline";
/// The tag that names the environment.
pub const ENVIRONMENT_TAG: &str = "fanggen:environment";

/// The output with the hash of what was rendered, which shows whether a stack is up to date.
pub const RENDER_SHA: &str = "RenderSha";
/// The parameter that names the key of the runtime.
pub const ARTIFACT_KEY: &str = "ArtifactKey";
/// The parameter that names the artifact bucket.
pub const ARTIFACT_BUCKET: &str = "ArtifactBucket";

/// The current time in RFC 3339, to the second.
#[must_use]
pub fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A stack as CloudFormation describes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StackDescription {
    /// The stack's ARN, which finds it even after its deletion.
    pub id: String,
    /// CloudFormation's status.
    pub status: String,
    /// The reason of the status, if there is one.
    pub reason: Option<String>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// When it was last updated.
    pub updated: Option<Timestamp>,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it is protected from deletion.
    pub protected: bool,
}

/// What can be done with a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum StackState {
    /// It does not exist.
    #[serde(rename = "absent")]
    Absent,
    /// It has a change set but no resources yet.
    #[serde(rename = "shell")]
    Empty,
    /// It can be changed and deleted.
    #[serde(rename = "settled")]
    Stable,
    /// Its creation failed: it can only be deleted.
    #[serde(rename = "never_made")]
    CreateFailed,
    /// An operation is running.
    #[serde(rename = "moving")]
    InProgress,
    /// It is being deleted.
    #[serde(rename = "going")]
    Deleting,
    /// An update failed and was not rolled back, which only other tools ask for.
    #[serde(rename = "update_failed")]
    UpdateFailed,
    /// A rollback failed and has to be continued.
    #[serde(rename = "rollback_stuck")]
    RollbackFailed,
    /// Its deletion failed.
    #[serde(rename = "deletion_stuck")]
    DeleteFailed,
}

impl StackState {
    /// The state behind a status. A status that is not known here is judged by its ending.
    #[must_use]
    pub fn of(status: &str) -> Self {
        match status {
            "DELETE_COMPLETE" => Self::Absent,
            "REVIEW_IN_PROGRESS" => Self::Empty,
            "DELETE_IN_PROGRESS" => Self::Deleting,
            "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" => Self::CreateFailed,
            "UPDATE_FAILED" => Self::UpdateFailed,
            "UPDATE_ROLLBACK_FAILED" => Self::RollbackFailed,
            "DELETE_FAILED" => Self::DeleteFailed,
            other if other.ends_with("_IN_PROGRESS") => Self::InProgress,
            _ => Self::Stable,
        }
    }
}

impl StackDescription {
    /// What can be done with it.
    #[must_use]
    pub fn state(&self) -> StackState {
        StackState::of(&self.status)
    }

    /// The outputs that name a resource: all but the hash of what was rendered.
    pub fn named(&self) -> impl Iterator<Item = (&String, &String)> {
        self.outputs.iter().filter(|(key, _)| *key != RENDER_SHA)
    }

    /// Whether its items are written, and its schedule is enabled if the file enables it. A stack of an older fanggen, which
    /// has no such parameter, was ready from the beginning.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.parameters.get(READY).is_none_or(|time| !time.is_empty())
    }

    /// The parameter of a changed template: an update neither enables the schedule nor disables it.
    #[must_use]
    pub fn ready_time(&self) -> String {
        self.parameters.get(READY).cloned().unwrap_or_else(now)
    }

    /// Whether it is the stack of this pipeline and environment.
    #[must_use]
    pub fn is_of(&self, pipeline: &str, environment: &str) -> bool {
        let tag = |name: &str| self.tags.get(name).map(String::as_str);
        tag(PIPELINE_TAG) == Some(pipeline) && tag(ENVIRONMENT_TAG) == Some(environment)
    }

    /// Whether it is what was rendered, with this runtime.
    #[must_use]
    pub fn is_up_to_date(&self, render_sha: &str, runtime: Option<&str>) -> bool {
        let same = |have: Option<&String>, want: &str| have.is_some_and(|have| have == want);
        matches!(
            self.status.as_str(),
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" | "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        ) && same(self.outputs.get(RENDER_SHA), render_sha)
            && runtime.is_none_or(|key| same(self.parameters.get(ARTIFACT_KEY), key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every status of CloudFormation's `StackStatus`.
    #[test]
    fn every_status_has_its_meaning() {
        use StackState::{
            Absent, CreateFailed, DeleteFailed, Deleting, Empty, InProgress, RollbackFailed, Stable, UpdateFailed,
        };
        for (status, meaning) in [
            ("CREATE_COMPLETE", Stable),
            ("CREATE_FAILED", CreateFailed),
            ("CREATE_IN_PROGRESS", InProgress),
            ("DELETE_COMPLETE", Absent),
            ("DELETE_FAILED", DeleteFailed),
            ("DELETE_IN_PROGRESS", Deleting),
            ("IMPORT_COMPLETE", Stable),
            ("IMPORT_IN_PROGRESS", InProgress),
            ("IMPORT_ROLLBACK_COMPLETE", Stable),
            ("IMPORT_ROLLBACK_FAILED", Stable),
            ("IMPORT_ROLLBACK_IN_PROGRESS", InProgress),
            ("REVIEW_IN_PROGRESS", Empty),
            ("ROLLBACK_COMPLETE", CreateFailed),
            ("ROLLBACK_FAILED", CreateFailed),
            ("ROLLBACK_IN_PROGRESS", InProgress),
            ("UPDATE_COMPLETE", Stable),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", InProgress),
            ("UPDATE_FAILED", UpdateFailed),
            ("UPDATE_IN_PROGRESS", InProgress),
            ("UPDATE_ROLLBACK_COMPLETE", Stable),
            ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", InProgress),
            ("UPDATE_ROLLBACK_FAILED", RollbackFailed),
            ("UPDATE_ROLLBACK_IN_PROGRESS", InProgress),
        ] {
            assert_eq!(StackState::of(status), meaning, "{status}");
        }
    }
}
