//! The pipeline's words for resources, and values made fit for printing.

use serde_json::Value;

use super::Caller;
use super::flow::Flow;
use super::template::Definition;
use crate::resources::{self, ResourceType};

/// What is lost with a resource of this type, where anything is: `rows`.
pub fn holds(name: &str) -> Option<&'static str> {
    resources::find(name)?.holds
}

/// The properties of which another value is another resource.
pub fn identity(name: &str) -> &'static [&'static str] {
    resources::find(name).map_or(&[], |card| card.identity)
}

/// How many there are of each kind, in words: `2 functions, 4 queues`.
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

/// A resource in words: `function worker`, `dead-letter queue of worker`, `table companies`.
pub fn words(
    id: &str,
    name: &str,
    definition: Option<&Definition>,
    flows: &[&Flow],
    stack: &str,
    by: &Caller<'_>,
) -> String {
    let Some(card) = resources::find(name) else { return format!("{name} {id}") };
    let owner = |ending: &str| {
        let prefix = id.strip_suffix(ending).unwrap_or(id);
        let owner = flows.iter().find_map(|flow| flow.owner(prefix));
        owner.map_or_else(|| prefix.to_owned(), |owner| owner.word.clone())
    };
    let of_sink = |ending: &str| {
        let prefix = id.strip_suffix(ending).unwrap_or(id);
        let sink = flows.iter().find_map(|flow| flow.sink(prefix));
        sink.map_or_else(|| prefix.to_lowercase(), |sink| sink.name.clone())
    };
    let part = |property: &str| {
        let name = definition.and_then(|definition| definition.text(property));
        name.map_or_else(|| owner(card.suffix), |name| short(name, stack, by))
    };
    match card.suffix {
        "" | "Key" | "KeyAlias" => card.noun.to_owned(),
        "Table" => format!("table {}", part("TableName")),
        "Bucket" => format!("bucket {}", part("BucketName")),
        "Function" => format!("function {}", owner("Function")),
        "Queue" if is_listened(id.strip_suffix("Queue").unwrap_or(id), flows) => format!("queue {}", part("QueueName")),
        "Queue" if id.ends_with("DeadQueue") => format!("dead-letter queue of {}", owner("DeadQueue")),
        "Topic" => format!("topic {}", part("TopicName")),
        "Database" => card.noun.to_owned(),
        "Catalog" => format!("catalog table {}", part("TableInput/Name")),
        "Subscription" => format!("subscription to the topic {}", of_sink("Subscription")),
        "Mapping" => format!("mapping to {}", owner("Mapping")),
        "Policy" if is_listened(id.strip_suffix("QueuePolicy").unwrap_or(id), flows) => {
            format!("policy of the queue {}", of_sink("QueuePolicy"))
        }
        "Policy" if id.ends_with("TopicPolicy") => format!("policy of the topic {}", of_sink("TopicPolicy")),
        "Policy" if id.ends_with("DeadQueuePolicy") => {
            format!("policy of the dead-letter queue of {}", owner("DeadQueuePolicy"))
        }
        "Policy" if id.ends_with("QueuePolicy") => format!("policy of the queue of {}", owner("QueuePolicy")),
        "Policy" => format!("policy of the bucket {}", owner("BucketPolicy").to_lowercase()),
        ending => format!("{} of {}", card.noun, owner(ending)),
    }
}

/// Whether something is the queue of a sink, to which others listen, by what its name within the template begins with.
fn is_listened(prefix: &str, flows: &[&Flow]) -> bool {
    flows.iter().any(|flow| flow.sink(prefix).is_some()) && flows.iter().all(|flow| flow.owner(prefix).is_none())
}

/// The part of a physical name that stands in the file: without pipeline and environment, and without the hash or the
/// account and region behind it.
pub fn short(name: &str, stack: &str, by: &Caller<'_>) -> String {
    let part = name.strip_prefix(stack).and_then(|rest| rest.strip_prefix('-')).unwrap_or(name);
    if let Some(bucket) = part.strip_suffix(&format!("-{}-{}", by.account, by.region)) {
        return bucket.to_owned();
    }
    match part.rsplit_once('-') {
        Some((table, hash)) if hash.len() == 6 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => table.to_owned(),
        _ => part.to_owned(),
    }
}

/// Characters of a value that are shown.
const SHOWN: usize = 120;

/// A text fit for printing: on one line, and nothing in it that commands a terminal or turns the direction of writing.
pub fn tidy(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut tidied = String::new();
    for c in text.chars() {
        if c.is_control() || turns(c) || !fanggen_runtime::model::values::printable(c) {
            tidied.extend(c.escape_default());
        } else {
            tidied.push(c);
        }
    }
    tidied
}

/// A value for people: as JSON, and no longer than anybody reads.
pub fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "unset".into() };
    let text = tidy(&value.to_string());
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// So many of something: `1 function`, `2 functions`.
pub fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_printed_commands_the_terminal() {
        assert_eq!(tidy("a\u{1b}[31m\u{202e}\nb\u{9b}"), "a\\u{1b}[31m\\u{202e}\\nb\\u{9b}");
        assert_eq!(shown(Some(&"\u{1b}x".into())), "\"\\u001bx\"");
        assert_eq!(shown(Some(&"x".repeat(500).into())).len(), 123);
        assert_eq!(shown(None), "unset");
    }

    #[test]
    fn a_physical_name_becomes_the_word_of_the_file() {
        let by = Caller { account: "123456789012", partition: "aws", region: "eu-west-1" };
        for (name, expected) in [
            ("fang-dev-companies-182da4", "companies"),
            ("fang-dev-archive-123456789012-eu-west-1", "archive"),
            ("somebody-else", "somebody-else"),
        ] {
            assert_eq!(short(name, "fang-dev", &by), expected);
        }
    }
}
