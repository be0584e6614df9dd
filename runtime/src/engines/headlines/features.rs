//! The features of a headline, as rows of the weight table.

use super::tokens::{self, HeadlineToken, TokenKind};
use crate::engines::vader;

/// Rows that features share by hash. Half as many lose a thousandth of macro-F1, and twice as many gain nothing.
const HASHED: u32 = 1 << 17;
/// Separate rows for VADER's scores of the text: compound, positive, negative.
const TONES: u32 = 3;
/// All rows.
pub const ROWS: usize = (HASHED + TONES) as usize;

/// The weight of these scores relative to all words together.
const TONE: f64 = 0.5;
/// Lengths of the character n-grams, including the markers at both ends of a word.
const NGRAM_LENGTHS: std::ops::RangeInclusive<usize> = 3..=5;

/// Markers for the beginning and the end of a text.
const START: &str = "^";
const END: &str = "$";
/// Stands for any sequence of names.
const NAME: &str = "N";

/// Rows with the strength of each.
pub type Features = Vec<(u32, f32)>;

/// The features of a text about a subject with one of these names.
#[must_use]
pub fn extract(text: &str, names: &[&str]) -> Features {
    let tokens = tokens::tokenize(text, names);
    let mut words = Vec::with_capacity(tokens.len() * 6);
    unigrams_and_bigrams(&tokens, &mut words);
    shapes(&tokens, &mut words);
    sides(&tokens, &mut words);
    ratings(&tokens, &mut words);
    let mut features = Features::with_capacity(words.len() * 4);
    push_normalized(words, &mut features);
    push_normalized(character_ngrams(&tokens), &mut features);
    let vader = vader::polarity(text);
    for (row, tone) in (HASHED..).zip([vader.compound, vader.positive, vader.negative]) {
        features.push((row, (tone * TONE) as f32));
    }
    features
}

/// An FNV-1a hash with a separator after each part.
#[derive(Clone, Copy)]
struct FeatureHash(u64);

impl FeatureHash {
    fn of(group: u8) -> Self {
        Self(0xcbf2_9ce4_8422_2325).byte(group)
    }

    const fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u64).wrapping_mul(0x0100_0000_01b3))
    }

    fn and(self, part: &str) -> Self {
        part.bytes().fold(self, Self::byte).byte(0xff)
    }

    fn row(self) -> u32 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        (mixed ^ (mixed >> 32)) as u32 % HASHED
    }
}

/// Single words and pairs of words.
fn unigrams_and_bigrams(tokens: &[HeadlineToken], rows: &mut Vec<u32>) {
    let mut last = FeatureHash::of(b'w').and(START);
    for text in tokens.iter().map(|token| token.text.as_str()).chain([END]) {
        rows.push(last.and(text).row());
        last = FeatureHash::of(b'w').and(text);
        rows.push(last.row());
    }
}

/// Bigrams and trigrams in which all names are equal: "N to buy N", "N 's profit".
fn shapes(tokens: &[HeadlineToken], rows: &mut Vec<u32>) {
    let mut shape = vec![START];
    for token in tokens {
        match token.kind {
            TokenKind::Name if shape.last() == Some(&NAME) => {}
            TokenKind::Name => shape.push(NAME),
            _ => shape.push(&token.text),
        }
    }
    shape.push(END);
    for length in 2..=3 {
        rows.extend(
            shape
                .windows(length)
                .map(|some| some.iter().fold(FeatureHash::of(b'g'), |hash, part| hash.and(part)).row()),
        );
    }
}

/// Words by their side of the subject. Distance and clauses were tried, without any gain.
fn sides(tokens: &[HeadlineToken], rows: &mut Vec<u32>) {
    let Some(subject) = tokens.iter().position(|token| token.kind == TokenKind::Subject) else { return };
    let row = |side: u8| move |token: &HeadlineToken| FeatureHash::of(side).and(&token.text).row();
    rows.extend(tokens[..subject].iter().map(row(b'l')));
    rows.extend(tokens[subject + 1..].iter().map(row(b'r')));
}

/// Positive and negative words of VADER's list, and the words next to them.
fn ratings(tokens: &[HeadlineToken], rows: &mut Vec<u32>) {
    for (at, token) in tokens.iter().enumerate() {
        let Some(rating) = vader::rating(&token.text) else { continue };
        let rated = FeatureHash::of(if rating > 0.0 { b'+' } else { b'-' });
        rows.push(rated.row());
        let neighbour = |side: &str, at: usize| Some(rated.and(side).and(&tokens.get(at)?.text).row());
        rows.extend(at.checked_sub(1).and_then(|at| neighbour("before", at)));
        rows.extend(neighbour("behind", at + 1));
    }
}

/// Character n-grams, so that "soared" helps with "soaring". Names are left out: they carry no sentiment.
fn character_ngrams(tokens: &[HeadlineToken]) -> Vec<u32> {
    let mut rows = Vec::with_capacity(tokens.len() * 16);
    let mut chars = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if !(token.kind == TokenKind::Word || (token.kind == TokenKind::Name && at == 0)) {
            continue;
        }
        chars.clear();
        chars.extend(['<'].into_iter().chain(token.text.chars()).chain(['>']));
        for start in 0..chars.len() {
            let mut hash = FeatureHash::of(b'c');
            for (length, c) in (1..=*NGRAM_LENGTHS.end()).zip(&chars[start..]) {
                hash = c.encode_utf8(&mut [0; 4]).bytes().fold(hash, FeatureHash::byte);
                if NGRAM_LENGTHS.contains(&length) {
                    rows.push(hash.row());
                }
            }
        }
    }
    rows
}

/// Adds each row once, scaled so that short and long texts have the same total strength.
fn push_normalized(mut rows: Vec<u32>, features: &mut Features) {
    rows.sort_unstable();
    rows.dedup();
    let each = 1.0 / (rows.len().max(1) as f32).sqrt();
    features.extend(rows.into_iter().map(|row| (row, each)));
}
