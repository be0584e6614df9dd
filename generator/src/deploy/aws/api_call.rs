//! The IAM actions that a call needs: declared in the client beside the call, and collected into the deployer's policy.

use crate::resources::Target;

/// An IAM action and its resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiCall {
    /// The IAM action, whose name is not always that of the operation.
    pub action: &'static str,
    /// The resources that it acts on.
    pub on: Target,
    /// Whether `plan` makes it.
    pub by_plan: bool,
    /// Whether the commands for a running pipeline make it: `items`, `results`, `replay`, `logs`, `dlq`.
    pub by_operator: bool,
    /// Whether a deployer makes it.
    pub by_deployer: bool,
}

impl ApiCall {
    /// An action on resources.
    #[must_use]
    pub const fn new(action: &'static str, on: Target) -> Self {
        Self { action, on, by_plan: false, by_operator: false, by_deployer: true }
    }

    /// The same, made by `plan` too.
    #[must_use]
    pub const fn plan(self) -> Self {
        Self { by_plan: true, ..self }
    }

    /// The same, made by the commands for a running pipeline too.
    #[must_use]
    pub const fn operate(self) -> Self {
        Self { by_operator: true, ..self }
    }

    /// The same, made by the commands for a running pipeline and by no others.
    #[must_use]
    pub const fn operate_only(self) -> Self {
        Self { by_operator: true, by_deployer: false, ..self }
    }
}

/// Names the calls of a client, `NAME = "Operation" on Target::..`, and lists them as its `CALLS`; `[plan]` before those that
/// `plan` makes, `[operate]` before those of the commands for a running pipeline.
macro_rules! calls {
    ($service:literal: $($([$($by:ident)+])? $name:ident = $operation:literal on $on:expr),+ $(,)?) => {
        $(pub(in crate::deploy::aws) const $name: &str = concat!($service, ":", $operation);)+
        /// The IAM actions of this client's calls.
        pub const CALLS: &[ApiCall] = &[$(ApiCall::new($name, $on)$($(.$by())+)?),+];
    };
}
pub(super) use calls;
