//! What a call needs of IAM: declared beside the call, in its door, and gathered into the deployer's policy.

use crate::resources::Target;

/// An action, and what it is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The action in IAM's words, which are not always those of the operation.
    pub action: &'static str,
    /// What it is done to.
    pub on: Target,
}

impl Call {
    /// An action on something.
    #[must_use]
    pub const fn new(action: &'static str, on: Target) -> Self {
        Self { action, on }
    }
}

/// Names the calls of a door, `NAME = "Operation" on Target::..`, and lists them as its `CALLS`.
macro_rules! calls {
    ($service:literal: $($name:ident = $operation:literal on $on:expr),+ $(,)?) => {
        $(const $name: &str = concat!($service, ":", $operation);)+
        /// What the calls of this door need.
        pub const CALLS: &[Call] = &[$(Call::new($name, $on)),+];
    };
}
pub(super) use calls;
