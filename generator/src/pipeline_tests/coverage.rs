//! What of a pipeline no test reaches: stages, what conditions can say, and the failures that stages can give.

use std::fmt;

use fanggen_runtime::model::error::ErrorCode;
use serde::Serialize;

use super::observed::Reached;
use crate::config::pipeline::{ComponentConfig, Pipeline};

/// Something that no test reaches.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Unreached {
    /// A stage that was given no record.
    Stage {
        /// The stage.
        stage: String,
    },
    /// A condition that was never true, or never false.
    Condition {
        /// The stage or sink.
        component: String,
        /// The condition.
        when: String,
        /// What it never said.
        never: bool,
    },
    /// A failure that a stage can give.
    Failure {
        /// The stage.
        stage: String,
        /// The code.
        code: ErrorCode,
    },
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage { stage } => write!(f, "stage `{stage}`"),
            Self::Condition { component, when, never } => {
                write!(f, "condition of `{component}`: `{when}` is {never}")
            }
            Self::Failure { stage, code } => write!(f, "failures of `{stage}`: {code}"),
        }
    }
}

/// What tests of a pipeline did not reach.
#[must_use]
pub fn unreached(pipeline: &Pipeline, reached: &Reached) -> Vec<Unreached> {
    let stages = pipeline.stages.iter().filter(|stage| !reached.stages.contains(&stage.name));
    let stages = stages.map(|stage| Unreached::Stage { stage: stage.name.clone() });
    let conditions = pipeline.stages.iter().chain(&pipeline.sinks).flat_map(|component| conditions(component, reached));
    let failures = pipeline.stages.iter().flat_map(|stage| {
        let codes = stage.kind.card.failures.iter().flat_map(|codes| codes.iter());
        let open = codes.filter(|code| !reached.failures.contains(&(stage.name.clone(), **code)));
        open.map(|code| Unreached::Failure { stage: stage.name.clone(), code: *code })
    });
    stages.chain(conditions).chain(failures).collect()
}

fn conditions(component: &ComponentConfig, reached: &Reached) -> Vec<Unreached> {
    let Some(when) = component.settings.condition() else { return Vec::new() };
    let never = |said: &bool| !reached.conditions.contains(&(component.name.clone(), *said));
    let of = |said| Unreached::Condition { component: component.name.clone(), when: when.to_string(), never: said };
    [true, false].into_iter().filter(never).map(of).collect()
}
