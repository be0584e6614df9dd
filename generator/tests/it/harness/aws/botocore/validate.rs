//! Whether a value fits its shape: type, required and unknown members, lengths, ranges, patterns and enumerations.

use serde_json::Value;

use super::{Model, patterns};

/// Adds what does not fit, each with the path of its member.
pub fn value(model: &Model, shape: &str, value: &Value, path: &str, mistakes: &mut Vec<String>) {
    let shape = model.shape(shape);
    let kind = shape["type"].as_str().unwrap_or_default();
    match (kind, value) {
        // The body of an object or of an invocation: `decode` leaves it where it is.
        ("blob", Value::Null) => {}
        ("structure", Value::Object(_)) if shape["document"] == true => {}
        ("structure", Value::Object(given)) => {
            let members = shape["members"].as_object();
            for name in shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !given.contains_key(name) {
                    mistakes.push(format!("`{}` is required", joined(path, name)));
                }
            }
            for (name, inner) in given {
                let path = joined(path, name);
                match members.and_then(|members| members.get(name)).and_then(|member| member["shape"].as_str()) {
                    Some(shape) => self::value(model, shape, inner, &path, mistakes),
                    None => mistakes.push(format!("`{path}` is unknown")),
                }
            }
            if shape["union"] == true && given.len() != 1 {
                mistakes.push(format!("`{path}` takes exactly one member, and has {}", given.len()));
            }
        }
        ("list", Value::Array(all)) => {
            within(shape, all.len() as f64, path, "elements", mistakes);
            let member = shape["member"]["shape"].as_str().unwrap_or_default();
            all.iter().enumerate().for_each(|(index, one)| {
                self::value(model, member, one, &format!("{path}[{index}]"), mistakes);
            });
        }
        ("map", Value::Object(all)) => {
            within(shape, all.len() as f64, path, "entries", mistakes);
            let of = |part: &str| shape[part]["shape"].as_str().unwrap_or_default();
            for (name, inner) in all {
                let path = joined(path, name);
                self::value(model, of("key"), &Value::String(name.clone()), &path, mistakes);
                self::value(model, of("value"), inner, &path, mistakes);
            }
        }
        ("string", Value::String(text)) => string(shape, text, path, mistakes),
        ("blob", Value::String(text)) => {
            let padding = text.bytes().rev().take_while(|one| *one == b'=').count();
            let bytes = (text.len() / 4 * 3).saturating_sub(padding);
            within(shape, bytes as f64, path, "bytes", mistakes);
        }
        ("integer" | "long" | "float" | "double", Value::Number(number)) => {
            if matches!(kind, "integer" | "long") && !number.is_i64() {
                mistakes.push(format!("`{path}` is not an integer: {number}"));
            }
            within(shape, number.as_f64().unwrap_or_default(), path, "", mistakes);
        }
        ("boolean", Value::Bool(_)) | ("timestamp", Value::Number(_) | Value::String(_)) => {}
        _ => mistakes.push(format!("`{path}` is not of the type {kind}: {value}")),
    }
}

fn string(shape: &Value, text: &str, path: &str, mistakes: &mut Vec<String>) {
    within(shape, text.chars().count() as f64, path, "characters", mistakes);
    if let Some(allowed) = shape["enum"].as_array()
        && !allowed.iter().any(|one| one == text)
    {
        mistakes.push(format!("`{path}` is none of the allowed values: `{text}`"));
    }
    if let Some(pattern) = shape["pattern"].as_str()
        && !patterns::matches(pattern, text)
    {
        mistakes.push(format!("`{path}` does not match `{pattern}`: `{text}`"));
    }
}

fn within(shape: &Value, found: f64, path: &str, unit: &str, mistakes: &mut Vec<String>) {
    let space = if unit.is_empty() { "" } else { " " };
    if let Some(min) = shape["min"].as_f64().filter(|min| found < *min) {
        mistakes.push(format!("`{path}` is {found}{space}{unit}, and {min} is the least"));
    }
    if let Some(max) = shape["max"].as_f64().filter(|max| found > *max) {
        mistakes.push(format!("`{path}` is {found}{space}{unit}, and {max} is the most"));
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
