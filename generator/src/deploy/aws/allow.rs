//! What a call needs of IAM: declared beside the call, in its door, and gathered into the deployer's policy.

/// An action, and what it is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The action in IAM's words, which are not always those of the operation.
    pub action: &'static str,
    /// What it is done to.
    pub on: On,
}

/// What an action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Each resource of a CloudFormation type, by its exact ARN.
    Each(&'static str),
    /// The objects of each bucket.
    Objects,
    /// The objects of each bucket that holds a file of items.
    Files,
    /// What is in the databases of the catalog: to delete one needs the same of all of it.
    Catalogued,
    /// The event source mappings of each function, whose ids are Lambda's own.
    Mappings,
    /// The customer key, whose id is KMS's own; nothing where the template has none.
    Keys,
    /// The stack.
    Stack,
    /// The artifact bucket.
    Artifacts,
    /// The objects of the artifact bucket.
    ArtifactObjects,
    /// The service knows no resources for it: the reason, written as a `Sid` is.
    Everything(&'static str),
}

impl Call {
    /// An action on something.
    #[must_use]
    pub const fn new(action: &'static str, on: On) -> Self {
        Self { action, on }
    }
}

/// Names the calls of a door, `NAME = "Operation" on On::..`, and lists them as its `CALLS`.
macro_rules! calls {
    ($service:literal: $($name:ident = $operation:literal on $on:expr),+ $(,)?) => {
        $(const $name: &str = concat!($service, ":", $operation);)+
        /// What the calls of this door need.
        pub const CALLS: &[Call] = &[$(Call::new($name, $on)),+];
    };
}
pub(super) use calls;
