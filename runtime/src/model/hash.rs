//! SHA-256 hashes and their hexadecimal form. Stored data depends on the values, so they must never change.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// Bytes as lowercase hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The SHA-256 hash of some bytes, as 64 hexadecimal digits.
pub fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes))
}

/// A SHA-256 hash of several strings.
#[derive(Clone, Debug, Default)]
pub struct PartsHash(Sha256);

impl PartsHash {
    /// The hash of these parts.
    #[must_use]
    pub fn of(parts: &[&str]) -> [u8; 32] {
        let mut hash = Self::default();
        parts.iter().for_each(|part| hash.part(part));
        hash.finish()
    }

    /// Adds a part and its length, so that different lists of parts have different hashes.
    pub fn part(&mut self, part: &str) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    /// Adds a string without its length, for a first or last part.
    pub fn raw(&mut self, part: &str) {
        self.0.update(part);
    }

    /// The hash of everything added.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_are_those_of_stored_data() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex("abc"), abc);
        let parts = "f5a934b5ab96157b46905e4dec48ff8175fe8926c36ec293b98c8fbd0886171b";
        assert_eq!(hex(&PartsHash::of(&["abc", ""])), parts);
        // The keys of cached findings and of last findings.
        let cached = "85c543584400b651a3af653a0e65004c6de1ff7e4c710494d27e5c2b322bec4d";
        assert_eq!(hex(&PartsHash::of(&["paid", "en", "Good."])), cached);
        let mut last = PartsHash::default();
        last.part("companies");
        last.raw("Apple");
        assert_eq!(hex(&last.finish()[..16]), "d342d25f9af734eabb6555c851bd07f4");
    }

    #[test]
    fn different_parts_have_different_hashes() {
        assert_ne!(PartsHash::of(&["ab", "c"]), PartsHash::of(&["a", "bc"]));
        assert_ne!(PartsHash::of(&["ab"]), PartsHash::of(&["ab", ""]));
    }
}
