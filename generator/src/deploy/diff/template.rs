//! Reads a template, YAML with short forms or JSON, into plain values with its parameters filled in.

use std::collections::{BTreeMap, BTreeSet};

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

use super::{Caller, Side};
use crate::metadata::{ResourceMetadata, TemplateMetadata};

/// A template that cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Neither YAML nor JSON.
    #[error("the template that {0} cannot be read: {1}")]
    Syntax(Which, String),
    /// Not a template.
    #[error("the template that {0} is not one of CloudFormation: {1}")]
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
    /// What the template says about itself; nothing in a template of an older fanggen.
    pub metadata: Option<TemplateMetadata>,
    /// The parameters of the stack.
    pub parameters: BTreeMap<String, String>,
    /// What the stack is for.
    pub description: Option<String>,
    /// The resources, by their logical IDs.
    pub resources: BTreeMap<String, Definition>,
    /// The names of its outputs.
    pub outputs: BTreeSet<String>,
}

/// A resource as its template defines it. All scalars are texts: to CloudFormation `3` and `"3"` are the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Its type.
    pub kind: String,
    /// Its properties.
    pub properties: Value,
    /// Its attributes: deletion policy, condition, dependencies.
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

    /// Whether such a policy (`DeletionPolicy`, `UpdateReplacePolicy`) retains it.
    pub fn keeps(&self, policy: &str) -> bool {
        self.rest.get(policy).and_then(Value::as_str).is_some_and(|word| word.starts_with("Retain"))
    }
}

impl Definition {
    /// The names of the properties and attributes that differ.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let different = |these: &Map<String, Value>, those: &Map<String, Value>| -> Vec<String> {
            let names: BTreeSet<&String> = these.keys().chain(those.keys()).collect();
            names.into_iter().filter(|name| these.get(*name) != those.get(*name)).cloned().collect()
        };
        let properties = |side: &'_ Value| side.as_object().cloned().unwrap_or_default();
        let mut all = different(&properties(&self.properties), &properties(&other.properties));
        all.extend(different(&self.rest, &other.rest));
        all
    }
}

impl Template {
    /// What the template says about a resource.
    pub fn about(&self, id: &str) -> Option<&ResourceMetadata> {
        self.metadata.as_ref()?.resources.get(id)
    }

    /// Reads one side.
    pub fn read(side: &Side<'_>, which: Which, caller: &Caller<'_>) -> Result<Self, TemplateError> {
        let mut tree = tree(side.template).map_err(|words| TemplateError::Syntax(which, words))?;
        // Settings keep their types: `3` is not `"3"` in them. Metadata of an unknown shape is a future version's.
        let metadata = tree.pointer_mut("/Metadata/fanggen").map(Value::take);
        let mut metadata: Option<TemplateMetadata> = metadata.and_then(|it| serde_json::from_value(it).ok());
        metadata.iter_mut().flat_map(|it| it.settings.values_mut()).for_each(restore_fractions);
        let Value::Object(mut tree) = plain(tree) else {
            return Err(TemplateError::Shape(which, "it is not a table"));
        };
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
                return Err(TemplateError::Shape(which, "one of its resources is not a table"));
            };
            let Some(Value::String(kind)) = rest.remove("Type") else {
                return Err(TemplateError::Shape(which, "one of its resources has no type"));
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
        Ok(Self { metadata, parameters: side.parameters.clone(), description, resources, outputs })
    }
}

fn tree(text: &str) -> Result<Value, String> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    let mut documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
    match documents.len() {
        1 => value(documents.remove(0)),
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
                _ => Err("one of its names is not a text".to_owned()),
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
        _ => return Err("it has a value that templates do not have".into()),
    })
}

/// One form of what can be written in several: scalars become texts, `Fn::GetAtt` a list.
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

/// The values of `Ref` and `Fn::Sub` that are known beforehand.
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
                match map.get("Fn::Sub") {
                    Some(Value::String(text)) => self.substitute(text),
                    Some(Value::Array(list)) => self.substitute_named(list).unwrap_or_else(|| self.fill_all(map)),
                    _ => self.fill_all(map),
                }
            }
            Value::Object(map) => self.fill_all(map),
            other => other,
        }
    }

    fn fill_all(&self, map: Map<String, Value>) -> Value {
        Value::Object(map.into_iter().map(|(name, inner)| (name, self.fill(inner))).collect())
    }

    /// A `Sub` with texts of its own; nothing if one of them is not known beforehand.
    fn substitute_named(&self, list: &[Value]) -> Option<Value> {
        let [Value::String(text), Value::Object(named)] = list else { return None };
        let named = named.iter().map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned())));
        let mut all = self.texts.clone();
        all.extend(named.collect::<Option<BTreeMap<_, _>>>()?);
        Some(Self { texts: all }.substitute(text))
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

/// The resources and parameters that a value refers to.
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

/// Metadata has no fractions, so they are written as strings.
fn restore_fractions(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(restore_fractions),
        Value::Array(list) => list.iter_mut().for_each(restore_fractions),
        Value::String(text) if text.contains('.') => {
            if let Some(number) = text.parse().ok().and_then(serde_json::Number::from_f64) {
                *value = Value::Number(number);
            }
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
