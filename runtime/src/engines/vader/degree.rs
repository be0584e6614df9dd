//! Words that strengthen, weaken or turn what comes behind them, and idioms that mean another thing than their words.

/// What a strengthening word adds, by the authors' experiments (Hutto and Gilbert 2014, section 3.3).
const MORE: f64 = 0.293;

/// The words that strengthen, sorted.
#[rustfmt::skip]
const STRONGER: &[&str] = &[
    "absolutely", "amazingly", "awfully", "completely", "considerable", "considerably", "decidedly", "deeply",
    "effing", "enormous", "enormously", "entirely", "especially", "exceptional", "exceptionally", "extreme",
    "extremely", "fabulously", "flippin", "flipping", "frackin", "fracking", "frickin", "fricking", "friggin",
    "frigging", "fuckin", "fucking", "fuggin", "fugging", "fully", "greatly", "hella", "highly", "hugely",
    "incredible", "incredibly", "intensely", "major", "majorly", "more", "most", "particularly", "purely", "quite",
    "really", "remarkably", "so", "substantially", "thoroughly", "total", "totally", "tremendous", "tremendously",
    "uber", "unbelievably", "unusually", "utter", "utterly", "very",
];

/// The words that weaken, sorted.
#[rustfmt::skip]
const WEAKER: &[&str] = &[
    "almost", "barely", "hardly", "kind-of", "kinda", "kindof", "less", "little", "marginal", "marginally",
    "occasional", "occasionally", "partly", "scarce", "scarcely", "slight", "slightly", "somewhat", "sort-of",
    "sorta", "sortof",
];

/// The words that turn a meaning round, sorted; beside them everything that ends in "n't", or has it within.
#[rustfmt::skip]
const TURNING: &[&str] = &[
    "aint", "arent", "cannot", "cant", "couldnt", "darent", "despite", "didnt", "doesnt", "dont", "hadnt", "hasnt",
    "havent", "isnt", "mightnt", "mustnt", "neednt", "neither", "never", "none", "nope", "nor", "not", "nothing",
    "nowhere", "oughtnt", "rarely", "seldom", "shant", "shouldnt", "uh-uh", "uhuh", "wasnt", "werent", "without",
    "wont", "wouldnt",
];

/// What a word adds to the strength of a good word behind it; negative where it weakens.
pub fn strength(lower: &str) -> Option<f64> {
    if STRONGER.binary_search(&lower).is_ok() {
        Some(MORE)
    } else if WEAKER.binary_search(&lower).is_ok() {
        Some(-MORE)
    } else {
        None
    }
}

/// The same of two words that go together.
pub fn strength_of_pair(first: &str, second: &str) -> Option<f64> {
    matches!((first, second), ("just", "enough") | ("kind" | "sort", "of")).then_some(-MORE)
}

/// Whether a word turns the meaning of what follows it.
pub fn turns(lower: &str) -> bool {
    TURNING.binary_search(&lower).is_ok() || lower.contains("n't")
}

/// The rating of an idiom.
pub fn idiom(words: &[&str]) -> Option<f64> {
    Some(match words {
        ["the", "shit" | "bomb"] | ["to", "die", "for"] => 3.0,
        ["bad", "ass"] => 1.5,
        ["bus", "stop"] => 0.0,
        ["yeah", "right"] => -2.0,
        ["kiss", "of", "death"] => -1.5,
        ["beating", "heart"] => 3.5,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_so_that_every_word_is_found() {
        for list in [STRONGER, WEAKER, TURNING] {
            assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
        }
    }
}
