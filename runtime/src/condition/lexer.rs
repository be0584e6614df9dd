//! Cuts a condition into words: names, texts, numbers and signs.

use super::MOST_BYTES;

/// What is wrong, and at which byte.
pub type Wrong = (usize, String);

/// A word of a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// A name, or one of `true`, `false`, `null` and `in`.
    Name(String),
    /// A text in quotes.
    Text(String),
    /// A number.
    Number(f64),
    /// One of [`SIGNS`].
    Sign(&'static str),
}

/// The signs, the longer ones first.
const SIGNS: [&str; 15] = ["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ",", "."];

/// What people write who know other languages, and what they mean.
const MEANT: [(&str, &str); 3] = [("=", "=="), ("&", "&&"), ("|", "||")];

/// The words of a condition, each with the byte at which it begins.
///
/// # Errors
/// What is no word.
pub fn cut(text: &str) -> Result<Vec<(usize, Word)>, Wrong> {
    if text.len() > MOST_BYTES {
        return Err((0, format!("a condition has {MOST_BYTES} bytes at most, and this one has {}", text.len())));
    }
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or_default();
        let (word, length) = match first {
            ' ' | '\t' | '\n' | '\r' => {
                at += 1;
                continue;
            }
            '"' | '\'' => quoted(rest, first).map_err(|words| (at, words))?,
            '0'..='9' | '-' => number(rest).map_err(|words| (at, words))?,
            _ if first.is_ascii_alphabetic() || first == '_' => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                (Word::Name(rest[..end].to_owned()), end)
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Word::Sign(sign), sign.len()),
                None => return Err((at, stray(first))),
            },
        };
        words.push((at, word));
        at += length;
    }
    Ok(words)
}

fn stray(c: char) -> String {
    match MEANT.iter().find(|(written, _)| written.starts_with(c)) {
        Some((written, meant)) => format!("found `{written}`, which is written `{meant}`"),
        None => format!("found `{}`, which has no meaning here", c.escape_debug()),
    }
}

/// A text in quotes of either kind, in which a backslash makes the next quote or backslash an ordinary character.
fn quoted(rest: &str, quote: char) -> Result<(Word, usize), String> {
    let mut text = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((place, c)) = letters.next() {
        match c {
            _ if c == quote => return Ok((Word::Text(text), place + 1)),
            '\\' => match letters.next() {
                Some((_, c @ ('"' | '\'' | '\\'))) => text.push(c),
                _ => return Err("a backslash stands only before a quote or another backslash".into()),
            },
            _ => text.push(c),
        }
    }
    Err(format!("the text that begins here has no `{quote}` at its end"))
}

/// A number such as `1`, `-0.5`.
fn number(rest: &str) -> Result<(Word, usize), String> {
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-')).unwrap_or(rest.len());
    let written = &rest[..end];
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let bare = written.strip_prefix('-').unwrap_or(written);
    let plain = bare.split_once('.').map_or_else(|| digits(bare), |(whole, part)| digits(whole) && digits(part));
    match written.parse::<f64>() {
        Ok(number) if plain && number.is_finite() => Ok((Word::Number(number), end)),
        _ => Err(format!("`{written}` is not a number such as `0.8`")),
    }
}
