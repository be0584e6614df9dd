//! Derived values, with the reason for each and the page of AWS that says so.

use serde::Serialize;

/// A derived value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DerivedValue {
    /// The function, component or section that has it.
    pub of: String,
    /// What it is.
    pub what: String,
    /// The value.
    pub value: String,
    /// Why it has this value.
    pub why: String,
    /// The page of AWS behind it; empty if the reason is fanggen's own.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub page: &'static str,
}

/// All derived values of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Reasons(pub Vec<DerivedValue>);

impl Reasons {
    /// Records a value with its reason, and returns the value.
    pub fn derive<T: std::fmt::Display>(
        &mut self,
        of: &str,
        what: &str,
        value: T,
        why: impl Into<String>,
        page: &'static str,
    ) -> T {
        let derived =
            DerivedValue { of: of.into(), what: what.into(), value: value.to_string(), why: why.into(), page };
        // Values of one thing stay together, in the order in which the things first appeared.
        let after = self.0.iter().rposition(|other| other.of == derived.of).map_or(self.0.len(), |last| last + 1);
        self.0.insert(after, derived);
        value
    }
}
