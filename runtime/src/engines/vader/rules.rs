//! The valence of each word, as the words around it leave it.

use super::degree;
use super::words::Word;

/// What capitals among small letters add.
const CAPITALS: f64 = 0.733;
/// By what a meaning is multiplied when it is turned: turned words are weaker than plain ones.
const TURNED: f64 = -0.74;
/// By what "never so" and "never this" multiply.
const NEVER_SO: f64 = 1.25;
/// How much of its strength a word has at a distance of one, two and three words.
const AT_DISTANCE: [f64; 3] = [1.0, 0.95, 0.9];

/// The words of a text, and whether capitals mean anything in it.
pub struct Sentence<'a> {
    words: &'a [Word<'a>],
    /// Where all words or none are in capitals, nobody is shouting.
    shouting: bool,
}

impl<'a> Sentence<'a> {
    pub fn new(words: &'a [Word<'a>]) -> Self {
        let capitals = words.iter().filter(|word| word.capitals).count();
        Self { words, shouting: capitals > 0 && capitals < words.len() }
    }

    /// What the word at this place says.
    pub fn valence(&self, at: usize) -> f64 {
        let word = &self.words[at];
        let Some(rating) = word.rating else { return 0.0 };
        if degree::strength(&word.lower).is_some() || (word.lower == "kind" && self.lower(at + 1) == "of") {
            return 0.0;
        }
        let mut valence = self.after_no(at, rating);
        if word.capitals && self.shouting {
            valence += if valence > 0.0 { CAPITALS } else { -CAPITALS };
        }
        for distance in 1..=3.min(at) {
            // A word of the list speaks for itself, and changes no other.
            if self.words[at - distance].rating.is_some() {
                continue;
            }
            valence += self.strength(at - distance, valence) * AT_DISTANCE[distance - 1];
            valence *= self.turn(at, distance);
            if distance == 3 {
                valence = self.idiom(at, valence);
            }
        }
        if self.is_least(at) { valence * TURNED } else { valence }
    }

    fn lower(&self, at: usize) -> &str {
        self.words.get(at).map_or("", |word| &word.lower)
    }

    fn before(&self, at: usize, distance: usize) -> &str {
        at.checked_sub(distance).map_or("", |at| self.lower(at))
    }

    /// "No" turns a word that follows it soon; before a word of the list it says nothing itself.
    fn after_no(&self, at: usize, rating: f64) -> f64 {
        let no = |distance| self.before(at, distance) == "no";
        if no(1) || no(2) || (no(3) && matches!(self.before(at, 1), "or" | "nor")) {
            rating * TURNED
        } else if self.lower(at) == "no" && self.words.get(at + 1).is_some_and(|next| next.rating.is_some()) {
            0.0
        } else {
            rating
        }
    }

    /// What the word at this place adds to a valence behind it.
    fn strength(&self, at: usize, valence: f64) -> f64 {
        let word = &self.words[at];
        let Some(strength) = degree::strength(&word.lower) else { return 0.0 };
        let strength = if valence < 0.0 { -strength } else { strength };
        match word.capitals && self.shouting {
            true if valence > 0.0 => strength + CAPITALS,
            true => strength - CAPITALS,
            false => strength,
        }
    }

    /// What the word at this distance before multiplies a valence by.
    fn turn(&self, at: usize, distance: usize) -> f64 {
        let [first, second, third] = [1, 2, 3].map(|distance| self.before(at, distance));
        let so = |word| matches!(word, "so" | "this");
        let (emphasis, certain) = match distance {
            1 => (false, false),
            2 => (second == "never" && so(first), second == "without" && first == "doubt"),
            // The authors' program takes "so" and "this" just before a word for emphasis even without a "never".
            _ => (
                (third == "never" && so(second)) || so(first),
                third == "without" && (second == "doubt" || first == "doubt"),
            ),
        };
        if emphasis {
            NEVER_SO
        } else if !certain && degree::turns(self.before(at, distance)) {
            TURNED
        } else {
            1.0
        }
    }

    /// The valence, or that of an idiom around the word.
    fn idiom(&self, at: usize, valence: f64) -> f64 {
        let [zero, one, two, three] = [0, 1, 2, 3].map(|distance| self.before(at, distance));
        let mut valence = [&[one, zero][..], &[two, one, zero], &[two, one], &[three, two, one], &[three, two]]
            .into_iter()
            .find_map(degree::idiom)
            .unwrap_or(valence);
        let (next, last) = (self.lower(at + 1), self.lower(at + 2));
        for onward in [&[zero, next][..], &[zero, next, last]] {
            valence = degree::idiom(onward).unwrap_or(valence);
        }
        for (first, second) in [(three, two), (two, one)] {
            valence += degree::strength_of_pair(first, second).unwrap_or_default();
        }
        valence
    }

    /// "Least" just before turns a word, unless it is "at least" or "very least".
    fn is_least(&self, at: usize) -> bool {
        self.before(at, 1) == "least" && !matches!(self.before(at, 2), "at" | "very")
    }
}
