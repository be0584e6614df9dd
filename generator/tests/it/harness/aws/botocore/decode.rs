//! Reads the parameters of a request from its protocol: JSON, CBOR, the query protocol, or REST with JSON or XML.

mod query;
mod xml;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::wire::{Call, form};
use super::{Model, Protocol, places, wire_name};

/// Headers that belong to the signature, to the SDK or to the transport, and to no operation.
const HEADERS: [&str; 6] = [
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-security-token",
    "x-amz-trailer",
    "x-amz-user-agent",
];

/// The parameters, by the names of the model. What the model does not know keeps its name in the request.
pub fn request(model: &Model, call: &Call, mistakes: &mut Vec<String>) -> Value {
    let shape = model.0["operations"][&call.name]["input"]["shape"].as_str();
    match (model.protocol(), shape) {
        (Some(Protocol::Query), Some(shape)) => query::request(model, shape, &call.body, mistakes),
        (Some(Protocol::Cbor), Some(shape)) => {
            let read = ciborium::from_reader::<ciborium::Value, _>(&*call.body).map_err(|error| error.to_string());
            let read = read.and_then(|value| untagged(value).deserialized().map_err(|error| error.to_string()));
            match read {
                Ok(value) => json(model, shape, value),
                Err(error) => {
                    mistakes.push(format!("the body is not CBOR: {error}"));
                    Value::Null
                }
            }
        }
        (Some(Protocol::Json), Some(shape)) => body_json(model, shape, &call.body, mistakes),
        (Some(Protocol::RestJson | Protocol::RestXml), _) => rest(model, call, mistakes),
        // No parameters.
        (_, None) => Value::Object(Map::new()),
        (None, _) => {
            mistakes.push(format!("these tests cannot read the protocol {}", model.0["metadata"]["protocol"]));
            Value::Null
        }
    }
}

/// A value without its tags, which JSON has not: times have one.
fn untagged(value: ciborium::Value) -> ciborium::Value {
    match value {
        ciborium::Value::Tag(_, inner) => untagged(*inner),
        ciborium::Value::Array(all) => ciborium::Value::Array(all.into_iter().map(untagged).collect()),
        ciborium::Value::Map(all) => {
            ciborium::Value::Map(all.into_iter().map(|(key, value)| (key, untagged(value))).collect())
        }
        other => other,
    }
}

fn body_json(model: &Model, shape: &str, body: &[u8], mistakes: &mut Vec<String>) -> Value {
    if body.is_empty() {
        return Value::Object(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(value) => json(model, shape, value),
        Err(error) => {
            mistakes.push(format!("the body is not JSON: {error}"));
            Value::Object(Map::new())
        }
    }
}

/// The members under the names of the model.
fn json(model: &Model, shape: &str, value: Value) -> Value {
    let shape = model.shape(shape);
    let of = |part: &Value| part["shape"].as_str().unwrap_or_default().to_owned();
    match (shape["type"].as_str(), value) {
        (Some("structure"), Value::Object(given)) => {
            let renamed = given.into_iter().map(|(wire, inner)| match member(shape, &wire) {
                Some((name, member)) => (name.to_owned(), json(model, &of(member), inner)),
                None => (wire, inner),
            });
            Value::Object(renamed.collect())
        }
        (Some("list"), Value::Array(all)) => {
            all.into_iter().map(|one| json(model, &of(&shape["member"]), one)).collect()
        }
        (Some("map"), Value::Object(all)) => {
            all.into_iter().map(|(name, one)| (name, json(model, &of(&shape["value"]), one))).collect()
        }
        (_, value) => value,
    }
}

/// The member of a structure that has this name in a request.
fn member<'a>(shape: &'a Value, wire: &str) -> Option<(&'a str, &'a Value)> {
    let mut members = shape["members"].as_object()?.iter();
    members.find(|(name, member)| wire_name(name, member) == wire).map(|(name, member)| (name.as_str(), member))
}

fn rest(model: &Model, call: &Call, mistakes: &mut Vec<String>) -> Value {
    let none = Map::new();
    let members = model.input(&call.name).unwrap_or(&none);
    let template = model.0["operations"][&call.name]["http"]["requestUri"].as_str().unwrap_or_default();
    let query = form(call.head.uri.query().unwrap_or_default().as_bytes());
    let path = places(template, call.head.uri.path(), &query).map(|places| places.values).unwrap_or_default();
    let shape_name = model.0["operations"][&call.name]["input"]["shape"].as_str().unwrap_or_default();
    let payload = model.shape(shape_name)["payload"].as_str();
    let mut given = body(model, call, shape_name, payload, mistakes);
    let (mut queries, mut headers) = (vec!["x-id".to_owned()], Vec::new());
    for (name, member) in members {
        let (wire, shape) = (wire_name(name, member), member["shape"].as_str().unwrap_or_default());
        let value = match member["location"].as_str() {
            Some("uri") => path.get(wire).map(|text| typed(model, shape, text)),
            Some("querystring") => {
                queries.push(wire.to_owned());
                of_query(model, shape, wire, call)
            }
            Some("header") => {
                headers.push(wire.to_lowercase());
                call.head
                    .headers
                    .get(wire)
                    .map(|text| of_header(model, shape, &String::from_utf8_lossy(text.as_bytes())))
            }
            Some("headers") => {
                let prefix = wire.to_lowercase();
                let named = |(name, value): (&hyper::http::HeaderName, &hyper::http::HeaderValue)| {
                    let name = name.as_str().strip_prefix(&prefix)?;
                    Some((name.to_owned(), Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned())))
                };
                let all: Map<String, Value> = call.head.headers.iter().filter_map(named).collect();
                headers.extend(all.keys().map(|name| format!("{prefix}{name}")));
                (!all.is_empty()).then_some(Value::Object(all))
            }
            _ => continue,
        };
        given.extend(value.map(|value| (name.clone(), value)));
    }
    let literal: BTreeMap<String, String> = form(template.split_once('?').map_or("", |(_, query)| query).as_bytes());
    for name in query.keys().filter(|name| !literal.contains_key(*name) && !queries.contains(name)) {
        mistakes.push(format!("`{name}` in the query is unknown"));
    }
    for name in call.head.headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with("x-amz-")) {
        let is_known = HEADERS.contains(&name) || headers.iter().any(|header| header == name);
        // Sums of what was sent are members of the operations that take them, and of the transport for all others.
        if !is_known && !name.starts_with("x-amz-checksum-") && !name.starts_with("x-amz-sdk-checksum-") {
            mistakes.push(format!("the header `{name}` is unknown"));
        }
    }
    Value::Object(given)
}

/// The members that are in the body.
fn body(
    model: &Model,
    call: &Call,
    input: &str,
    payload: Option<&str>,
    mistakes: &mut Vec<String>,
) -> Map<String, Value> {
    let shape = match payload {
        Some(member) => model.shape(input)["members"][member]["shape"].as_str().unwrap_or_default(),
        None => input,
    };
    let is_whole = payload.is_some() && model.shape(shape)["type"] != "structure";
    let value = match model.protocol() {
        _ if call.body.is_empty() => return Map::new(),
        // Bytes of an object or of an invocation, whose content is nobody's model.
        _ if is_whole && model.shape(shape)["type"] == "blob" => Value::Null,
        _ if is_whole => Value::String(String::from_utf8_lossy(&call.body).into_owned()),
        Some(Protocol::RestXml) => xml::body(model, shape, &call.body, mistakes),
        _ => body_json(model, shape, &call.body, mistakes),
    };
    match (payload, value) {
        (Some(member), value) => Map::from_iter([(member.to_owned(), value)]),
        (None, Value::Object(given)) => given,
        (None, _) => Map::new(),
    }
}

fn of_query(model: &Model, shape: &str, wire: &str, call: &Call) -> Option<Value> {
    let all = url::form_urlencoded::parse(call.head.uri.query().unwrap_or_default().as_bytes());
    let mut values = all.filter(|(name, _)| name == wire).map(|(_, value)| value.into_owned()).peekable();
    values.peek()?;
    Some(match model.shape(shape)["type"].as_str() {
        Some("list") => {
            let member = model.shape(shape)["member"]["shape"].as_str().unwrap_or_default();
            values.map(|text| typed(model, member, &text)).collect()
        }
        _ => typed(model, shape, &values.next()?),
    })
}

fn of_header(model: &Model, shape: &str, text: &str) -> Value {
    match model.shape(shape)["type"].as_str() {
        Some("list") => {
            let member = model.shape(shape)["member"]["shape"].as_str().unwrap_or_default();
            text.split(',').map(|one| typed(model, member, one.trim())).collect()
        }
        _ => typed(model, shape, text),
    }
}

/// A text as a value of its shape's type; one that is none stays a text, which the validation reports.
fn typed(model: &Model, shape: &str, text: &str) -> Value {
    let number = |text: &str| serde_json::from_str::<Value>(text).ok().filter(Value::is_number);
    let typed = match model.shape(shape)["type"].as_str() {
        Some("integer" | "long" | "float" | "double") => number(text),
        Some("boolean") => text.parse().ok().map(Value::Bool),
        _ => None,
    };
    typed.unwrap_or_else(|| Value::String(text.to_owned()))
}
