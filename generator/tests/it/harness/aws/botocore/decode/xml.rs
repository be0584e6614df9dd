//! Reads the XML bodies of S3.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

use super::super::{Model, wire_name};
use super::typed;

/// An element: its attributes and children are by name, in their order.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    text: String,
}

pub fn body(model: &Model, shape: &str, body: &[u8], mistakes: &mut Vec<String>) -> Value {
    match parsed(&String::from_utf8_lossy(body)) {
        Ok(root) => value(model, shape, &root),
        Err(error) => {
            mistakes.push(format!("the body is not XML: {error}"));
            Value::Object(Map::new())
        }
    }
}

fn parsed(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    let named = |start: &quick_xml::events::BytesStart<'_>| -> Result<Element, String> {
        let name = start.name().as_ref().to_owned();
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = attribute.value.into_owned();
            attributes.push((attribute.key.as_ref().to_owned(), value));
        }
        Ok(Element { name, attributes, ..Element::default() })
    };
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => open.push(named(&start)?),
            Event::Empty(start) => {
                let element = named(&start)?;
                open.last_mut().ok_or("no root")?.children.push(element);
            }
            Event::End(_) => {
                let element = open.pop().ok_or("an end without a start")?;
                open.last_mut().ok_or("no root")?.children.push(element);
            }
            Event::Text(text) => {
                open.last_mut().ok_or("no root")?.text += &text;
            }
            Event::GeneralRef(name) => {
                let plain = match &*name {
                    "amp" => "&",
                    "lt" => "<",
                    "gt" => ">",
                    "quot" => "\"",
                    "apos" => "'",
                    _ => "?",
                };
                open.last_mut().ok_or("no root")?.text += plain;
            }
            Event::Eof => break,
            _ => {}
        }
    }
    open.pop().and_then(|mut top| top.children.pop()).ok_or_else(|| "no element".to_owned())
}

fn value(model: &Model, name: &str, element: &Element) -> Value {
    let shape = model.shape(name);
    let of = |part: &Value| part["shape"].as_str().unwrap_or_default().to_owned();
    match shape["type"].as_str() {
        Some("structure") => structure(model, shape, element),
        Some("list") => {
            let all = element.children.iter();
            all.map(|child| value(model, &of(&shape["member"]), child)).collect()
        }
        _ => typed(model, name, &element.text),
    }
}

fn structure(model: &Model, shape: &Value, element: &Element) -> Value {
    let mut given = Map::new();
    let none = Map::new();
    let members = shape["members"].as_object().unwrap_or(&none);
    // Members of a REST operation that are elsewhere have no place in the body.
    let find = |wire: &str| {
        let mut all = members.iter().filter(|(_, member)| member["location"].is_null());
        all.find(|(name, member)| wire_name(name, member) == wire)
    };
    for child in &element.children {
        let Some((name, member)) = find(&child.name) else {
            given.insert(child.name.clone(), Value::Null);
            continue;
        };
        let inner = member["shape"].as_str().unwrap_or_default();
        let is_flat = member["flattened"] == true || model.shape(inner)["flattened"] == true;
        if is_flat && model.shape(inner)["type"] == "list" {
            let one = value(model, model.shape(inner)["member"]["shape"].as_str().unwrap_or_default(), child);
            match given.entry(name.clone()).or_insert_with(|| Value::Array(Vec::new())) {
                Value::Array(all) => all.push(one),
                other => *other = one,
            }
        } else {
            given.insert(name.clone(), value(model, inner, child));
        }
    }
    for (wire, text) in element.attributes.iter().filter(|(name, _)| !name.starts_with("xmlns")) {
        let name = find(wire).map_or(wire, |(name, _)| name);
        given.insert(name.clone(), Value::String(text.clone()));
    }
    Value::Object(given)
}
