//! The JSON Schema of `pipeline.toml`, from the same types that read it.

use fanggen_runtime::component::{Kind, Role};
use fanggen_runtime::kinds;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::sections::{Alarms, Aws, Budget, Data, Functions, Head, Iam, Local, Logs, Schedule, StageFrame};

/// The schema, as an editor with TOML support takes it.
#[must_use]
pub fn schema() -> Value {
    // Draft 7 is what TOML language servers read.
    let mut generator = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true).into_generator();
    let mut sections = Map::new();
    section::<Head>(&mut generator, &mut sections, "pipeline");
    section::<Aws>(&mut generator, &mut sections, "aws");
    section::<Schedule>(&mut generator, &mut sections, "schedule");
    section::<Functions>(&mut generator, &mut sections, "functions");
    section::<Logs>(&mut generator, &mut sections, "logs");
    section::<Local>(&mut generator, &mut sections, "local");
    section::<Alarms>(&mut generator, &mut sections, "alarms");
    section::<Data>(&mut generator, &mut sections, "data");
    section::<Budget>(&mut generator, &mut sections, "budget");
    section::<Iam>(&mut generator, &mut sections, "iam");
    let by_name = |item: Value| object([("type", "object".into()), ("additionalProperties", item)]);
    sections.insert("sources".into(), by_name(one_of(Role::Source, &mut generator)));
    sections.insert("sinks".into(), by_name(one_of(Role::Sink, &mut generator)));
    let stage = one_of(Role::Stage, &mut generator);
    sections.insert("stages".into(), object([("type", "array".into()), ("items", stage.clone())]));

    let mut overlay = sections.clone();
    overlay.insert("stages".into(), by_name(stage));
    let mut overlay = object([
        ("type", "object".into()),
        ("properties", Value::Object(overlay)),
        ("additionalProperties", false.into()),
    ]);
    relax(&mut overlay);
    sections.insert("environments".into(), by_name(overlay));
    object([
        ("$schema", "http://json-schema.org/draft-07/schema#".into()),
        ("title", "pipeline.toml".into()),
        ("type", "object".into()),
        ("properties", Value::Object(sections)),
        ("required", json!(["pipeline", "sources", "stages", "sinks"])),
        ("additionalProperties", false.into()),
    ])
}

/// A table of values that move into it: `json!` copies what it is given, and schemas are large.
fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Object(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn section<T: JsonSchema>(generator: &mut SchemaGenerator, sections: &mut Map<String, Value>, name: &str) {
    sections.insert(name.into(), T::json_schema(generator).into());
}

/// A component of a role: its type decides which settings it has.
fn one_of(role: Role, generator: &mut SchemaGenerator) -> Value {
    let variants: Vec<Value> = kinds::of(role).iter().map(|kind| variant(kind, generator)).collect();
    object([("oneOf", Value::Array(variants))])
}

fn variant(kind: &Kind, generator: &mut SchemaGenerator) -> Value {
    let mut schema: Schema = (kind.schema)(generator);
    let schema = schema.ensure_object();
    let frame: Value = StageFrame::json_schema(generator).into();
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    let mut required = vec![json!("type")];
    if let Some(properties) = properties.as_object_mut() {
        properties.insert("type".into(), json!({ "const": kind.card.name, "description": kind.card.summary }));
        if kind.card.role == Role::Stage {
            properties.insert("name".into(), json!({ "type": "string", "description": "Name of the stage." }));
            required.push(json!("name"));
            properties.extend(frame["properties"].as_object().cloned().unwrap_or_default());
        }
    }
    match schema.entry("required").or_insert_with(|| json!([])) {
        Value::Array(all) => all.extend(required),
        other => *other = json!(required),
    }
    schema.insert("title".into(), json!(format!("{} {}", kind.card.role.word(), kind.card.name)));
    Value::Object(std::mem::take(schema))
}

/// In an environment nothing is required, and a component need not repeat its type.
fn relax(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.remove("required");
            if let Some(one_of) = map.remove("oneOf") {
                map.insert("anyOf".into(), one_of);
            }
            map.values_mut().for_each(relax);
        }
        Value::Array(list) => list.iter_mut().for_each(relax),
        _ => {}
    }
}
