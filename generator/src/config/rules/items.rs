//! The items that are written in the file: each has a key, once, and attributes that stages know.

use std::collections::BTreeMap;

use fanggen_runtime::items::{ATTRIBUTES, Written};
use fanggen_runtime::tree::{Span, Tree, Value, listed};
use fanggen_runtime::values::Language;

use crate::config::mistake::{Mistake, did_you_mean};
use crate::config::pipeline::Component;

/// The longest key: DynamoDB's limit for a partition key is 2,048 bytes, and half of it leaves room for others
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
const KEY_BYTES: usize = 1_024;

pub fn check(source: &Component, mistakes: &mut Vec<Mistake>) {
    let Some(seed) = source.settings.seed() else { return };
    let places: Vec<&Tree> = match super::entry(&source.tree, &["items"]).map(|entry| &entry.tree.value) {
        Some(Value::List(list)) => list.iter().collect(),
        _ => return,
    };
    let mut seen: BTreeMap<&str, &Span> = BTreeMap::new();
    for (written, place) in seed.items.iter().zip(&places) {
        let key = match written {
            Written::Key(key) => Some(key),
            Written::Row(cells) => cells.get(seed.key),
        };
        let Some(key) = key.filter(|key| !key.trim().is_empty()) else {
            let title = format!("an item of source `{}` has no key", source.name);
            mistakes.push(
                Mistake::new("E030", &place.span, title, format!("`{}` is missing here", seed.key))
                    .allowed(format!("a text, or a table with `{}`", seed.key)),
            );
            continue;
        };
        if key.len() > KEY_BYTES || key.chars().any(char::is_control) {
            mistakes.push(
                Mistake::new("E032", &place.span, "this key cannot be stored", format!("a key of {} bytes", key.len()))
                    .allowed(format!("up to {KEY_BYTES} bytes without control characters")),
            );
        }
        if let Some(first) = seen.insert(key, &place.span) {
            mistakes.push(
                Mistake::new("E031", &place.span, format!("the item `{key}` is listed twice"), "the same key again")
                    .other(first, "the first of that key"),
            );
        }
        attributes(place, seed.key, mistakes);
    }
    if let Some(most) = seed.most_bytes {
        let bytes = serde_json::to_vec(seed.items).map_or(0, |json| json.len());
        if bytes > most {
            let title = format!("the items of source `{}` do not fit into the schedule's input", source.name);
            mistakes.push(
                Mistake::new("E033", &source.span, title, format!("{bytes} bytes of items"))
                    .allowed(format!("up to {most} bytes"))
                    .help("use `type = \"dynamodb\"`, whose table holds any number".to_owned()),
            );
        }
    }
}

/// The attributes of an item that is written as a table.
fn attributes(place: &Tree, key: &str, mistakes: &mut Vec<Mistake>) {
    let Some(table) = place.table() else { return };
    for (name, entry) in table {
        if name != key && !ATTRIBUTES.contains(&name.as_str()) {
            let mut known = vec![key];
            known.extend(ATTRIBUTES);
            mistakes.push(
                Mistake::new("E034", &entry.key, format!("an item has no attribute `{name}`"), "unknown attribute")
                    .allowed(listed(&known))
                    .help(
                        did_you_mean(name, &known)
                            .or_else(|| Some(format!("put it into `labels = {{ {name} = .. }}`"))),
                    ),
            );
        }
        if let (true, Some(language)) = (name == "language", entry.tree.text())
            && let Err(allowed) = Language::new(language)
        {
            let title = format!("`{language}` is no language");
            mistakes.push(Mistake::new("E035", &entry.tree.span, title, "not a language tag").allowed(allowed));
        }
    }
}
