//! Splits a condition into tokens: names, texts, numbers and symbols.

use super::{MAX_BYTES, SyntaxError};

/// A token of a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// A name, or one of the keywords `true`, `false`, `null` and `in`.
    Name(String),
    /// A quoted text.
    Text(String),
    /// A number.
    Number(f64),
    /// One of [`SYMBOLS`].
    Symbol(&'static str),
}

/// Longer symbols first, so that `<=` is not read as `<` and `=`.
const SYMBOLS: [&str; 15] = ["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ",", "."];

/// Symbols of other languages, and how they are written here.
const COMMON_MISTAKES: [(&str, &str); 3] = [("=", "=="), ("&", "&&"), ("|", "||")];

/// Splits a condition into tokens, each with the byte at which it begins.
///
/// # Errors
/// The first place that is not a token.
pub fn tokenize(text: &str) -> Result<Vec<(usize, Token)>, SyntaxError> {
    if text.len() > MAX_BYTES {
        let message = format!("a condition may have at most {MAX_BYTES} bytes, but this one has {}", text.len());
        return Err(SyntaxError::new(0, message));
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or_default();
        let (token, length) = match first {
            ' ' | '\t' | '\n' | '\r' => {
                at += 1;
                continue;
            }
            '"' | '\'' => quoted(rest, first).map_err(|message| SyntaxError::new(at, message))?,
            '0'..='9' | '-' => number(rest).map_err(|message| SyntaxError::new(at, message))?,
            _ if first.is_ascii_alphabetic() || first == '_' => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                (Token::Name(rest[..end].to_owned()), end)
            }
            _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => (Token::Symbol(symbol), symbol.len()),
                None => return Err(SyntaxError::new(at, unexpected(first))),
            },
        };
        tokens.push((at, token));
        at += length;
    }
    Ok(tokens)
}

fn unexpected(c: char) -> String {
    match COMMON_MISTAKES.iter().find(|(written, _)| written.starts_with(c)) {
        Some((written, meant)) => format!("found `{written}`, use `{meant}`"),
        None => format!("unexpected character `{}`", c.escape_debug()),
    }
}

/// A text in single or double quotes; a backslash escapes a quote or another backslash.
fn quoted(rest: &str, quote: char) -> Result<(Token, usize), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Ok((Token::Text(text), at + 1)),
            '\\' => match chars.next() {
                Some((_, c @ ('"' | '\'' | '\\'))) => text.push(c),
                _ => return Err("a backslash may only escape a quote or another backslash".into()),
            },
            _ => text.push(c),
        }
    }
    Err(format!("this text has no closing `{quote}`"))
}

/// A number such as `1` or `-0.5`.
fn number(rest: &str) -> Result<(Token, usize), String> {
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-')).unwrap_or(rest.len());
    let written = &rest[..end];
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = written.strip_prefix('-').unwrap_or(written);
    let plain =
        unsigned.split_once('.').map_or_else(|| digits(unsigned), |(whole, part)| digits(whole) && digits(part));
    match written.parse::<f64>() {
        Ok(number) if plain && number.is_finite() => Ok((Token::Number(number), end)),
        _ => Err(format!("`{written}` is not a number such as `0.8`")),
    }
}
