//! VADER's word list and its descriptions of emoji, embedded in the program.

use std::sync::LazyLock;

use hashbrown::HashMap;

const WORDS: &str = include_str!("../../../data/vader/words.tsv");
const EMOJI: &str = include_str!("../../../data/vader/emoji.tsv");

/// The mean rating of each word, from -4 to 4.
pub static RATINGS: LazyLock<HashMap<&str, f64>> =
    LazyLock::new(|| rows(WORDS).filter_map(|(word, rating)| Some((word, rating.parse().ok()?))).collect());

/// The description of each emoji.
pub static DESCRIPTIONS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| rows(EMOJI).collect());

/// The rows `key<TAB>value` of a list.
fn rows(list: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    list.lines().filter_map(|row| row.split_once('\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_its_map() {
        assert!(rows(WORDS).count() > 1_000 && rows(EMOJI).count() > 1_000);
        assert_eq!((RATINGS.len(), DESCRIPTIONS.len()), (WORDS.lines().count(), EMOJI.lines().count()));
        assert_eq!((RATINGS.get(""), RATINGS.get("nowordatall"), DESCRIPTIONS.get("")), (None, None, None));
        assert_eq!(RATINGS.get("good"), Some(&1.9));
        assert_eq!(DESCRIPTIONS.get("\u{1f600}"), Some(&"grinning face"));
    }

    #[test]
    fn every_rating_is_in_range() {
        for (word, rating) in RATINGS.iter() {
            assert!(*rating != 0.0 && (-4.0..=4.0).contains(rating), "{word}: {rating}");
        }
    }
}
