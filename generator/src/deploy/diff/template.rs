//! A template read back, YAML with CloudFormation's short forms or JSON, as plain values with its parameters filled in.

use std::collections::{BTreeMap, BTreeSet};

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

use super::{Caller, Side};

/// Why a template cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Neither YAML nor JSON.
    #[error("the template that {0} cannot be read: {1}")]
    Syntax(Which, String),
    /// Something else than a template.
    #[error("the template that {0} is none of CloudFormation's: {1}")]
    Shape(Which, &'static str),
}

/// Which of the two templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one that is deployed.
    Deployed,
    /// The one that was rendered.
    Rendered,
}

impl std::fmt::Display for Which {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Deployed => "is deployed",
            Self::Rendered => "was rendered",
        })
    }
}

/// What is compared of a template.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// What the stack is for.
    pub description: Option<String>,
    /// The resources, by their names within it.
    pub resources: BTreeMap<String, Definition>,
    /// The names of its outputs.
    pub outputs: BTreeSet<String>,
}

/// A resource as its template defines it. All scalars are texts: CloudFormation takes `3` and `"3"` for the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Its type.
    pub kind: String,
    /// Its properties.
    pub properties: Value,
    /// Everything else that is said of it: policies of deletion, conditions, dependencies.
    pub rest: Map<String, Value>,
    /// The resources that it refers to.
    pub refers: BTreeSet<String>,
}

impl Definition {
    /// A property, by its path.
    pub fn property(&self, path: &str) -> Option<&Value> {
        self.properties.pointer(&format!("/{path}"))
    }

    /// A property that is a text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.property(path)?.as_str()
    }

    /// Whether what it stands for is kept by such a policy (`DeletionPolicy`, `UpdateReplacePolicy`).
    pub fn keeps(&self, policy: &str) -> bool {
        self.rest.get(policy).and_then(Value::as_str).is_some_and(|word| word.starts_with("Retain"))
    }
}

impl Template {
    /// Reads one side.
    pub fn read(side: &Side<'_>, which: Which, caller: &Caller<'_>) -> Result<Self, TemplateError> {
        let tree = tree(side.template).map_err(|words| TemplateError::Syntax(which, words))?;
        let Value::Object(mut tree) = tree else { return Err(TemplateError::Shape(which, "it is no table")) };
        let mut section = |name: &str| match tree.remove(name) {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        };
        let mut filled = Places { texts: caller.places() };
        for (name, parameter) in section("Parameters") {
            let given = side.parameters.get(&name).cloned();
            let default = || parameter.get("Default").and_then(Value::as_str).map(str::to_owned);
            filled.texts.extend(given.or_else(default).map(|text| (name, text)));
        }
        let written = section("Resources");
        if written.is_empty() {
            return Err(TemplateError::Shape(which, "it has no resources"));
        }
        let ids: BTreeSet<String> = written.keys().cloned().collect();
        let mut resources = BTreeMap::new();
        for (id, resource) in written {
            let Value::Object(mut rest) = filled.fill(resource) else {
                return Err(TemplateError::Shape(which, "a resource of it is no table"));
            };
            let Some(Value::String(kind)) = rest.remove("Type") else {
                return Err(TemplateError::Shape(which, "a resource of it has no type"));
            };
            let properties = rest.remove("Properties").unwrap_or_else(|| json!({}));
            rest.remove("Metadata");
            let mut refers = BTreeSet::new();
            mentioned(&properties, &mut refers);
            refers.retain(|name| ids.contains(name));
            resources.insert(id, Definition { kind, properties, rest, refers });
        }
        let outputs = section("Outputs").into_iter().map(|(name, _)| name).collect();
        let description = tree.get("Description").and_then(Value::as_str).map(str::to_owned);
        Ok(Self { description, resources, outputs })
    }
}

fn tree(text: &str) -> Result<Value, String> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map(plain).map_err(|error| error.to_string());
    }
    let mut documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
    match documents.len() {
        1 => value(documents.remove(0)).map(plain),
        count => Err(format!("it has {count} documents")),
    }
}

fn value(node: Yaml<'_>) -> Result<Value, String> {
    Ok(match node {
        Yaml::Value(Scalar::String(text)) => Value::String(text.into_owned()),
        Yaml::Value(Scalar::Integer(number)) => json!(number),
        Yaml::Value(Scalar::FloatingPoint(number)) => json!(*number),
        Yaml::Value(Scalar::Boolean(flag)) => json!(flag),
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Sequence(list) => Value::Array(list.into_iter().map(value).collect::<Result<_, _>>()?),
        Yaml::Mapping(map) => {
            let entry = |(name, inner)| match plain(value(name)?) {
                Value::String(name) => Ok((name, value(inner)?)),
                _ => Err("a name in it is no text".to_owned()),
            };
            Value::Object(map.into_iter().map(entry).collect::<Result<_, String>>()?)
        }
        Yaml::Tagged(tag, inner) => {
            let name = match tag.suffix.as_str() {
                short @ ("Ref" | "Condition") => short.to_owned(),
                short => format!("Fn::{short}"),
            };
            json!({ name: value(*inner)? })
        }
        _ => return Err("a value in it is nothing that a template has".into()),
    })
}

/// One form of what can be written in several: scalars as texts, `Fn::GetAtt` as a list.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::String(number.to_string()),
        Value::Bool(flag) => Value::String(flag.to_string()),
        Value::Array(list) => Value::Array(list.into_iter().map(plain).collect()),
        Value::Object(map) => {
            let entry = |(name, inner): (String, Value)| match &inner {
                Value::String(text) if name == "Fn::GetAtt" => {
                    let (id, attribute) = text.split_once('.').unwrap_or((text, ""));
                    (name, json!([id, attribute]))
                }
                _ => (name, plain(inner)),
            };
            Value::Object(map.into_iter().map(entry).collect())
        }
        other => other,
    }
}

/// What `Ref` and `Fn::Sub` stand for, where it is known beforehand.
struct Places {
    texts: BTreeMap<String, String>,
}

impl Places {
    fn fill(&self, value: Value) -> Value {
        match value {
            Value::Array(list) => Value::Array(list.into_iter().map(|inner| self.fill(inner)).collect()),
            Value::Object(map) if map.len() == 1 => {
                if let Some(known) = map.get("Ref").and_then(Value::as_str).and_then(|name| self.texts.get(name)) {
                    return Value::String(known.clone());
                }
                match map.get("Fn::Sub").and_then(Value::as_str) {
                    Some(text) => self.substitute(text),
                    None => self.fill_all(map),
                }
            }
            Value::Object(map) => self.fill_all(map),
            other => other,
        }
    }

    fn fill_all(&self, map: Map<String, Value>) -> Value {
        Value::Object(map.into_iter().map(|(name, inner)| (name, self.fill(inner))).collect())
    }

    fn substitute(&self, text: &str) -> Value {
        let (mut written, mut meant, mut rest, mut open) = (String::new(), String::new(), text, false);
        while let Some((before, (name, after))) =
            rest.split_once("${").and_then(|(before, tail)| Some((before, tail.split_once('}')?)))
        {
            let (as_written, as_meant) = match (self.texts.get(name), name.strip_prefix('!')) {
                (Some(known), _) => (known.clone(), known.clone()),
                (None, Some(literal)) => (format!("${{{name}}}"), format!("${{{literal}}}")),
                (None, None) => {
                    open = true;
                    (format!("${{{name}}}"), String::new())
                }
            };
            written.extend([before, as_written.as_str()]);
            meant.extend([before, as_meant.as_str()]);
            rest = after;
        }
        if open { json!({ "Fn::Sub": written + rest }) } else { Value::String(meant + rest) }
    }
}

/// The names that a value refers to.
fn mentioned(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(list) => list.iter().for_each(|inner| mentioned(inner, names)),
        Value::Object(map) => {
            names.extend(map.get("Ref").and_then(Value::as_str).map(str::to_owned));
            names.extend(map.get("Fn::GetAtt").and_then(|parts| parts.get(0)?.as_str()).map(str::to_owned));
            if let Some(text) = map.get("Fn::Sub").and_then(|sub| sub.as_str().or_else(|| sub.get(0)?.as_str())) {
                let name = |part: &str| part.split(['}', '.']).next().map(str::to_owned);
                names.extend(text.split("${").skip(1).filter_map(name));
            }
            map.values().for_each(|inner| mentioned(inner, names));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Template, TemplateError> {
        let parameters = BTreeMap::from([("Key".to_owned(), "abc".to_owned())]);
        let caller = Caller { account: "123456789012", partition: "aws", region: "eu-west-1" };
        Template::read(&Side { template: text, parameters: &parameters }, Which::Deployed, &caller)
    }

    #[test]
    fn yaml_with_short_forms_and_json_with_long_ones_are_the_same() {
        let yaml = "Parameters:\n  Key: {Type: String}\n  Size: {Type: Number, Default: 3}\nResources:\n  A:\n    \
                    Type: X\n    DeletionPolicy: Retain\n    Properties:\n      a: !Ref Key\n      b: [!Ref Size, 3]\n      \
                    c: !GetAtt Bb.Arn\n      d: !Sub \"x-${AWS::AccountId}-${!no}\"\n      e: !Sub \"${Bb.Arn}/${Key}\"\n  \
                    Bb: {Type: Y}\n";
        let json = json!({
            "Parameters": { "Key": {}, "Size": { "Default": "3" } },
            "Resources": {
                "A": { "Type": "X", "DeletionPolicy": "Retain", "Properties": {
                    "a": { "Ref": "Key" }, "b": [3, "3"], "c": { "Fn::GetAtt": "Bb.Arn" },
                    "d": "x-123456789012-${no}", "e": { "Fn::Sub": "${Bb.Arn}/abc" },
                } },
                "Bb": { "Type": "Y" },
            },
        });
        let (yaml, json) = (read(yaml).expect("YAML"), read(&json.to_string()).expect("JSON"));
        assert_eq!(yaml.resources, json.resources);
        let a = &yaml.resources["A"];
        assert_eq!(
            (a.text("a"), a.text("d"), a.keeps("DeletionPolicy")),
            (Some("abc"), Some("x-123456789012-${no}"), true)
        );
        assert_eq!(a.refers.iter().collect::<Vec<_>>(), ["Bb"]);
    }

    #[test]
    fn what_is_no_template_is_an_error() {
        for text in
            ["", "[1]", "a: [", "{\"Resources\": 1}", "Resources: {A: 1}", "Resources: {A: {}}", "a: 1\n---\nb: 2", "{"]
        {
            let error = read(text).expect_err(text).to_string();
            assert!(error.starts_with("the template that is deployed "), "{error}");
        }
    }
}
