//! The IAM actions that a call needs: declared in the client beside the call, and collected into the deployer's policy.

use crate::resources::Target;

/// An IAM action and its resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiCall {
    /// The IAM action, whose name is not always that of the operation.
    pub action: &'static str,
    /// The resources that it acts on.
    pub on: Target,
}

impl ApiCall {
    /// An action on resources.
    #[must_use]
    pub const fn new(action: &'static str, on: Target) -> Self {
        Self { action, on }
    }
}

/// Names the calls of a client, `NAME = "Operation" on Target::..`, and lists them as its `CALLS`.
macro_rules! calls {
    ($service:literal: $($name:ident = $operation:literal on $on:expr),+ $(,)?) => {
        $(pub(in crate::deploy::aws) const $name: &str = concat!($service, ":", $operation);)+
        /// The IAM actions of this client's calls.
        pub const CALLS: &[ApiCall] = &[$(ApiCall::new($name, $on)),+];
    };
}
pub(super) use calls;
