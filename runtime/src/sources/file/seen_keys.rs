//! The keys that a source has read, in 10 to 20 bytes each.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

/// Number of sets. When one of them grows, only its part is in memory twice.
const SETS: usize = 64;

/// A set of hashes. With 64 bits, a million keys have two with the same hash once in 37 million files.
pub(super) struct SeenKeys {
    hasher: RandomState,
    sets: Vec<HashSet<u64>>,
}

impl Default for SeenKeys {
    fn default() -> Self {
        Self { hasher: RandomState::new(), sets: vec![HashSet::new(); SETS] }
    }
}

impl SeenKeys {
    /// Whether a key is not in the set yet. It is afterwards.
    pub(super) fn is_new(&mut self, key: &str) -> bool {
        let hash = self.hasher.hash_one(key);
        let set = usize::try_from(hash % SETS as u64).unwrap_or(0);
        self.sets[set].insert(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_new_once() {
        let mut seen = SeenKeys::default();
        assert!((0..10_000).all(|key| seen.is_new(&key.to_string())));
        assert!(!(0..10_000).any(|key| seen.is_new(&key.to_string())));
    }
}
