//! The IAM actions that a call needs: declared in the client beside the call, and collected into the deployer's policy.

/// An IAM action and its resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiCall {
    /// The IAM action, whose name is not always that of the operation.
    pub action: &'static str,
    /// The resources that it acts on.
    pub on: On,
}

/// The resources that an action acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Each resource of a CloudFormation type, by its exact ARN.
    Each(&'static str),
    /// The objects of each bucket.
    Objects,
    /// The objects of each bucket that has a file of items.
    Files,
    /// Everything in the Glue databases, since deleting a database needs the permission for its content.
    Catalogued,
    /// The event source mappings of each function, whose ids Lambda chooses.
    Mappings,
    /// The customer managed key, whose id KMS chooses; nothing if the template has none.
    Keys,
    /// The stack.
    Stack,
    /// The artifact bucket.
    Artifacts,
    /// The objects of the artifact bucket.
    ArtifactObjects,
    /// All resources, since the service has no resource level for it; the reason, as a `Sid`.
    Everything(&'static str),
}

impl ApiCall {
    /// An action on resources.
    #[must_use]
    pub const fn new(action: &'static str, on: On) -> Self {
        Self { action, on }
    }
}

/// Names the calls of a client, `NAME = "Operation" on On::..`, and lists them as its `CALLS`.
macro_rules! calls {
    ($service:literal: $($name:ident = $operation:literal on $on:expr),+ $(,)?) => {
        $(pub(in crate::deploy::aws) const $name: &str = concat!($service, ":", $operation);)+
        /// The IAM actions of this client's calls.
        pub const CALLS: &[ApiCall] = &[$(ApiCall::new($name, $on)),+];
    };
}
pub(super) use calls;
