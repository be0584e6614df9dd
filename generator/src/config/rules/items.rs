//! The items in the file: each has a unique key, and known attributes.

use std::collections::BTreeMap;

use fanggen_runtime::component::{ComponentRole, SeedItems};
use fanggen_runtime::model::items::{ATTRIBUTES, InlineItem, MAX_KEY_BYTES, invalid_key};
use fanggen_runtime::model::tree::{Span, Tree, Value, quoted_list};
use fanggen_runtime::model::values::{HttpUrl, Language};

use crate::config::mistake::{Mistake, MistakeCode};
use crate::config::pipeline::{ComponentConfig, Pipeline};
use crate::config::suggestion::did_you_mean;

pub fn check(pipeline: &Pipeline, mistakes: &mut Vec<Mistake>) {
    // All sources that travel in the schedule's input share it.
    let mut carried = 0;
    // A record is known by its run and item, whichever source the item is of.
    let mut seen = BTreeMap::new();
    for source in &pipeline.sources {
        of_source(source, &mut seen, mistakes);
        if let Some((seed, most)) = source.settings.seed().and_then(|seed| Some((seed, seed.max_bytes?))) {
            size(source, seed, most, &mut carried, mistakes);
        }
    }
}

/// Whether the items of a source still fit into the schedule's input.
fn size(source: &ComponentConfig, seed: SeedItems<'_>, most: usize, carried: &mut usize, mistakes: &mut Vec<Mistake>) {
    if seed.items.is_empty() {
        let title = format!("source `{}` has no items, so no run gets any items from it", source.name);
        mistakes.push(
            Mistake::new(MistakeCode::NoItems, &source.span, title, "no items")
                .help("add `items = [\"..\"]`".to_owned()),
        );
    }
    let bytes = serde_json::to_vec(seed.items).map_or(0, |json| json.len());
    let before = *carried;
    *carried += bytes;
    if *carried > most && before <= most {
        let title = format!("the items of source `{}` do not fit into the schedule's input", source.name);
        let found = match before {
            0 => format!("{bytes} bytes of items"),
            before => format!("{bytes} bytes of items, after {before} bytes of the sources before it"),
        };
        mistakes.push(
            Mistake::new(MistakeCode::ItemsTooLarge, &source.span, title, found)
                .allowed(format!("up to {most} bytes for all sources together"))
                .help(format!(
                    "move them to a source type with more room: {}",
                    super::types(ComponentRole::Source, |card| card.name != source.kind.card.name)
                )),
        );
    }
}

/// Where a key was first written: in which source, and its place.
type Seen<'a> = BTreeMap<&'a str, (&'a str, &'a Span)>;

fn of_source<'a>(source: &'a ComponentConfig, seen: &mut Seen<'a>, mistakes: &mut Vec<Mistake>) {
    let Some(seed) = source.settings.seed() else { return };
    let places: Vec<&Tree> = match super::entry(&source.tree, &["items"]).map(|entry| &entry.tree.value) {
        Some(Value::List(list)) => list.iter().collect(),
        _ => return,
    };
    for (written, place) in seed.items.iter().zip(&places) {
        let Some(key) = check_key(written, place, seed.key, &format!("source `{}`", source.name), mistakes) else {
            continue;
        };
        let (other, first) = *seen.entry(key).or_insert((&source.name, &place.span));
        if *first != place.span {
            let (title, help) = if other == source.name {
                (format!("the item `{key}` is listed twice"), None)
            } else {
                let title = format!("the item `{key}` is listed in source `{other}` and in source `{}`", source.name);
                let help = "a record is identified by its run and its item, so one of the two would be lost";
                (title, Some(help.to_owned()))
            };
            mistakes.push(
                Mistake::new(MistakeCode::DuplicateItem, &place.span, title, "duplicate key")
                    .other(first, "first used here")
                    .help(help),
            );
        }
        attributes(place, seed.key, mistakes);
    }
}

/// The key of an item, if it has one. Whether it can be stored is checked.
fn check_key<'a>(
    written: &'a InlineItem,
    place: &Tree,
    column: &str,
    owner: &str,
    mistakes: &mut Vec<Mistake>,
) -> Option<&'a String> {
    let key = match written {
        InlineItem::Key(key) => Some(key),
        InlineItem::Row(cells) => cells.get(column),
    };
    let Some(key) = key.filter(|key| !key.trim().is_empty()) else {
        let title = format!("an item of {owner} has no key");
        mistakes.push(
            Mistake::new(MistakeCode::ItemWithoutKey, &place.span, title, format!("`{column}` is missing"))
                .allowed(format!("a string, or a table with `{column}`")),
        );
        return None;
    };
    if let Some(found) = invalid_key(key) {
        mistakes.push(
            Mistake::new(MistakeCode::InvalidItemKey, place_of(place, column), "this key cannot be stored", found)
                .allowed(format!("up to {MAX_KEY_BYTES} bytes without control characters")),
        );
    }
    Some(key)
}

/// The items of a test, in which no key may occur twice.
pub(super) fn check_listed(
    items: &[InlineItem],
    places: &[Tree],
    column: &str,
    owner: &str,
    mistakes: &mut Vec<Mistake>,
) {
    let mut seen: BTreeMap<&str, &Span> = BTreeMap::new();
    for (written, place) in items.iter().zip(places) {
        let Some(key) = check_key(written, place, column, owner, mistakes) else { continue };
        let first = *seen.entry(key).or_insert(&place.span);
        if *first != place.span {
            mistakes.push(
                Mistake::new(
                    MistakeCode::DuplicateItem,
                    &place.span,
                    format!("the item `{key}` is listed twice"),
                    "duplicate key",
                )
                .other(first, "first used here"),
            );
        }
        attributes(place, column, mistakes);
    }
}

/// Where the key of an item stands.
fn place_of<'a>(item: &'a Tree, key: &str) -> &'a Span {
    super::entry(item, &[key]).map_or(&item.span, |entry| &entry.tree.span)
}

/// The attributes of an item that is written as a table.
fn attributes(place: &Tree, key: &str, mistakes: &mut Vec<Mistake>) {
    let Some(table) = place.as_table() else { return };
    for (name, entry) in table {
        if name != key && !ATTRIBUTES.contains(&name.as_str()) {
            let mut known = vec![key];
            known.extend(ATTRIBUTES);
            mistakes.push(
                Mistake::new(
                    MistakeCode::UnknownAttribute,
                    &entry.key,
                    format!("items have no attribute `{name}`"),
                    "unknown attribute",
                )
                .allowed(quoted_list(&known))
                .help(did_you_mean(name, &known).or_else(|| Some(format!("put it into `labels = {{ {name} = .. }}`")))),
            );
        }
        if let (true, Some(language)) = (name == "language", entry.tree.as_str())
            && let Err(allowed) = Language::new(language)
        {
            let title = format!("`{language}` is not a language");
            mistakes.push(
                Mistake::new(MistakeCode::InvalidLanguage, &entry.tree.span, title, "not a language tag")
                    .allowed(allowed),
            );
        }
        if let (true, Some(address)) = (["feed", "url"].contains(&name.as_str()), entry.tree.as_str())
            && let Err(allowed) = HttpUrl::new(address)
        {
            let title = format!("the {name} `{address}` is not a valid address");
            mistakes.push(
                Mistake::new(MistakeCode::InvalidUrl, &entry.tree.span, title, "not a web address").allowed(allowed),
            );
        }
        // Labels lie beside the attributes in a row of the table: one of the same name would take its place.
        for (label, entry) in entry.tree.as_table().into_iter().flatten().filter(|_| name == "labels") {
            if label == key || ATTRIBUTES.contains(&label.as_str()) {
                let title = format!("`{label}` cannot be a label, since it is an attribute");
                mistakes.push(
                    Mistake::new(MistakeCode::ReservedLabel, &entry.key, title, "the name of an attribute")
                        .help("write it beside `labels`, or rename the label".to_owned()),
                );
            }
        }
    }
}
