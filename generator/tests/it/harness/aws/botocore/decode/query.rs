//! Reads the query protocol: one form, in which `Tags.member.1.Key` is the key of the first tag.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::{Model, wire_name};
use super::{member, typed};

/// Parameters of every operation.
const COMMON: [&str; 2] = ["Action", "Version"];

/// The names of what is inside a member, without the part that leads to it, and the values.
type Entries<'a> = Vec<(&'a [String], &'a str)>;

pub fn request(model: &Model, shape: &str, body: &[u8], mistakes: &mut Vec<String>) -> Value {
    let form: Vec<(Vec<String>, String)> = url::form_urlencoded::parse(body)
        .filter(|(name, _)| !COMMON.contains(&name.as_ref()))
        .map(|(name, value)| (name.split('.').map(str::to_owned).collect(), value.into_owned()))
        .collect();
    let entries = form.iter().map(|(name, value)| (name.as_slice(), value.as_str())).collect();
    structure(model, model.shape(shape), &entries, mistakes)
}

/// The entries by the first part of their names.
fn grouped<'a>(entries: &Entries<'a>) -> BTreeMap<&'a str, Entries<'a>> {
    let mut groups: BTreeMap<&str, Entries<'_>> = BTreeMap::new();
    for (name, value) in entries {
        if let Some((first, rest)) = name.split_first() {
            groups.entry(first).or_default().push((rest, value));
        }
    }
    groups
}

/// The entries by number, which have to be 1, 2, 3 and so on.
fn numbered<'a>(entries: &Entries<'a>, path: &str, mistakes: &mut Vec<String>) -> Vec<Entries<'a>> {
    let groups = grouped(entries);
    let by_number: BTreeMap<usize, Entries<'a>> =
        groups.into_iter().filter_map(|(number, inner)| Some((number.parse().ok()?, inner))).collect();
    if !by_number.keys().copied().eq(1..=by_number.len()) {
        mistakes.push(format!("the elements of `{path}` are not numbered from 1: {:?}", by_number.keys()));
    }
    by_number.into_values().collect()
}

fn structure(model: &Model, shape: &Value, entries: &Entries<'_>, mistakes: &mut Vec<String>) -> Value {
    let mut given = Map::new();
    for (wire, inner) in grouped(entries) {
        match member(shape, wire) {
            Some((name, member)) => {
                given.insert(name.to_owned(), value(model, wire, member, &inner, mistakes));
            }
            None => drop(given.insert(wire.to_owned(), inner.first().map_or("", |(_, value)| value).into())),
        }
    }
    Value::Object(given)
}

fn value(model: &Model, path: &str, member: &Value, entries: &Entries<'_>, mistakes: &mut Vec<String>) -> Value {
    let name = member["shape"].as_str().unwrap_or_default();
    let shape = model.shape(name);
    let is_flat = member["flattened"] == true || shape["flattened"] == true;
    let is_empty = matches!(entries.as_slice(), [([], "")]);
    let inside = |name: &str| match is_flat {
        true => entries.clone(),
        false => grouped(entries).remove(name).unwrap_or_default(),
    };
    match shape["type"].as_str() {
        Some("structure") if is_empty => Value::Object(Map::new()),
        Some("structure") => structure(model, shape, entries, mistakes),
        Some("list") if is_empty => Value::Array(Vec::new()),
        Some("list") => {
            let all = numbered(&inside(wire_name("member", &shape["member"])), path, mistakes);
            all.iter().map(|one| value(model, path, &shape["member"], one, mistakes)).collect()
        }
        Some("map") => {
            let (key, inner) = (wire_name("key", &shape["key"]), wire_name("value", &shape["value"]));
            let all = numbered(&inside("entry"), path, mistakes);
            let pair = |one: &Entries<'_>, mistakes: &mut Vec<String>| {
                let parts = grouped(one);
                let name = parts.get(key)?.first()?.1.to_owned();
                Some((name, value(model, path, &shape["value"], parts.get(inner)?, mistakes)))
            };
            Value::Object(all.iter().filter_map(|one| pair(one, mistakes)).collect())
        }
        _ => match entries.as_slice() {
            [([], text)] => typed(model, name, text),
            _ => Value::Array(entries.iter().map(|(name, _)| name.join(".").into()).collect()),
        },
    }
}
