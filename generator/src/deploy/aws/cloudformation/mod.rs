//! CloudFormation: one stack, its change sets and its drift.

mod change_sets;
mod drift;
mod stack;

pub use change_sets::{ChangeSet, ChangeSetRequest, TemplateBody};
pub use drift::Drift;
pub use stack::{CALLS, INLINE_BYTES, StackClient};
