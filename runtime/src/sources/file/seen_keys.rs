//! The keys that a source has read, in 8 to 9 bytes each.

use std::hash::{BuildHasher as _, RandomState};

/// Bits of a hash that select its set: with 4,096 sets, one of a million keys has about 250, and inserting is cheap.
const SET_BITS: u32 = 12;

/// The hashes of the keys, sorted within each set: a hash table of a million keys would take 10 to 20 bytes each, and twice
/// that while it grows. With 64 bits, a million keys have two with the same hash once in 37 million files.
pub(super) struct SeenKeys {
    hasher: RandomState,
    sets: Vec<Vec<u64>>,
}

impl Default for SeenKeys {
    fn default() -> Self {
        Self { hasher: RandomState::new(), sets: vec![Vec::new(); 1 << SET_BITS] }
    }
}

impl SeenKeys {
    /// Whether a key is not in the set yet. It is afterwards.
    pub(super) fn is_new(&mut self, key: &str) -> bool {
        let hash = self.hasher.hash_one(key);
        let set = usize::try_from(hash >> (u64::BITS - SET_BITS)).unwrap_or(0);
        let hashes = &mut self.sets[set];
        let Err(place) = hashes.binary_search(&hash) else { return false };
        if hashes.len() == hashes.capacity() {
            hashes.reserve_exact((hashes.len() / 8).max(4));
        }
        hashes.insert(place, hash);
        true
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
