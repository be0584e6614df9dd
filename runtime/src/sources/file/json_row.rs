//! A row of a JSON Lines file: numbers keep their digits, and no member is given twice.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The members of an object, with numbers as strings: an id of 22 digits does not fit any number of Rust.
pub(super) struct JsonRow(pub Map<String, Value>);

impl<'de> Deserialize<'de> for JsonRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = JsonRow;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<JsonRow, A::Error> {
        let mut members = Map::new();
        while let Some((name, raw)) = access.next_entry::<String, Box<RawValue>>()? {
            let value = exact(raw.get()).map_err(A::Error::custom)?;
            if members.contains_key(&name) {
                return Err(A::Error::custom(format!("`{name}` is given twice")));
            }
            members.insert(name, value);
        }
        Ok(JsonRow(members))
    }
}

/// A value whose numbers are strings, also one level down, where the labels are.
fn exact(raw: &str) -> serde_json::Result<Value> {
    match raw.as_bytes().first() {
        Some(b'0'..=b'9' | b'-') => Ok(Value::String(raw.to_owned())),
        Some(b'{') => serde_json::from_str::<JsonRow>(raw).map(|row| Value::Object(row.0)),
        _ => serde_json::from_str(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_keep_their_digits_and_nothing_is_given_twice() {
        let row = |text: &str| serde_json::from_str::<JsonRow>(text).map(|row| Value::Object(row.0));
        assert_eq!(
            row(r#"{"id": 1234567890123456789012, "x": 1.50, "labels": {"n": -0.10}, "list": [1], "ok": true}"#).ok(),
            Some(
                json!({"id": "1234567890123456789012", "x": "1.50", "labels": {"n": "-0.10"}, "list": [1], "ok": true})
            )
        );
        for (text, reason) in [
            (r#"{"a": 1, "a": 2}"#, "`a` is given twice"),
            (r#"{"labels": {"b": 1, "b": 1}}"#, "`b` is given twice"),
            ("[1]", "expected a JSON object"),
        ] {
            let error = row(text).expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
