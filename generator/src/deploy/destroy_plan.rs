//! What a destroy will delete, and how it is shown.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::generated::Manifest;
use super::leftovers::Found;
use super::stack_state::StackDescription;

/// What a destroy will delete.
#[derive(Clone, Debug, Serialize)]
pub struct DestroyPlan {
    /// The stack, if there is one.
    pub stack: Option<StackDescription>,
    /// The existing resources, of those that the stack has and those that the file asks for.
    pub resources: Vec<ResourceToDelete>,
    /// All resources of the stack and the file, with their physical names.
    #[serde(skip)]
    pub(super) everything: Option<Manifest>,
    /// The physical names of the stack's resources.
    #[serde(skip)]
    pub(super) in_stack: BTreeSet<String>,
}

/// A resource that will be deleted.
#[derive(Clone, Debug, Serialize)]
pub struct ResourceToDelete {
    /// The resource.
    #[serde(flatten)]
    pub found: Found,
    /// What it holds, where that is worth a count.
    pub holds: Option<String>,
}

impl DestroyPlan {
    /// Whether there is nothing to delete.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stack.is_none() && self.resources.is_empty()
    }
}

impl fmt::Display for DestroyPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stack {
            Some(stack) => {
                writeln!(f, "This will be deleted, with all its data (the stack is in {}):", stack.status)?;
            }
            None => writeln!(f, "There is no stack, but these resources of it are left and will be deleted:")?,
        }
        for ResourceToDelete { found, holds } in &self.resources {
            let holds = holds.as_ref().map(|holds| format!("  \x1b[1;31m{holds}\x1b[0m")).unwrap_or_default();
            writeln!(f, "  - {found}{holds}")?;
        }
        Ok(())
    }
}
