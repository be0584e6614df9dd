//! What a user needs on a machine and in an account, checked one by one, each with what to do if it is missing.

#[cfg(feature = "aws")]
pub mod account;
pub mod pipeline;
#[cfg(feature = "aws")]
pub mod toolchain;

use std::fmt::Display;

use serde::Serialize;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// All is well.
    Ok,
    /// It was not checked.
    Skipped,
    /// Something is missing that is not needed for everything.
    Warning,
    /// What is missing is needed.
    Problem,
}

/// A check that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Check {
    /// A check that ended well.
    pub fn ok(name: impl Into<String>, found: impl Display) -> Self {
        Self { name: name.into(), outcome: CheckOutcome::Ok, found: found.to_string(), mend: None }
    }

    /// A check that was not made.
    pub fn skipped(name: impl Into<String>, why: impl Display) -> Self {
        Self { name: name.into(), outcome: CheckOutcome::Skipped, found: why.to_string(), mend: None }
    }

    /// A check that did not end well.
    pub fn bad(name: impl Into<String>, outcome: CheckOutcome, found: impl Display, mend: impl Display) -> Self {
        Self { name: name.into(), outcome, found: found.to_string(), mend: Some(mend.to_string()) }
    }

    /// A check that ended with an error. The first line of its message is what was found, the others are what to do.
    pub fn failed(name: impl Into<String>, outcome: CheckOutcome, error: &impl Display) -> Self {
        let text = error.to_string();
        let (found, mend) = text.split_once('\n').map_or((text.as_str(), None), |(found, mend)| (found, Some(mend)));
        let mend = mend.map(|mend| mend.lines().map(str::trim).collect::<Vec<_>>().join("\n"));
        Self { name: name.into(), outcome, found: found.to_owned(), mend }
    }
}
