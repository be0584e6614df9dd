//! Derived values, with the reason for each and the page of AWS that says so.

use serde::Serialize;

/// One derived value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DerivedValue {
    /// What it is a value of.
    pub of: String,
    /// Which value.
    pub what: String,
    /// The value.
    pub value: String,
    /// Why it is that.
    pub why: String,
    /// The page that says so; empty where the reason is ours.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub page: &'static str,
}

/// All derived values of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Reasons(pub Vec<DerivedValue>);

impl Reasons {
    /// Notes a value with its reason, and gives it back.
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
        // Values of one thing stand together, in the order in which the things were first spoken of.
        let after = self.0.iter().rposition(|other| other.of == derived.of).map_or(self.0.len(), |last| last + 1);
        self.0.insert(after, derived);
        value
    }
}
