//! What the status of a stack means to somebody who wants to go on.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

/// The tag by which a stack of ours is told from others, and what each environment is marked with.
pub const PIPELINE_TAG: &str = "fanggen:pipeline";
/// The tag that names the environment.
pub const ENVIRONMENT_TAG: &str = "fanggen:environment";

/// The output by which an apply sees that there is nothing to do.
pub const RENDER_SHA: &str = "RenderSha";
/// The parameter that names the runtime's object.
pub const ARTIFACT_KEY: &str = "ArtifactKey";
/// The parameter that names the bucket of artifacts.
pub const ARTIFACT_BUCKET: &str = "ArtifactBucket";

/// A stack as CloudFormation describes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Described {
    /// The stack's ARN, by which it is found even when it is gone.
    pub id: String,
    /// CloudFormation's own word.
    pub status: String,
    /// Why, where it says so.
    pub reason: Option<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it was last changed.
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
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nothing of it is there.
    Absent,
    /// A change set without resources, left by a look or by an interruption.
    Shell,
    /// At rest: it can be changed and deleted.
    Settled,
    /// Its first creation failed: it can only be deleted.
    NeverMade,
    /// Something is at work on it.
    Moving,
    /// It is being deleted.
    Going,
    /// A rollback failed: it wants to be continued.
    RollbackStuck,
    /// A deletion failed.
    DeletionStuck,
}

impl Standing {
    /// What a status means. Words that CloudFormation has yet to invent are taken by how they end.
    #[must_use]
    pub fn of(status: &str) -> Self {
        match status {
            "DELETE_COMPLETE" => Self::Absent,
            "REVIEW_IN_PROGRESS" => Self::Shell,
            "DELETE_IN_PROGRESS" => Self::Going,
            "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" => Self::NeverMade,
            "UPDATE_ROLLBACK_FAILED" => Self::RollbackStuck,
            "DELETE_FAILED" => Self::DeletionStuck,
            other if other.ends_with("_IN_PROGRESS") => Self::Moving,
            _ => Self::Settled,
        }
    }
}

impl Described {
    /// What can be done with it.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing::of(&self.status)
    }

    /// The outputs that name something; the hash of what was rendered names nothing.
    pub fn named(&self) -> impl Iterator<Item = (&String, &String)> {
        self.outputs.iter().filter(|(key, _)| *key != RENDER_SHA)
    }

    /// Whether it is the stack of this pipeline and environment.
    #[must_use]
    pub fn is_of(&self, pipeline: &str, environment: &str) -> bool {
        let tag = |name: &str| self.tags.get(name).map(String::as_str);
        tag(PIPELINE_TAG) == Some(pipeline) && tag(ENVIRONMENT_TAG) == Some(environment)
    }

    /// Whether it is what was rendered, with this runtime.
    #[must_use]
    pub fn carries(&self, render_sha: &str, runtime: Option<&str>) -> bool {
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

    /// Every status of CloudFormation's `StackStatus`, and what one does with it.
    #[test]
    fn every_status_has_its_meaning() {
        use Standing::{Absent, DeletionStuck, Going, Moving, NeverMade, RollbackStuck, Settled, Shell};
        for (status, meaning) in [
            ("CREATE_COMPLETE", Settled),
            ("CREATE_FAILED", NeverMade),
            ("CREATE_IN_PROGRESS", Moving),
            ("DELETE_COMPLETE", Absent),
            ("DELETE_FAILED", DeletionStuck),
            ("DELETE_IN_PROGRESS", Going),
            ("IMPORT_COMPLETE", Settled),
            ("IMPORT_IN_PROGRESS", Moving),
            ("IMPORT_ROLLBACK_COMPLETE", Settled),
            ("IMPORT_ROLLBACK_FAILED", Settled),
            ("IMPORT_ROLLBACK_IN_PROGRESS", Moving),
            ("REVIEW_IN_PROGRESS", Shell),
            ("ROLLBACK_COMPLETE", NeverMade),
            ("ROLLBACK_FAILED", NeverMade),
            ("ROLLBACK_IN_PROGRESS", Moving),
            ("UPDATE_COMPLETE", Settled),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Moving),
            ("UPDATE_FAILED", Settled),
            ("UPDATE_IN_PROGRESS", Moving),
            ("UPDATE_ROLLBACK_COMPLETE", Settled),
            ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", Moving),
            ("UPDATE_ROLLBACK_FAILED", RollbackStuck),
            ("UPDATE_ROLLBACK_IN_PROGRESS", Moving),
        ] {
            assert_eq!(Standing::of(status), meaning, "{status}");
        }
    }
}
