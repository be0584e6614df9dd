//! The list of all component kinds, and lookup by name.

use crate::component::{ComponentKind, ComponentRole};
use crate::{sinks, sources, stages};

/// The kinds of a role, in the order of `KINDS` in its folder's `mod.rs`.
#[must_use]
pub const fn of(role: ComponentRole) -> &'static [ComponentKind] {
    match role {
        ComponentRole::Source => sources::KINDS,
        ComponentRole::Stage => stages::KINDS,
        ComponentRole::Sink => sinks::KINDS,
    }
}

/// All kinds.
pub fn all() -> impl Iterator<Item = &'static ComponentKind> {
    [ComponentRole::Source, ComponentRole::Stage, ComponentRole::Sink].into_iter().flat_map(of)
}

/// The kind that `type = "<name>"` selects.
#[must_use]
pub fn find(role: ComponentRole, name: &str) -> Option<&'static ComponentKind> {
    of(role).iter().find(|kind| kind.card.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_has_a_unique_name_and_a_complete_card() {
        let mut names = BTreeSet::new();
        for kind in all() {
            let card = kind.card;
            assert!(names.insert((card.role, card.name)), "{kind:?} is listed twice");
            assert!(
                of(card.role).iter().any(|other| other.card.name == card.name),
                "{kind:?} is in another role's list"
            );
            assert!(
                card.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()),
                "{kind:?} has a name with other characters than a-z and 0-9"
            );
            assert!(
                !card.summary.is_empty() && !card.summary.ends_with('.'),
                "{kind:?} needs a summary that does not end with a full stop"
            );
            if let Some(substitute) = card.local_substitute {
                assert!(find(card.role, substitute).is_some(), "{kind:?} names a local substitute that does not exist");
            }
        }
    }
}
