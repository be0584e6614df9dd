//! Suggestions for a misspelled word: the nearest of those that are allowed.

/// Bytes of the longest word that is compared with others: the time for it grows with the product of both lengths.
const COMPARED: usize = 100;

/// The nearest known word, if one is near: by its letters, or because the word is part of it, as `memory` is of
/// `memory_mb`.
pub fn nearest<'a, T: AsRef<str>>(word: &str, known: &'a [T]) -> Option<&'a str> {
    if word.len() > COMPARED {
        return None;
    }
    let part = |candidate: &str| {
        let starts = word.len() > 1 && candidate.starts_with(word);
        starts || word.len() > 2 && candidate.split('_').any(|part| part == word)
    };
    let parts = || known.iter().map(AsRef::as_ref).find(|candidate| part(candidate));
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word.to_lowercase(), candidate.as_ref()), candidate.as_ref()))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(word.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
        .or_else(parts)
}

/// "did you mean", if a known word is near.
pub fn did_you_mean<T: AsRef<str>>(word: &str, known: &[T]) -> Option<String> {
    nearest(word, known).map(|candidate| format!("did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("memory", &["architecture", "memory_mb"]), Some("memory_mb"));
        assert_eq!(nearest("days", &["retention_days"]), Some("retention_days"));
        assert_eq!(nearest("sentence", &["sentences", "language"]), Some("sentences"));
        assert_eq!(nearest("monitoring", &["alarms", "logs"]), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), &["x"]), None);
    }
}
