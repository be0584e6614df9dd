//! A text as VADER takes it: emoji spelled out, cut at blanks, punctuation off the ends of words.

use std::borrow::Cow;

use super::table::EMOJI;

/// A word, with what is asked of it more than once.
pub struct Word<'a> {
    /// In lower case: the form that all lists know.
    pub lower: Cow<'a, str>,
    /// Its rating in the word list, where it has one.
    pub rating: Option<f64>,
    /// Whether its letters are capitals, and there is one at least.
    pub capitals: bool,
}

/// The text with each emoji replaced by what it shows. Only emoji of a single character are known.
///
/// One blank goes before a description that follows anything but a space, and none behind it: `😀good` becomes
/// `grinning facegood`, as it does for VADER's authors.
pub fn spelled_out(text: &str) -> Cow<'_, str> {
    // No emoji is below this one, the copyright sign.
    if !text.contains(|c: char| c >= '\u{a9}') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut after_space = true;
    for c in text.chars() {
        match EMOJI.get(c.encode_utf8(&mut [0; 4])) {
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

/// Without blanks at both ends.
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_blank)
}

/// The words of a text.
pub fn of(text: &str) -> Vec<Word<'_>> {
    text.split(is_blank).filter(|token| !token.is_empty()).map(Word::new).collect()
}

impl<'a> Word<'a> {
    fn new(token: &'a str) -> Self {
        let bare = token.trim_matches(|c: char| c.is_ascii_punctuation());
        // What has no more than two characters left was an emoticon more likely than a word.
        let form = if bare.chars().nth(2).is_some() { bare } else { token };
        let lower = lower(form);
        Self { rating: super::rating(&lower), capitals: is_capitals(form), lower }
    }
}

fn lower(form: &str) -> Cow<'_, str> {
    if form.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(form)
    } else {
        Cow::Owned(form.to_lowercase())
    }
}

/// Blanks in Python's eyes: four separators of ASCII more than in Unicode's.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

fn is_capitals(form: &str) -> bool {
    !form.chars().any(|c| c.is_lowercase() || is_title(c)) && form.chars().any(char::is_uppercase)
}

/// Digraphs and Greek letters that are a capital with something small beside it (Unicode's category Lt).
fn is_title(c: char) -> bool {
    matches!(c, '\u{1c5}' | '\u{1c8}' | '\u{1cb}' | '\u{1f2}' | '\u{1fbc}' | '\u{1fcc}' | '\u{1ffc}')
        || matches!(c, '\u{1f88}'..='\u{1f8f}' | '\u{1f98}'..='\u{1f9f}' | '\u{1fa8}'..='\u{1faf}')
}
