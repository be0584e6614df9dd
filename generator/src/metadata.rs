//! `Metadata.fanggen`: what a template says about itself, so that a comparison of two templates need not guess.
//!
//! The plan writes it and a deployment reads it back from the template that is deployed. CloudFormation updates a
//! template's metadata only together with a resource, so what is read may be a little older than the stack.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The parameter with the time of the first run, by which `apply` enables the schedule; empty until items and tables are
/// there.
pub const READY: &str = "Ready";

/// What starts the first run of an environment, once its items are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstRun {
    /// `apply`: the schedule's own first time may be hours away.
    Apply,
    /// The schedule, within minutes.
    Schedule,
    /// Nothing: the schedule is disabled.
    Never,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TemplateMetadata {
    /// The settings of the environment by section. Defaults are included, so that a new default shows as a change, like
    /// any other.
    pub settings: BTreeMap<String, Value>,
    /// The resources by logical ID.
    pub resources: BTreeMap<String, ResourceMetadata>,
    /// The derived values. Those with the same reason share an entry: a hundred functions follow from a dozen rules.
    pub derived: Vec<DerivedRule>,
}

/// One resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResourceMetadata {
    /// The path in `pipeline.toml` that asked for it.
    pub path: String,
    /// What users call it: `queue of worker`.
    pub words: String,
    /// The paths of the settings that its properties follow from, and the function that it belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follows: Vec<String>,
    /// Of a role: the path behind each statement of its policy, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<String>,
}

impl ResourceMetadata {
    /// Whether a setting or a derived value of this path may change the resource.
    #[must_use]
    pub fn follows(&self, path: &str) -> bool {
        let inside = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.follows.iter().any(|known| inside(path, known) || inside(known, path))
    }
}

/// Derived values with one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DerivedRule {
    /// Which value.
    pub what: String,
    /// The reason.
    pub why: String,
    /// The values, by what they are values of: a function or a path.
    pub values: BTreeMap<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_follows_the_settings_of_its_paths() {
        let resource = ResourceMetadata {
            path: "schedule".into(),
            words: "function worker".into(),
            follows: vec!["stages.summary".into(), "functions.timeout_s".into(), "worker".into()],
            statements: vec![],
        };
        for path in
            ["stages.summary.sentences", "stages.summary", "stages", "functions.timeout_s", "functions", "worker"]
        {
            assert!(resource.follows(path), "{path}");
        }
        for path in ["schedule", "stages.summary-2", "functions.memory_mb", "worker-words", "sinks"] {
            assert!(!resource.follows(path), "{path}");
        }
    }
}
