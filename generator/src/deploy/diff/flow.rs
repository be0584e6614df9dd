//! The pipeline that a template carries: its functions in their order, and the components that their variables hold.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::template::{Definition, Template};

/// The type of a function.
pub const FUNCTION: &str = crate::resources::lambda::FUNCTION.name;

/// A component as a function is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Its path: `stages.summary`.
    pub path: String,
    /// Its name.
    pub name: String,
    /// The settings of its type, without what is derived.
    pub settings: Map<String, Value>,
    /// How fast it may call upstream, which is derived.
    pub pace: Option<Value>,
    /// The physical name of its store.
    pub on: Option<String>,
    /// The word for its function.
    pub function: String,
    /// That function within the template.
    pub id: String,
}

/// What the functions of a template say of their pipeline.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// Word and first path of each function, by what its resources' names begin with.
    pub owners: BTreeMap<String, Owner>,
    /// All components: sources, stages and sinks, each in their order.
    pub components: Vec<Component>,
    /// Every other variable, by function and name.
    pub others: BTreeMap<(String, String), Value>,
}

/// Whose a resource is.
#[derive(Clone, Debug, PartialEq)]
pub struct Owner {
    /// The word: `worker`.
    pub word: String,
    /// The path that asked for it.
    pub path: String,
}

impl Flow {
    /// Reads it from a template.
    pub fn of(template: &Template) -> Self {
        let mut flow = Self::default();
        let schedule = Owner { word: "schedule".into(), path: "schedule".into() };
        flow.owners.insert("Schedule".into(), schedule);
        for id in in_order(template) {
            let Some(function) = template.resources.get(id) else { continue };
            let prefix = id.strip_suffix("Function").unwrap_or(id);
            let word = function.text("Environment/Variables/FANG_FUNCTION").unwrap_or(prefix).to_owned();
            let first = flow.components.len();
            flow.read(id, &word, function);
            let stage = flow.components[first..].iter().find(|part| part.path.starts_with("stages."));
            let path = match stage {
                Some(stage) if word != "producer" => stage.path.clone(),
                _ if word == "producer" => "schedule".into(),
                _ => "stages".into(),
            };
            flow.owners.insert(prefix.to_owned(), Owner { word, path });
        }
        flow
    }

    fn read(&mut self, id: &str, word: &str, function: &Definition) {
        let Some(Value::Object(variables)) = function.property("Environment/Variables") else { return };
        let mut left: BTreeSet<&str> = variables.keys().map(String::as_str).collect();
        for (prefix, section) in [("FANG_SOURCE_", "sources"), ("FANG_STAGE_", "stages"), ("FANG_SINK_", "sinks")] {
            for place in 0..variables.len() {
                let (key, on) = (format!("{prefix}{place}"), format!("{prefix}{place}_ON"));
                let Some(text) = variables.get(&key).and_then(Value::as_str) else { break };
                let Ok(Value::Object(mut settings)) = serde_json::from_str(text) else { continue };
                let Some(Value::String(name)) = settings.remove("name") else { continue };
                left.remove(key.as_str());
                left.remove(on.as_str());
                self.components.push(Component {
                    path: format!("{section}.{name}"),
                    name,
                    pace: settings.remove("pace"),
                    settings,
                    on: variables.get(&on).and_then(Value::as_str).map(str::to_owned),
                    function: word.to_owned(),
                    id: id.to_owned(),
                });
            }
        }
        let other = |name: &str| Some(((id.to_owned(), name.to_owned()), variables.get(name)?.clone()));
        self.others.extend(left.into_iter().filter_map(other));
    }

    /// A component by its path.
    pub fn component(&self, path: &str) -> Option<&Component> {
        self.components.iter().find(|component| component.path == path)
    }

    /// The sink whose resources' names begin so.
    pub fn sink(&self, prefix: &str) -> Option<&Component> {
        let mut sinks = self.components.iter().filter(|component| component.path.starts_with("sinks."));
        sinks.find(|sink| capitals(&sink.name) == prefix)
    }

    /// The paths of the stages, in their order.
    pub fn stages(&self) -> Vec<&str> {
        self.components.iter().map(|part| part.path.as_str()).filter(|path| path.starts_with("stages.")).collect()
    }

    /// Whose resource this is, by its name within the template without the ending of its kind.
    pub fn owner(&self, prefix: &str) -> Option<&Owner> {
        self.owners.get(prefix)
    }
}

/// The functions along the queues between them, from the one that no other sends to; those off the way come last.
fn in_order(template: &Template) -> Vec<&str> {
    let functions: BTreeMap<&str, &Definition> = template
        .resources
        .iter()
        .filter(|(_, resource)| resource.kind == FUNCTION)
        .map(|(id, resource)| (id.as_str(), resource))
        .collect();
    let next = |function: &Definition| {
        let queue = function.property("Environment/Variables/FANG_OUT")?.get("Ref")?.as_str()?;
        let id = format!("{}Function", queue.strip_suffix("Queue")?);
        functions.get_key_value(id.as_str()).map(|(id, _)| *id)
    };
    let targets: BTreeSet<&str> = functions.values().filter_map(|function| next(function)).collect();
    let mut order: Vec<&str> = Vec::new();
    let firsts = functions.keys().filter(|id| !targets.contains(*id)).chain(functions.keys());
    for first in firsts {
        let mut at = Some(*first);
        while let Some(id) = at.filter(|id| !order.contains(id)) {
            order.push(id);
            at = functions.get(id).and_then(|function| next(function));
        }
    }
    order
}

/// A path as names within a template are made of it: `sinks.archive` becomes `SinksArchive`.
pub fn capitals(path: &str) -> String {
    let parts = path.split(|c: char| !c.is_ascii_alphanumeric());
    parts
        .flat_map(|part| {
            let mut letters = part.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<Vec<_>>()
        })
        .collect()
}
