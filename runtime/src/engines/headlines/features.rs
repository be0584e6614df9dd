//! What the model looks at in a headline, as rows of its table.

use super::tokens::{self, Kind, Token};
use crate::engines::vader;

/// Rows that features share by their hash: half of them lose a thousandth of macro-F1, twice as many win nothing.
const HASHED: u32 = 1 << 17;
/// Rows of their own, for what VADER's rules say of the whole: compound, positive, negative.
const TONES: u32 = 3;
/// All rows.
pub const ROWS: usize = (HASHED + TONES) as usize;

/// How loud a tone is beside all words together.
const TONE: f64 = 0.5;
/// Lengths of the pieces of words, with the signs at their ends.
const PIECES: std::ops::RangeInclusive<usize> = 3..=5;

/// Where a text begins and ends.
const START: &str = "^";
const END: &str = "$";
/// Names beside one another, whatever they are.
const NAME: &str = "N";

/// Rows, and how strongly each speaks.
pub type Features = Vec<(u32, f32)>;

/// The features of a text for what has one of these names.
#[must_use]
pub fn of(text: &str, names: &[&str]) -> Features {
    let tokens = tokens::of(text, names);
    let mut words = Vec::with_capacity(tokens.len() * 6);
    neighbours(&tokens, &mut words);
    shapes(&tokens, &mut words);
    sides(&tokens, &mut words);
    ratings(&tokens, &mut words);
    let mut features = Features::with_capacity(words.len() * 4);
    evenly(words, &mut features);
    evenly(pieces(&tokens), &mut features);
    let said = vader::polarity(text);
    for (row, tone) in (HASHED..).zip([said.compound, said.positive, said.negative]) {
        features.push((row, (tone * TONE) as f32));
    }
    features
}

/// A hash in the making: FNV-1a, with an end after each part.
#[derive(Clone, Copy)]
struct Hash(u64);

impl Hash {
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

/// Words alone and in pairs.
fn neighbours(tokens: &[Token], rows: &mut Vec<u32>) {
    let mut last = Hash::of(b'w').and(START);
    for text in tokens.iter().map(|token| token.text.as_str()).chain([END]) {
        rows.push(last.and(text).row());
        last = Hash::of(b'w').and(text);
        rows.push(last.row());
    }
}

/// Pairs and threes of words in which every name is the same: "N to buy N", "N 's profit".
fn shapes(tokens: &[Token], rows: &mut Vec<u32>) {
    let mut shape = vec![START];
    for token in tokens {
        match token.kind {
            Kind::Name if shape.last() == Some(&NAME) => {}
            Kind::Name => shape.push(NAME),
            _ => shape.push(&token.text),
        }
    }
    shape.push(END);
    for length in 2..=3 {
        rows.extend(
            shape.windows(length).map(|some| some.iter().fold(Hash::of(b'g'), |hash, part| hash.and(part)).row()),
        );
    }
}

/// On which side of the subject each word stands. Distance and clauses were tried, and say no more.
fn sides(tokens: &[Token], rows: &mut Vec<u32>) {
    let Some(subject) = tokens.iter().position(|token| token.kind == Kind::Subject) else { return };
    let row = |side: u8| move |token: &Token| Hash::of(side).and(&token.text).row();
    rows.extend(tokens[..subject].iter().map(row(b'l')));
    rows.extend(tokens[subject + 1..].iter().map(row(b'r')));
}

/// Good and bad words of VADER's list, and the words beside them.
fn ratings(tokens: &[Token], rows: &mut Vec<u32>) {
    for (at, token) in tokens.iter().enumerate() {
        let Some(rating) = vader::rating(&token.text) else { continue };
        let rated = Hash::of(if rating > 0.0 { b'+' } else { b'-' });
        rows.push(rated.row());
        let beside = |side: &str, at: usize| Some(rated.and(side).and(&tokens.get(at)?.text).row());
        rows.extend(at.checked_sub(1).and_then(|at| beside("before", at)));
        rows.extend(beside("behind", at + 1));
    }
}

/// Pieces of words, so that "soared" says something of "soaring". Names are left out: whose they are says nothing.
fn pieces(tokens: &[Token]) -> Vec<u32> {
    let mut rows = Vec::with_capacity(tokens.len() * 16);
    let mut chars = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if !(token.kind == Kind::Word || (token.kind == Kind::Name && at == 0)) {
            continue;
        }
        chars.clear();
        chars.extend(['<'].into_iter().chain(token.text.chars()).chain(['>']));
        for start in 0..chars.len() {
            let mut hash = Hash::of(b'c');
            for (length, c) in (1..=*PIECES.end()).zip(&chars[start..]) {
                hash = c.encode_utf8(&mut [0; 4]).bytes().fold(hash, Hash::byte);
                if PIECES.contains(&length) {
                    rows.push(hash.row());
                }
            }
        }
    }
    rows
}

/// Each row once, all of them together as strong for a short text as for a long one.
fn evenly(mut rows: Vec<u32>, features: &mut Features) {
    rows.sort_unstable();
    rows.dedup();
    let each = 1.0 / (rows.len().max(1) as f32).sqrt();
    features.extend(rows.into_iter().map(|row| (row, each)));
}
