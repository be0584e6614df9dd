//! Words that strengthen, weaken or negate the words after them, and idioms with a rating of their own.

/// What a booster adds, from the authors' experiments (Hutto and Gilbert 2014, section 3.3).
const BOOST: f64 = 0.293;

/// The words that strengthen, sorted.
#[rustfmt::skip]
const BOOSTERS: &[&str] = &[
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
const DAMPENERS: &[&str] = &[
    "almost", "barely", "hardly", "kind-of", "kinda", "kindof", "less", "little", "marginal", "marginally",
    "occasional", "occasionally", "partly", "scarce", "scarcely", "slight", "slightly", "somewhat", "sort-of",
    "sorta", "sortof",
];

/// The words that negate, sorted; so does every word that contains "n't".
#[rustfmt::skip]
const NEGATIONS: &[&str] = &[
    "aint", "arent", "cannot", "cant", "couldnt", "darent", "despite", "didnt", "doesnt", "dont", "hadnt", "hasnt",
    "havent", "isnt", "mightnt", "mustnt", "neednt", "neither", "never", "none", "nope", "nor", "not", "nothing",
    "nowhere", "oughtnt", "rarely", "seldom", "shant", "shouldnt", "uh-uh", "uhuh", "wasnt", "werent", "without",
    "wont", "wouldnt",
];

/// What a word adds to a positive word after it; negative if it weakens.
pub fn strength(lower: &str) -> Option<f64> {
    if BOOSTERS.binary_search(&lower).is_ok() {
        Some(BOOST)
    } else if DAMPENERS.binary_search(&lower).is_ok() {
        Some(-BOOST)
    } else {
        None
    }
}

/// The same for two words that belong together.
pub fn strength_of_pair(first: &str, second: &str) -> Option<f64> {
    matches!((first, second), ("just", "enough") | ("kind" | "sort", "of")).then_some(-BOOST)
}

/// Whether a word negates the words after it.
pub fn negates(lower: &str) -> bool {
    NEGATIONS.binary_search(&lower).is_ok() || lower.contains("n't")
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
    fn the_lists_are_sorted_for_binary_search() {
        for list in [BOOSTERS, DAMPENERS, NEGATIONS] {
            assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
        }
    }
}
