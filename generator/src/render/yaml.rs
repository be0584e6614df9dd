//! Values in YAML: plain where they cannot be misread, otherwise safely quoted.

use std::fmt::Write as _;

use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Error, ErrorKind, Output, State, escape_formatter};

/// Words that YAML 1.1 parsers do not read as strings.
const TAKEN: [&str; 11] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf"];

/// Writes a value: as a whole scalar in YAML, unchanged elsewhere.
pub fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if !matches!(state.auto_escape(), AutoEscape::Json) || value.is_safe() {
        return escape_formatter(out, state, value);
    }
    out.write_str(&scalar(value)?).map_err(Error::from)
}

/// A filter for text in a comment or in double quotes of a recipe: one line, without characters that are special to a
/// shell, make or YAML.
pub fn line(text: &str) -> Value {
    let safe = |c: char| match c {
        _ if c.is_control() => ' ',
        '$' | '`' | '\\' | '"' | '#' => '_',
        other => other,
    };
    Value::from_safe_string(text.chars().map(safe).collect())
}

fn scalar(value: &Value) -> Result<String, Error> {
    if let Some(text) = value.as_str() {
        return Ok(if plain(text) { text.to_owned() } else { quoted(text) });
    }
    if value.kind() == ValueKind::Map
        && let Some(short) = intrinsic(value)
    {
        return Ok(short);
    }
    // Lists and maps go on one line as JSON, which is valid YAML.
    let json = serde_json::to_string(value)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, "a value has no JSON").with_source(error))?;
    Ok(printable(&json))
}

/// The short form of an intrinsic function, which is easier to read.
fn intrinsic(value: &Value) -> Option<String> {
    let mut keys = value.try_iter().ok()?;
    let key = keys.next()?;
    let key = key.as_str().filter(|_| value.len() == Some(1))?;
    let inner = value.get_attr(key).ok()?;
    match key {
        "Fn::Sub" => Some(format!("!Sub {}", quoted(inner.as_str()?))),
        "Fn::GetAtt" => {
            let parts: Vec<Value> = inner.try_iter().ok()?.collect();
            let words: Option<Vec<&str>> = parts.iter().map(|part| part.as_str().filter(|word| plain(word))).collect();
            Some(format!("!GetAtt {}", words?.join(".")))
        }
        "Ref" => Some(format!("!Ref {}", inner.as_str().filter(|id| plain(id))?)),
        _ => None,
    }
}

/// Whether every parser reads the unquoted text as the same string.
fn plain(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.'))
        && !TAKEN.contains(&text.to_ascii_lowercase().as_str())
}

fn quoted(text: &str) -> String {
    printable(&serde_json::Value::from(text).to_string())
}

/// Escapes non-ASCII characters, which JSON leaves as they are.
fn printable(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        // Parsers differ beyond ASCII: some reject emoji, and GetTemplate returns question marks.
        let _ = match u32::from(c) {
            0x20..=0x7e => out.write_char(c),
            code @ 0..=0xffff => write!(out, "\\u{code:04x}"),
            code => write!(out, "\\U{code:08x}"),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_text_is_quoted() {
        for text in [
            "",
            "yes",
            "No",
            "null",
            "1e3",
            "0123",
            "a: b",
            "- z",
            "#x",
            "{{ y }}",
            "a\nb",
            "'",
            "a b",
            "2026-01-01",
            "=",
            "~",
            "\u{85}",
            "\u{fc}",
            "\u{1f600}",
        ] {
            let written = scalar(&Value::from(text)).expect("a scalar");
            assert!(written.starts_with('"') && written.ends_with('"'), "{text:?} became {written}");
            assert!(written.is_ascii(), "{text:?} became {written:?}");
        }
        assert_eq!(scalar(&Value::from("rate")).expect("a scalar"), "rate");
    }

    #[test]
    fn text_in_a_comment_stays_on_one_line() {
        assert_eq!(line("a\n- b $(c) `d`").as_str(), Some("a - b _(c) _d_"));
    }
}
