//! Words for types of resources, and values made safe to print.

use serde_json::Value;

use crate::resources::{self, ResourceType};

/// What is lost with a resource of this type, if anything: `rows`.
pub fn holds(name: &str) -> Option<&'static str> {
    resources::find(name)?.holds
}

/// The properties that cannot change in place: another value is another resource.
pub fn identity(name: &str) -> &'static [&'static str] {
    resources::find(name).map_or(&[], |card| card.identity)
}

/// How many there are of each type: `2 functions, 4 queues`.
pub fn counted<'a>(kinds: impl Iterator<Item = &'a str>) -> String {
    let kinds: Vec<&str> = kinds.collect();
    let count = |card: &ResourceType| kinds.iter().filter(|name| **name == card.name).count();
    let mut parts: Vec<String> = resources::ALL
        .iter()
        .map(|card| (count(card), card))
        .filter(|(count, _)| *count > 0)
        .map(|(count, card)| format!("{count} {}", if count == 1 { card.noun } else { card.plural }))
        .collect();
    let others = kinds.iter().filter(|name| resources::find(name).is_none()).count();
    if others > 0 {
        parts.push(format!("{others} more"));
    }
    parts.join(", ")
}

/// A resource that no metadata names.
pub fn unknown(name: &str, id: &str) -> String {
    format!("{} {id}", resources::find(name).map_or(name, |card| card.noun))
}

/// Characters of a value that are shown.
const SHOWN: usize = 120;

/// A text that is safe to print: one line, without control characters or changes of writing direction.
pub fn tidy(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut tidied = String::new();
    for c in text.chars() {
        if c.is_control() || turns(c) || !fanggen_runtime::model::values::is_printable(c) {
            tidied.extend(c.escape_default());
        } else {
            tidied.push(c);
        }
    }
    tidied
}

/// A value for people: JSON, shortened.
pub fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "unset".into() };
    let text = tidy(&value.to_string());
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// A count with its noun: `1 function`, `2 functions`.
pub fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_cannot_control_the_terminal() {
        assert_eq!(tidy("a\u{1b}[31m\u{202e}\nb\u{9b}"), "a\\u{1b}[31m\\u{202e}\\nb\\u{9b}");
        assert_eq!(shown(Some(&"\u{1b}x".into())), "\"\\u001bx\"");
        assert_eq!(shown(Some(&"x".repeat(500).into())).len(), 123);
        assert_eq!(shown(None), "unset");
    }
}
