//! The error of every command that needs something in the account that is not there yet.

/// Nothing of an environment is deployed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "environment `{environment}` is not deployed: there is no {missing}\n  run `fanggen apply --env {environment}`"
)]
pub struct NotDeployed {
    /// The environment.
    pub environment: String,
    /// What was looked for, such as ``table `fang-dev-companies` ``.
    pub missing: String,
}

impl NotDeployed {
    /// The environment lacks a resource of this kind and name.
    #[must_use]
    pub fn new(environment: &str, kind: &str, name: &str) -> Self {
        Self { environment: environment.to_owned(), missing: format!("{kind} `{name}`") }
    }
}
