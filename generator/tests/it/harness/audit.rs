//! A template as a security reviewer reads it, and rules about it.
#![allow(clippy::panic, reason = "a test whose template lacks what it is about has nothing to judge")]

use serde_json::{Map, Value};

use super::yaml;

mod rules;

pub use rules::RULES;

/// A template: its text, for its comments, and its value.
#[derive(Clone)]
pub struct Template {
    pub text: String,
    pub value: Value,
}

impl Template {
    pub fn of(text: &str) -> Self {
        Self { value: yaml::read(text).expect("a template"), text: text.to_owned() }
    }

    /// The resources of a type: name and properties.
    pub fn each<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let all = self.value["Resources"].as_object().expect("resources").iter();
        all.filter(move |(_, one)| one["Type"] == kind).map(|(id, one)| (id.as_str(), &one["Properties"]))
    }

    fn resources(&self) -> &Map<String, Value> {
        self.value["Resources"].as_object().expect("resources")
    }

    /// The properties of the first resource of a type, to be changed.
    fn first(&mut self, kind: &str) -> &mut Value {
        let all = self.value["Resources"].as_object_mut().expect("resources");
        let one = all.values_mut().find(|one| one["Type"] == kind);
        &mut one.unwrap_or_else(|| panic!("no {kind}"))["Properties"]
    }

    fn has_key(&self) -> bool {
        self.each("AWS::KMS::Key").next().is_some()
    }

    /// All statements of all policies, each with the name of its resource.
    fn statements(&self) -> Vec<(&str, &Value)> {
        let mut found = Vec::new();
        for (id, one) in self.resources() {
            statements(&one["Properties"], &mut |statement| found.push((id.as_str(), statement)));
        }
        found
    }

    /// The comment before a statement of a resource.
    fn comment(&self, id: &str, sid: &str) -> Option<&str> {
        let start = self.text.find(&format!("\n  {id}:\n"))?;
        let (before, _) = self.text[start..].split_once(&format!("- Sid: {sid}\n"))?;
        before.trim_end().rsplit('\n').next()?.trim().strip_prefix("# ")
    }
}

/// A rule: its name, how violations are found, and changes that violate it.
pub struct Rule {
    pub name: &'static str,
    pub faults: fn(&Template) -> Vec<String>,
    /// Each removes one property, and must be found.
    pub breaks: &'static [fn(&mut Template)],
}

fn statements<'a>(value: &'a Value, found: &mut impl FnMut(&'a Value)) {
    match value {
        Value::Object(table) => {
            for (name, inner) in table {
                if name == "Statement" {
                    inner.as_array().expect("a list").iter().for_each(&mut *found);
                } else {
                    statements(inner, found);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| statements(inner, found)),
        _ => {}
    }
}

/// A string, or the strings of a list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    list.iter().filter_map(Value::as_str)
}

/// All strings at any depth.
fn texts_within(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(table) => table.values().flat_map(texts_within).collect(),
        Value::Array(list) => list.iter().flat_map(texts_within).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

fn remove(value: &mut Value, name: &str) -> Value {
    value.as_object_mut().and_then(|table| table.remove(name)).unwrap_or_else(|| panic!("no {name}"))
}
