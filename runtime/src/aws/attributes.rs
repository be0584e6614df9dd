//! Rows between JSON and DynamoDB's attributes, and how long they are there.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value, json};

use crate::component::services::TableRow;

/// Attributes by name.
pub type Attributes = HashMap<String, AttributeValue>;

/// The largest row, below the 400 KB that DynamoDB admits
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
pub const ROW_BYTES: usize = 399 * 1024;

/// The attribute with the names of those that a row was too long for.
const LEFT_OUT: &str = "left_out";

/// A text.
pub fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number.
pub fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A row as DynamoDB takes it. One that is too long loses its longest attributes, and names them.
pub fn row(row: TableRow) -> Attributes {
    let mut row: Attributes = row.into_iter().map(|(name, value)| (name, value_of(value))).collect();
    let mut lost = Vec::new();
    while length(&row) > ROW_BYTES {
        let longest = row.iter().filter(|(name, _)| *name != LEFT_OUT).max_by_key(|(_, value)| size(value));
        let Some(name) = longest.map(|(name, _)| name.clone()) else { break };
        row.remove(&name);
        lost.push(text(name));
        row.insert(LEFT_OUT.into(), AttributeValue::L(lost.clone()));
    }
    row
}

/// How long a row is for DynamoDB.
pub fn length(row: &Attributes) -> usize {
    row.iter().map(|(name, value)| name.len() + size(value)).sum()
}

fn value_of(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(flag),
        Value::Number(number) if fits(&number) => AttributeValue::N(number.to_string()),
        Value::Number(number) => text(number.to_string()),
        Value::String(words) => text(words),
        Value::Array(list) => AttributeValue::L(list.into_iter().map(value_of).collect()),
        Value::Object(map) => AttributeValue::M(map.into_iter().map(|(name, value)| (name, value_of(value))).collect()),
    }
}

/// Whether DynamoDB has such a number: 1e-130 to 9.9e125.
fn fits(number: &Number) -> bool {
    number.as_f64().is_none_or(|number| number == 0.0 || (1e-129..1e125).contains(&number.abs()))
}

/// By DynamoDB's own counting, rounded up
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>).
fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + size(value)).sum::<usize>(),
        AttributeValue::M(map) => 3 + map.iter().map(|(name, value)| 1 + name.len() + size(value)).sum::<usize>(),
        _ => 1,
    }
}

/// A row as the components read it: numbers as they are written there.
pub fn to_json(row: Attributes) -> Value {
    Value::Object(row.into_iter().map(|(name, value)| (name, plain(value))).collect())
}

fn plain(value: AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => Value::String(text),
        AttributeValue::Bool(flag) => Value::Bool(flag),
        AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => json!(texts),
        AttributeValue::L(values) => values.into_iter().map(plain).collect(),
        AttributeValue::M(values) => values.into_iter().map(|(name, value)| (name, plain(value))).collect(),
        AttributeValue::B(blob) => json!([STANDARD.encode(blob)]),
        AttributeValue::Bs(blobs) => blobs.iter().map(|blob| json!(STANDARD.encode(blob))).collect(),
        // Null is no value; so is a type that DynamoDB gets one day.
        _ => Value::Null,
    }
}

/// A place in a table: the key of the row before it, in DynamoDB's own JSON.
pub fn place(key: &Attributes) -> Option<String> {
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

/// The key that a place names.
pub fn decode_key(place: &str) -> Option<Attributes> {
    let typed = |value: HashMap<String, String>| {
        let (kind, value) = value.into_iter().next()?;
        Some(match kind.as_str() {
            "S" => AttributeValue::S(value),
            "N" => AttributeValue::N(value),
            "B" => AttributeValue::B(STANDARD.decode(value).ok()?.into()),
            _ => return None,
        })
    };
    let key: HashMap<String, HashMap<String, String>> = serde_json::from_str(place).ok()?;
    key.into_iter().map(|(name, value)| Some((name, typed(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> TableRow {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn a_row_keeps_its_types_and_numbers_that_dynamodb_has_not_become_text() {
        let all = row(object(json!({
            "item": "Apple", "score": -0.25, "expires": 1_800_000_000, "small": 1e-200, "none": null, "flag": true,
            "findings": [{ "label": "POSITIVE", "scores": {} }],
        })));
        assert_eq!(all["score"], number(-0.25));
        assert_eq!(all["expires"], number(1_800_000_000));
        assert_eq!(all["small"], text("1e-200"));
        assert_eq!((&all["none"], &all["flag"]), (&AttributeValue::Null(true), &AttributeValue::Bool(true)));
        let finding = HashMap::from([
            ("label".to_owned(), text("POSITIVE")),
            ("scores".to_owned(), AttributeValue::M(HashMap::new())),
        ]);
        assert_eq!(all["findings"], AttributeValue::L(vec![AttributeValue::M(finding)]));
    }

    #[test]
    fn a_row_that_is_too_long_loses_its_longest_attributes_and_says_which() {
        let some = "x".repeat(300 * 1024);
        let long = "x".repeat(500 * 1024);
        let cut = row(object(json!({ "item": "Apple", "some": some, "also": some, "findings": [long] })));
        assert_eq!(cut["item"], text("Apple"));
        assert!(length(&cut) < ROW_BYTES);
        let AttributeValue::L(lost) = &cut[LEFT_OUT] else { panic!("{cut:?}") };
        assert_eq!(lost.len(), 2);
        assert_eq!(lost[0], text("findings"));
        assert!(!row(object(json!({ "item": "Apple", "some": some }))).contains_key(LEFT_OUT));
    }

    #[test]
    fn whatever_somebody_wrote_into_a_row_is_read_as_text() {
        let row = Attributes::from([
            ("name".to_owned(), text("Apple")),
            ("age".to_owned(), number("49.50")),
            ("nothing".to_owned(), AttributeValue::Null(true)),
            ("tags".to_owned(), AttributeValue::L(vec![text("a"), number(1)])),
        ]);
        assert_eq!(to_json(row), json!({ "name": "Apple", "age": "49.50", "nothing": null, "tags": ["a", "1"] }));
    }

    #[test]
    fn a_place_is_a_key_and_nothing_else_is() {
        let key = Attributes::from([
            ("name".to_owned(), text("A\"pple")),
            ("when".to_owned(), number(7)),
            ("raw".to_owned(), AttributeValue::B(vec![0, 255].into())),
        ]);
        let place = place(&key).expect("a place");
        assert_eq!(place, r#"{"name":{"S":"A\"pple"},"raw":{"B":"AP8="},"when":{"N":"7"}}"#);
        assert_eq!(decode_key(&place), Some(key));
        assert_eq!(super::place(&Attributes::from([("flag".to_owned(), AttributeValue::Bool(true))])), None);
        for odd in ["", "7", r#"{"name":"Apple"}"#, r#"{"name":{"X":"Apple"}}"#, r#"{"name":{}}"#] {
            assert_eq!(decode_key(odd), None, "{odd}");
        }
    }
}
