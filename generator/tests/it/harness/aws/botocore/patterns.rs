//! The patterns of the models, which are written for Java.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use fancy_regex::Regex;

/// Whether a whole text matches a pattern.
pub fn matches(pattern: &str, text: &str) -> bool {
    static KNOWN: Mutex<BTreeMap<String, Regex>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let regex = known.entry(pattern.to_owned()).or_insert_with(|| {
        compiled(pattern).unwrap_or_else(|error| panic!("no pattern for these tests: `{pattern}`: {error}"))
    });
    regex.is_match(text).unwrap_or_else(|error| panic!("`{pattern}` on `{text}`: {error}"))
}

/// A pattern of Java's as one of Rust's.
fn compiled(pattern: &str) -> Result<Regex, Box<fancy_regex::Error>> {
    const SPELLINGS: [(&str, &str); 6] = [
        // Two halves of a character beyond the 65,536th, and a number that Java reads only the first four digits of.
        (r"\uD800\uDC00-\uDBFF\uDFFF", r"\u{10000}-\u{10FFFF}"),
        (r"\u10000-\u10FFFF", r"\u{10000}-\u{10FFFF}"),
        (r"\p{Print}", r"[\x20-\x7E]"),
        (r"\p{ASCII}", r"[\x00-\x7F]"),
        (r"\p{Graph}", r"[\x21-\x7E]"),
        (r"\p{Alnum}", r"[0-9A-Za-z]"),
    ];
    // After a class, Java takes a hyphen for itself.
    let pattern = [r"\w-", r"\d-", r"\s-"]
        .iter()
        .fold(pattern.to_owned(), |text, class| text.replace(class, &format!("{}\\-", &class[..2])));
    let pattern = SPELLINGS.iter().fold(pattern, |text, (from, to)| text.replace(from, to));
    Regex::new(&format!("^(?:{pattern})$")).map_err(Box::new)
}
