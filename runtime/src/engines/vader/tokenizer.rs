//! VADER's tokenizer: emoji become words, words are split at whitespace, and punctuation is trimmed off them.

use std::borrow::Cow;

use super::word_lists::DESCRIPTIONS;

/// A word of the text, with the properties that the rules use.
pub struct Word<'a> {
    /// The word in lower case, as all lists have it.
    pub lower: Cow<'a, str>,
    /// Its rating, if it is in the word list.
    pub rating: Option<f64>,
    /// Whether all its letters are capitals.
    pub capitals: bool,
}

/// Replaces each emoji with its description. Only emoji of a single character are known.
///
/// A space is added before a description unless there is one, and none after it: `😀good` becomes `grinning facegood`, as
/// in the authors' program.
pub fn replace_emoji(text: &str) -> Cow<'_, str> {
    // The lowest emoji is the copyright sign.
    if !text.contains(|c: char| c >= '\u{a9}') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut after_space = true;
    for c in text.chars() {
        match DESCRIPTIONS.get(&*c.encode_utf8(&mut [0; 4])) {
            Some(description) if c >= '\u{a9}' => {
                if !after_space {
                    out.push(' ');
                }
                out.push_str(description);
                after_space = false;
            }
            _ => {
                out.push(c);
                after_space = c == ' ';
            }
        }
    }
    Cow::Owned(out)
}

/// The text without whitespace at both ends.
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_whitespace)
}

/// The words of a text.
pub fn tokenize(text: &str) -> Vec<Word<'_>> {
    text.split(is_whitespace).filter(|token| !token.is_empty()).map(Word::new).collect()
}

impl<'a> Word<'a> {
    fn new(token: &'a str) -> Self {
        let bare = token.trim_matches(|c: char| c.is_ascii_punctuation());
        // With no more than two characters left it is more likely an emoticon than a word.
        let form = if bare.chars().nth(2).is_some() { bare } else { token };
        let lower = lowercase(form);
        Self { rating: super::rating(&lower), capitals: is_capitals(form), lower }
    }
}

fn lowercase(form: &str) -> Cow<'_, str> {
    if form.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(form)
    } else {
        Cow::Owned(form.to_lowercase())
    }
}

/// Whitespace as Python defines it, with four ASCII separators that Unicode leaves out.
fn is_whitespace(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

fn is_capitals(form: &str) -> bool {
    !form.chars().any(|c| c.is_lowercase() || is_titlecase(c)) && form.chars().any(char::is_uppercase)
}

/// Digraphs and Greek letters that combine a capital and a small letter (Unicode category Lt).
fn is_titlecase(c: char) -> bool {
    matches!(c, '\u{1c5}' | '\u{1c8}' | '\u{1cb}' | '\u{1f2}' | '\u{1fbc}' | '\u{1fcc}' | '\u{1ffc}')
        || matches!(c, '\u{1f88}'..='\u{1f8f}' | '\u{1f98}'..='\u{1f9f}' | '\u{1fa8}'..='\u{1faf}')
}
