//! Converts rows between JSON and DynamoDB attributes, and computes their size.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value, json};

use crate::component::services::TableRow;

/// Attributes by name.
pub type Attributes = HashMap<String, AttributeValue>;

/// Maximum size of a row in bytes, below DynamoDB's limit of 400 KB
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
pub const MAX_ROW_BYTES: usize = 399 * 1024;

/// The attribute that lists the attributes dropped because the row was too large.
const LEFT_OUT: &str = "left_out";

/// A string attribute.
pub fn string(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
pub fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The value of an integer attribute, if the row has it.
pub fn integer(row: &Attributes, name: &str) -> Option<i64> {
    row.get(name)?.as_n().ok()?.parse().ok()
}

/// The attributes of a row. If it is too large, its largest attributes are dropped and their names listed.
pub fn to_attributes(row: TableRow) -> Attributes {
    let mut row: Attributes = row.into_iter().map(|(name, value)| (name, json_to_attribute(value))).collect();
    let mut dropped = Vec::new();
    while row_size(&row) > MAX_ROW_BYTES {
        let largest = row.iter().filter(|(name, _)| *name != LEFT_OUT).max_by_key(|(_, value)| value_size(value));
        let Some(name) = largest.map(|(name, _)| name.clone()) else { break };
        row.remove(&name);
        dropped.push(string(name));
        row.insert(LEFT_OUT.into(), AttributeValue::L(dropped.clone()));
    }
    row
}

/// The size of a row as DynamoDB counts it, in bytes.
pub fn row_size(row: &Attributes) -> usize {
    row.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn json_to_attribute(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(flag),
        Value::Number(number) if is_representable(&number) => AttributeValue::N(number.to_string()),
        Value::Number(number) => string(number.to_string()),
        Value::String(text) => string(text),
        Value::Array(list) => AttributeValue::L(list.into_iter().map(json_to_attribute).collect()),
        Value::Object(map) => {
            AttributeValue::M(map.into_iter().map(|(name, value)| (name, json_to_attribute(value))).collect())
        }
    }
}

/// Whether DynamoDB can store the number: its magnitude is limited to 1e-130 through 9.9e125.
fn is_representable(number: &Number) -> bool {
    number.as_f64().is_none_or(|number| number == 0.0 || (1e-129..1e125).contains(&number.abs()))
}

/// The size of a value as DynamoDB counts it, rounded up, in bytes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>).
fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + value_size(value)).sum::<usize>(),
        AttributeValue::M(map) => 3 + map.iter().map(|(name, value)| 1 + name.len() + value_size(value)).sum::<usize>(),
        _ => 1,
    }
}

/// A row as JSON, in which numbers become strings with their exact digits.
pub fn to_json(row: Attributes) -> Value {
    Value::Object(row.into_iter().map(|(name, value)| (name, attribute_to_json(value))).collect())
}

fn attribute_to_json(value: AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => Value::String(text),
        AttributeValue::Bool(flag) => Value::Bool(flag),
        AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => json!(texts),
        AttributeValue::L(values) => values.into_iter().map(attribute_to_json).collect(),
        AttributeValue::M(values) => values.into_iter().map(|(name, value)| (name, attribute_to_json(value))).collect(),
        AttributeValue::B(blob) => json!([STANDARD.encode(blob)]),
        AttributeValue::Bs(blobs) => blobs.iter().map(|blob| json!(STANDARD.encode(blob))).collect(),
        // `NULL`, and any type that DynamoDB may add later.
        _ => Value::Null,
    }
}

/// Encodes a row's key as DynamoDB JSON; `None` if it is empty or has an attribute that no key may have.
pub fn encode_key(key: &Attributes) -> Option<String> {
    let typed = |value: &AttributeValue| {
        Some(match value {
            AttributeValue::S(text) => json!({ "S": text }),
            AttributeValue::N(number) => json!({ "N": number }),
            AttributeValue::B(blob) => json!({ "B": STANDARD.encode(blob) }),
            _ => return None,
        })
    };
    let key: Option<Map<_, _>> = key.iter().map(|(name, value)| Some((name.clone(), typed(value)?))).collect();
    key.filter(|key| !key.is_empty()).map(|key| Value::Object(key).to_string())
}

/// Decodes a key encoded by [`encode_key`].
pub fn decode_key(encoded: &str) -> Option<Attributes> {
    let typed = |value: HashMap<String, String>| {
        let (kind, value) = value.into_iter().next()?;
        Some(match kind.as_str() {
            "S" => AttributeValue::S(value),
            "N" => AttributeValue::N(value),
            "B" => AttributeValue::B(STANDARD.decode(value).ok()?.into()),
            _ => return None,
        })
    };
    let key: HashMap<String, HashMap<String, String>> = serde_json::from_str(encoded).ok()?;
    key.into_iter().map(|(name, value)| Some((name, typed(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> TableRow {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn a_row_keeps_its_types_and_numbers_out_of_range_become_strings() {
        let all = to_attributes(object(json!({
            "item": "Apple", "score": -0.25, "expires": 1_800_000_000, "small": 1e-200, "none": null, "flag": true,
            "findings": [{ "label": "POSITIVE", "scores": {} }],
        })));
        assert_eq!(all["score"], number(-0.25));
        assert_eq!(all["expires"], number(1_800_000_000));
        assert_eq!(all["small"], string("1e-200"));
        assert_eq!((&all["none"], &all["flag"]), (&AttributeValue::Null(true), &AttributeValue::Bool(true)));
        let finding = HashMap::from([
            ("label".to_owned(), string("POSITIVE")),
            ("scores".to_owned(), AttributeValue::M(HashMap::new())),
        ]);
        assert_eq!(all["findings"], AttributeValue::L(vec![AttributeValue::M(finding)]));
    }

    #[test]
    fn a_row_that_is_too_large_drops_its_largest_attributes_and_lists_them() {
        let large = "x".repeat(300 * 1024);
        let larger = "x".repeat(500 * 1024);
        let cut = to_attributes(object(json!({ "item": "Apple", "some": large, "also": large, "findings": [larger] })));
        assert_eq!(cut["item"], string("Apple"));
        assert!(row_size(&cut) < MAX_ROW_BYTES);
        let AttributeValue::L(dropped) = &cut[LEFT_OUT] else { panic!("{cut:?}") };
        assert_eq!(dropped.len(), 2);
        assert_eq!(dropped[0], string("findings"));
        assert!(!to_attributes(object(json!({ "item": "Apple", "some": large }))).contains_key(LEFT_OUT));
    }

    #[test]
    fn numbers_are_read_as_strings_and_lists_as_arrays() {
        let row = Attributes::from([
            ("name".to_owned(), string("Apple")),
            ("age".to_owned(), number("49.50")),
            ("nothing".to_owned(), AttributeValue::Null(true)),
            ("tags".to_owned(), AttributeValue::L(vec![string("a"), number(1)])),
        ]);
        assert_eq!(to_json(row), json!({ "name": "Apple", "age": "49.50", "nothing": null, "tags": ["a", "1"] }));
    }

    #[test]
    fn a_key_is_encoded_and_decoded_and_anything_else_is_rejected() {
        let key = Attributes::from([
            ("name".to_owned(), string("A\"pple")),
            ("when".to_owned(), number(7)),
            ("raw".to_owned(), AttributeValue::B(vec![0, 255].into())),
        ]);
        let encoded = encode_key(&key).expect("a key");
        assert_eq!(encoded, r#"{"name":{"S":"A\"pple"},"raw":{"B":"AP8="},"when":{"N":"7"}}"#);
        assert_eq!(decode_key(&encoded), Some(key));
        assert_eq!(encode_key(&Attributes::from([("flag".to_owned(), AttributeValue::Bool(true))])), None);
        for invalid in ["", "7", r#"{"name":"Apple"}"#, r#"{"name":{"X":"Apple"}}"#, r#"{"name":{}}"#] {
            assert_eq!(decode_key(invalid), None, "{invalid}");
        }
    }
}
