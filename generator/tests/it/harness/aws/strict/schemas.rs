//! The schemas of CloudFormation's types: which properties a type has, and which of them only the service sets.

use std::fs;

use serde_json::Value;

use crate::harness::tools;

/// The properties that a type does not have or that cannot be set.
pub fn mistakes(kind: &str, properties: &Value) -> Vec<String> {
    let Some(schema) = schema(kind) else { return vec![format!("there is no type `{kind}`")] };
    let mut mistakes = Vec::new();
    walk(&schema, &schema, properties, "", &mut mistakes);
    mistakes
}

fn schema(kind: &str) -> Option<Value> {
    let folder = tools::site_packages().join("cfnlint/data/schemas");
    let read = |path: &str| -> Value {
        let text = fs::read_to_string(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let file = read("providers/us-east-1.json")[kind].as_str()?.to_owned();
    Some(read(&format!("resources/{file}.json")))
}

fn walk(whole: &Value, schema: &Value, value: &Value, path: &str, mistakes: &mut Vec<String>) {
    let schema = followed(whole, schema);
    if let Some(all) = value.as_array() {
        all.iter().for_each(|one| walk(whole, &schema["items"], one, &format!("{path}/*"), mistakes));
    }
    // Without properties of its own, a schema says what it allows in other ways.
    let (Some(given), Some(known)) = (value.as_object(), schema["properties"].as_object()) else { return };
    for (name, inner) in given {
        let path = format!("{path}/{name}");
        let read_only = whole["readOnlyProperties"].as_array();
        if read_only.into_iter().flatten().any(|one| *one == format!("/properties{path}")) {
            mistakes.push(format!("`{path}` is read-only"));
        }
        match known.get(name) {
            Some(known) => walk(whole, known, inner, &path, mistakes),
            None if schema["additionalProperties"] == false && schema["patternProperties"].is_null() => {
                mistakes.push(format!("`{path}` is unknown"));
            }
            None => {}
        }
    }
}

fn followed<'a>(whole: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
        Some(pointer) => whole.pointer(pointer).map_or(schema, |found| followed(whole, found)),
        None => schema,
    }
}
