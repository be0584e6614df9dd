//! Reads a template as YAML 1.2; short forms of functions are not confused with strings that look like them.

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// Reads a template; a duplicate key, or anything that is not YAML, is an error.
pub fn read(text: &str) -> Result<Value, String> {
    let mut documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
    match documents.len() {
        1 => value(documents.remove(0)),
        other => Err(format!("{other} documents")),
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
            let mut table = Map::new();
            for (name, inner) in map {
                let Value::String(name) = value(name)? else { return Err("a key that is not a string".into()) };
                table.insert(name, value(inner)?);
            }
            Value::Object(table)
        }
        Yaml::Tagged(tag, inner) => json!({ tag.to_string(): value(*inner)? }),
        other => return Err(format!("{other:?}")),
    })
}
