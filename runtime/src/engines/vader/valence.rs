//! The valence of each word, modified by the words around it.

use super::modifiers;
use super::tokenizer::Word;

/// What a word in capitals adds.
const CAPITALS: f64 = 0.733;
/// The factor of a negation: negated words are weaker than plain ones.
const NEGATION: f64 = -0.74;
/// The factor of "never so" and "never this".
const NEVER_SO: f64 = 1.25;
/// The factor of a modifier at a distance of one, two and three words.
const DISTANCE_FACTORS: [f64; 3] = [1.0, 0.95, 0.9];

/// The words of a text, and whether capitals are emphasis in it.
pub struct Sentence<'a> {
    words: &'a [Word<'a>],
    /// Some words are in capitals, but not all.
    shouting: bool,
}

impl<'a> Sentence<'a> {
    pub fn new(words: &'a [Word<'a>]) -> Self {
        let capitals = words.iter().filter(|word| word.capitals).count();
        Self { words, shouting: capitals > 0 && capitals < words.len() }
    }

    /// The valence of the word at this position.
    pub fn valence(&self, at: usize) -> f64 {
        let word = &self.words[at];
        let Some(rating) = word.rating else { return 0.0 };
        if modifiers::strength(&word.lower).is_some() || (word.lower == "kind" && self.lower(at + 1) == "of") {
            return 0.0;
        }
        let mut valence = self.after_no(at, rating);
        if word.capitals && self.shouting {
            valence += if valence > 0.0 { CAPITALS } else { -CAPITALS };
        }
        for distance in 1..=3.min(at) {
            // A word in the word list does not modify others.
            if self.words[at - distance].rating.is_some() {
                continue;
            }
            valence += self.strength(at - distance, valence) * DISTANCE_FACTORS[distance - 1];
            valence *= self.negation(at, distance);
            if distance == 3 {
                valence = self.idiom(at, valence);
            }
        }
        if self.is_least(at) { valence * NEGATION } else { valence }
    }

    fn lower(&self, at: usize) -> &str {
        self.words.get(at).map_or("", |word| &word.lower)
    }

    fn before(&self, at: usize, distance: usize) -> &str {
        at.checked_sub(distance).map_or("", |at| self.lower(at))
    }

    /// "No" negates a word that follows it closely; before a word of the word list it has no valence itself.
    fn after_no(&self, at: usize, rating: f64) -> f64 {
        let no = |distance| self.before(at, distance) == "no";
        if no(1) || no(2) || (no(3) && matches!(self.before(at, 1), "or" | "nor")) {
            rating * NEGATION
        } else if self.lower(at) == "no" && self.words.get(at + 1).is_some_and(|next| next.rating.is_some()) {
            0.0
        } else {
            rating
        }
    }

    /// What the word at this position adds to the valence of a later word.
    fn strength(&self, at: usize, valence: f64) -> f64 {
        let word = &self.words[at];
        let Some(strength) = modifiers::strength(&word.lower) else { return 0.0 };
        let strength = if valence < 0.0 { -strength } else { strength };
        match word.capitals && self.shouting {
            true if valence > 0.0 => strength + CAPITALS,
            true => strength - CAPITALS,
            false => strength,
        }
    }

    /// The factor of the word at this distance before.
    fn negation(&self, at: usize, distance: usize) -> f64 {
        let [first, second, third] = [1, 2, 3].map(|distance| self.before(at, distance));
        let so = |word| matches!(word, "so" | "this");
        let (emphasis, certain) = match distance {
            1 => (false, false),
            2 => (second == "never" && so(first), second == "without" && first == "doubt"),
            // The authors' program treats "so" and "this" right before a word as emphasis even without "never".
            _ => (
                (third == "never" && so(second)) || so(first),
                third == "without" && (second == "doubt" || first == "doubt"),
            ),
        };
        if emphasis {
            NEVER_SO
        } else if !certain && modifiers::negates(self.before(at, distance)) {
            NEGATION
        } else {
            1.0
        }
    }

    /// The valence of the word, or of an idiom around it.
    fn idiom(&self, at: usize, valence: f64) -> f64 {
        let [zero, one, two, three] = [0, 1, 2, 3].map(|distance| self.before(at, distance));
        let mut valence = [&[one, zero][..], &[two, one, zero], &[two, one], &[three, two, one], &[three, two]]
            .into_iter()
            .find_map(modifiers::idiom)
            .unwrap_or(valence);
        let (next, last) = (self.lower(at + 1), self.lower(at + 2));
        for onward in [&[zero, next][..], &[zero, next, last]] {
            valence = modifiers::idiom(onward).unwrap_or(valence);
        }
        for (first, second) in [(three, two), (two, one)] {
            valence += modifiers::strength_of_pair(first, second).unwrap_or_default();
        }
        valence
    }

    /// "Least" right before a word negates it, except in "at least" and "very least".
    fn is_least(&self, at: usize) -> bool {
        self.before(at, 1) == "least" && !matches!(self.before(at, 2), "at" | "very")
    }
}
