//! A sorted list of lines `key<TAB>value` in the program, and a way to a line that is ready in a tenth of a millisecond.

use std::sync::LazyLock;

/// The words that carry sentiment, each with its mean rating from -4 to 4.
pub static WORDS: LazyLock<Table> = LazyLock::new(|| Table::new(include_str!("../../../data/vader/words.tsv")));

/// What emoji show, in words.
pub static EMOJI: LazyLock<Table> = LazyLock::new(|| Table::new(include_str!("../../../data/vader/emoji.tsv")));

/// Lines by their keys. Neither keys nor values are copied: a slot is the place of a line.
pub struct Table {
    text: &'static str,
    /// Places of lines, each plus one; 0 is free. Twice as many as lines at least, and a power of two.
    slots: Box<[u32]>,
}

impl Table {
    fn new(text: &'static str) -> Self {
        let lines = text.lines().count();
        let mut table = Self { text, slots: vec![0; (lines * 2).next_power_of_two()].into() };
        let mut place = 0;
        for line in text.split_inclusive('\n') {
            let key = line.split('\t').next().unwrap_or(line);
            let mut slot = table.slot(key);
            while table.slots[slot] != 0 {
                slot = table.next(slot);
            }
            table.slots[slot] = place + 1;
            place += line.len() as u32;
        }
        table
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&'static str> {
        let mut slot = self.slot(key);
        while self.slots[slot] != 0 {
            let line = &self.text[self.slots[slot] as usize - 1..];
            if let Some(value) = line.strip_prefix(key).and_then(|rest| rest.strip_prefix('\t')) {
                return value.split('\n').next();
            }
            slot = self.next(slot);
        }
        None
    }

    fn slot(&self, key: &str) -> usize {
        // FNV-1a: keys are short, and nobody can choose the lines.
        let hash = key.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        (hash ^ (hash >> 15)) as usize & (self.slots.len() - 1)
    }

    fn next(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_by_its_key_and_nothing_else_is() {
        for table in [&WORDS, &EMOJI] {
            let lines: Vec<_> = table.text.lines().map(|line| line.split_once('\t').expect("a tab")).collect();
            assert!(lines.len() > 1_000 && lines.is_sorted());
            for (key, value) in lines {
                assert_eq!(table.get(key), Some(value), "{key}");
                assert_eq!(table.get(&format!("{key}\t{value}")), None, "{key}");
            }
            assert_eq!(table.get(""), None);
            assert_eq!(table.get("nowordatall"), None);
        }
    }

    #[test]
    fn every_word_has_a_rating_that_can_be_read() {
        for line in WORDS.text.lines() {
            let rating: f64 = line.split('\t').nth(1).expect("a tab").parse().expect("a number");
            assert!(rating != 0.0 && (-4.0..=4.0).contains(&rating), "{line}");
        }
    }
}
