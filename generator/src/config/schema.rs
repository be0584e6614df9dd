//! The JSON Schema of `pipeline.toml`, from the same types that read it.
//!
//! Each section and each kind is defined once, with nothing required: that is how an environment sees it. The file
//! itself refers to the same definitions, and adds what has to be there.

use fanggen_runtime::component::{ComponentKind, ComponentRole};
use fanggen_runtime::function::registry;
use fanggen_runtime::model::values::Name;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::sections::{
    AlarmsSection, AwsSection, BudgetSection, DataSection, FunctionsSection, IamSection, LocalSection, LogsSection,
    PipelineSection, ScheduleSection, StageOptions,
};
use super::test_sections::PipelineTest;

/// Beside a string: what it allows, in words. For documentation; editors do not see it.
pub const ALLOWED: &str = fanggen_runtime::model::values::ALLOWED;

/// The schema, as an editor with TOML support takes it.
#[must_use]
pub fn schema() -> Value {
    let mut schema = annotated();
    remove(&mut schema, ALLOWED);
    schema
}

/// The schema with the words of each string type.
#[must_use]
pub fn annotated() -> Value {
    // Draft 7 is what TOML language servers read.
    let generator = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true).into_generator();
    let mut all = SchemaBuilder { generator, definitions: Map::new(), file: Map::new(), overlay: Map::new() };
    all.section::<PipelineSection>("pipeline");
    all.section::<AwsSection>("aws");
    all.section::<ScheduleSection>("schedule");
    all.section::<FunctionsSection>("functions");
    all.section::<LogsSection>("logs");
    all.section::<LocalSection>("local");
    all.section::<AlarmsSection>("alarms");
    all.section::<DataSection>("data");
    all.section::<BudgetSection>("budget");
    all.section::<IamSection>("iam");
    all.components(ComponentRole::Source);
    all.components(ComponentRole::Stage);
    all.components(ComponentRole::Sink);
    all.tests();
    let environment = object([
        ("type", "object".into()),
        ("description", "Settings that this environment overrides. A stage is addressed by its name.".into()),
        ("properties", Value::Object(all.overlay)),
        ("additionalProperties", false.into()),
    ]);
    let environments = by_name("The environments, by name.", environment);
    all.file.insert("environments".into(), environments);
    object([
        ("$schema", "http://json-schema.org/draft-07/schema#".into()),
        ("title", "pipeline.toml".into()),
        ("type", "object".into()),
        ("properties", Value::Object(all.file)),
        ("required", json!(["pipeline", "sources", "stages", "sinks"])),
        ("additionalProperties", false.into()),
        ("definitions", Value::Object(all.definitions)),
    ])
}

/// The settings that a component of this kind must have, besides `type` and the name of a stage.
#[must_use]
pub fn required_settings(kind: &ComponentKind) -> Vec<String> {
    let schema: Value = (kind.schema)(&mut SchemaSettings::draft07().into_generator()).into();
    let required = schema["required"].as_array().into_iter().flatten();
    required.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A table of values that move into it: `json!` would copy each, and schemas are large.
fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Object(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

struct SchemaBuilder {
    generator: SchemaGenerator,
    definitions: Map<String, Value>,
    file: Map<String, Value>,
    overlay: Map<String, Value>,
}

impl SchemaBuilder {
    fn section<T: JsonSchema>(&mut self, name: &str) {
        let schema = T::json_schema(&mut self.generator);
        let (here, required) = self.define(name, schema);
        self.overlay.insert(name.into(), here.clone());
        self.file.insert(name.into(), with_required(here, required));
    }

    /// The tests, which an environment cannot override.
    fn tests(&mut self) {
        let mut schema = PipelineTest::json_schema(&mut self.generator);
        // Texts are texts, also those of an earlier run.
        if let Some(before) = schema.pointer_mut("/properties/before") {
            before["items"] = json!({ "$ref": "#/definitions/tests/properties/texts/items" });
        }
        let (here, required) = self.define("tests", schema);
        let words = "The tests, which `fanggen test` runs.";
        let items = with_required(here, required);
        self.file.insert(
            "tests".into(),
            object([("type", "array".into()), ("description", words.into()), ("items", items)]),
        );
    }

    /// All kinds of a role: the type of a component decides which settings it has.
    fn components(&mut self, role: ComponentRole) {
        let (mut any, mut one) = (Vec::new(), Vec::new());
        for kind in registry::of(role) {
            let schema = self.kind(kind);
            let (here, mut required) = self.define(&format!("{}.{}", role.as_str(), kind.card.name), schema);
            required.push(json!("type"));
            if role == ComponentRole::Stage {
                required.push(json!("name"));
            }
            any.push(here.clone());
            one.push(with_required(here, required));
        }
        let word = role.as_str();
        let (section, words) = (format!("{word}s"), format!("The {word}s, by name."));
        self.overlay.insert(section.clone(), by_name(&words, object([("anyOf", Value::Array(any))])));
        let one = object([("oneOf", Value::Array(one))]);
        self.file.insert(
            section,
            match role {
                ComponentRole::Stage => {
                    object([("type", "array".into()), ("description", "The stages, in order.".into()), ("items", one)])
                }
                ComponentRole::Source | ComponentRole::Sink => by_name(&words, one),
            },
        );
    }

    /// The settings of a kind, and what every component of its role has.
    fn kind(&mut self, kind: &ComponentKind) -> Schema {
        let mut schema: Schema = (kind.schema)(&mut self.generator);
        let options: Value = StageOptions::json_schema(&mut self.generator).into();
        let name: Value = Name::json_schema(&mut self.generator).into();
        let object = schema.ensure_object();
        object.insert("title".into(), json!(format!("{} {}", kind.card.role.as_str(), kind.card.name)));
        if let Some(properties) = object.entry("properties").or_insert_with(|| json!({})).as_object_mut() {
            let of_type = json!({ "type": "string", "const": kind.card.name, "description": kind.card.summary });
            properties.insert("type".into(), of_type);
            if kind.card.role == ComponentRole::Stage {
                let mut name = name;
                if let Some(name) = name.as_object_mut() {
                    name.insert("description".into(), json!("Name of the stage, unique in the pipeline."));
                }
                properties.insert("name".into(), name);
                properties.extend(options["properties"].as_object().cloned().unwrap_or_default());
            }
        }
        schema
    }

    /// Defines a schema; gives back the reference to it, and what it required.
    fn define(&mut self, name: &str, schema: Schema) -> (Value, Vec<Value>) {
        let mut schema: Value = schema.into();
        let required = schema.as_object_mut().and_then(|schema| schema.remove("required"));
        without_null(&mut schema);
        self.definitions.insert(name.into(), schema);
        let required = required.and_then(|required| required.as_array().cloned()).unwrap_or_default();
        (json!({ "$ref": format!("#/definitions/{name}") }), required)
    }
}

/// Draft 7 reads nothing beside a reference.
fn with_required(reference: Value, required: Vec<Value>) -> Value {
    if required.is_empty() { reference } else { json!({ "allOf": [reference], "required": required }) }
}

fn by_name(words: &str, item: Value) -> Value {
    object([("type", "object".into()), ("description", words.into()), ("additionalProperties", item)])
}

/// TOML has no null: an absent value is left out. Nor does an editor need `writeOnly`.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.retain(|key, value| key != "writeOnly" && !(key == "default" && value.is_null()));
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".into(), only);
                }
            }
            if let Some(Value::Array(schemas)) = map.get_mut("anyOf") {
                schemas.retain(|schema| schema["type"] != "null");
                if let [Value::Object(only)] = schemas.as_mut_slice() {
                    let only = std::mem::take(only);
                    map.remove("anyOf");
                    for (name, value) in only {
                        map.entry(name).or_insert(value);
                    }
                }
            }
            map.values_mut().for_each(without_null);
        }
        Value::Array(list) => list.iter_mut().for_each(without_null),
        _ => {}
    }
}

/// Removes a keyword wherever it occurs.
fn remove(schema: &mut Value, keyword: &str) {
    match schema {
        Value::Object(map) => {
            map.remove(keyword);
            map.values_mut().for_each(|value| remove(value, keyword));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| remove(value, keyword)),
        _ => {}
    }
}
