//! How an item is written: a bare key, or a row whose columns are the key, known attributes and labels.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::model::error::{Error, ErrorCode};
use crate::model::record::Item;

/// The attributes of an item that stages know.
pub const ATTRIBUTES: [&str; 6] = ["title", "feed", "language", "url", "text", "labels"];

/// Which column of a row holds which attribute of an item. What is not named here is looked for under its own name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// Column of the title, under which stages look the item up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Column of the address of its feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed: Option<String>,
    /// Column of the language of its texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Column of the address of its page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Column of its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Columns {
    /// The columns that an item is read from, the key's among them; all others are labels.
    fn known<'a>(&'a self, key: &'a str) -> [&'a str; 6] {
        let column = |named: &'a Option<String>, own| named.as_deref().unwrap_or(own);
        [
            key,
            column(&self.title, "title"),
            column(&self.feed, "feed"),
            column(&self.language, "language"),
            column(&self.url, "url"),
            column(&self.text, "text"),
        ]
    }

    /// The columns that were named, which a file with a header has to have.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        [&self.title, &self.feed, &self.language, &self.url, &self.text].into_iter().flatten().map(String::as_str)
    }
}

/// The attributes of a row, all as text.
pub type Cells = BTreeMap<String, String>;

/// The longest key: DynamoDB's limit for a partition key is 2,048 bytes, and half of it leaves room for others
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
pub const KEY_BYTES: usize = 1_024;

/// Why a text cannot be the key of an item, wherever the item was written.
#[must_use]
pub fn key_fault(key: &str) -> Option<String> {
    match key {
        _ if key.trim().is_empty() => Some("a blank key".into()),
        _ if key.len() > KEY_BYTES => Some(format!("a key of {} bytes, of {KEY_BYTES} at most", key.len())),
        _ if key.chars().any(char::is_control) => Some("a control character in the key".into()),
        _ => None,
    }
}

/// The key, where it can be stored.
fn fit(key: String) -> Result<String, Error> {
    match key_fault(&key) {
        None => Ok(key),
        // The key itself stays out of the sentence: it may be a megabyte, or move a terminal's cursor.
        Some(fault) => {
            Err(Error::permanent(ErrorCode::KeyUnfit, format!("{fault} cannot be stored: correct the item's key")))
        }
    }
}

/// Makes an item of a row. Columns that are no attribute become labels; an empty cell is no value.
///
/// # Errors
/// `key_missing` where the row does not say what the item is called, `key_unfit` where it cannot be called so.
pub fn from_cells(mut cells: Cells, key: &str, columns: &Columns) -> Result<Item, Error> {
    cells.retain(|_, cell| !cell.trim().is_empty());
    let mut take = |column: &str| cells.remove(column);
    let Some(found) = take(key) else {
        return Err(Error::permanent(ErrorCode::KeyMissing, format!("the row has nothing in the column `{key}`")));
    };
    let mut attribute = |named: &Option<String>, own: &str| take(named.as_deref().unwrap_or(own));
    Ok(Item {
        key: fit(found)?,
        title: attribute(&columns.title, "title"),
        feed: attribute(&columns.feed, "feed"),
        language: attribute(&columns.language, "language"),
        url: attribute(&columns.url, "url"),
        text: attribute(&columns.text, "text"),
        labels: cells,
    })
}

/// Makes an item of a JSON object: numbers and flags as they are written, a list or a table in a label as JSON. What
/// stands in `labels` becomes labels and nothing else, whatever it is called.
///
/// # Errors
/// `row_unreadable` where it is no object, or its key or an attribute is a list or a table; as [`from_cells`] else.
pub fn from_json(row: Value, key: &str, columns: &Columns) -> Result<Item, Error> {
    let Value::Object(mut row) = row else {
        return Err(Error::permanent(ErrorCode::RowUnreadable, "the row is not a JSON object"));
    };
    let known = columns.known(key);
    let labels = match row.get_mut("labels") {
        Some(Value::Object(labels)) if !known.contains(&"labels") => std::mem::take(labels),
        _ => Map::new(),
    };
    if !labels.is_empty() {
        row.remove("labels");
    }
    if let Some((name, _)) = row.iter().find(|(name, value)| known.contains(&name.as_str()) && is_nested(value)) {
        return Err(Error::permanent(ErrorCode::RowUnreadable, format!("`{name}` is neither text nor a number")));
    }
    let mut item = from_cells(cells(row), key, columns)?;
    item.labels.extend(cells(labels).into_iter().filter(|(_, label)| !label.trim().is_empty()));
    Ok(item)
}

fn is_nested(value: &Value) -> bool {
    matches!(value, Value::Array(_) | Value::Object(_))
}

fn cells(row: Map<String, Value>) -> Cells {
    let cell = |value| match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    row.into_iter().filter_map(|(name, value)| Some((name, cell(value)?))).collect()
}

/// An item as `pipeline.toml` writes it: `"Apple"` or `{ name = "Apple", title = "Apple Inc." }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum InlineItem {
    /// Its key alone.
    Key(String),
    /// Its attributes, the key among them.
    Row(Cells),
}

impl InlineItem {
    /// The item that is meant.
    ///
    /// # Errors
    /// `key_missing` where the row does not say what the item is called, `key_unfit` where it cannot be called so.
    pub fn item(&self, key: &str) -> Result<Item, Error> {
        match self {
            Self::Key(name) if name.trim().is_empty() => {
                Err(Error::permanent(ErrorCode::KeyMissing, "the item has no name"))
            }
            Self::Key(name) => Ok(Item::named(fit(name.clone())?)),
            Self::Row(cells) => from_cells(cells.clone(), key, &Columns::default()),
        }
    }
}

impl<'de> Deserialize<'de> for InlineItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InlineItemVisitor)
    }
}

struct InlineItemVisitor;

impl<'de> Visitor<'de> for InlineItemVisitor {
    type Value = InlineItem;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item: its key as a text, or a table of its attributes")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<InlineItem, E> {
        Ok(InlineItem::Key(key.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InlineItem, A::Error> {
        let mut cells = Cells::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "labels" {
                cells.extend(map.next_value::<Cells>()?);
            } else {
                let value = map.next_value()?;
                cells.insert(name, value);
            }
        }
        Ok(InlineItem::Row(cells))
    }
}

#[cfg(feature = "cards")]
impl schemars::JsonSchema for InlineItem {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Item".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [
                { "type": "string", "minLength": 1 },
                { "type": "object", "additionalProperties": { "type": ["string", "object"] } }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(row: Value) -> Result<Item, String> {
        let columns = Columns { text: Some("review".into()), ..Columns::default() };
        from_json(row, "name", &columns).map_err(|error| error.code.to_string())
    }

    #[test]
    fn labels_take_nobodys_place() {
        let labels = json!({ "name": "Evil", "review": "bad", "title": "x", "team": "billing", "none": null, "": " " });
        let item = read(json!({ "name": "Apple", "review": "good", "team": 1, "labels": labels })).expect("an item");
        assert_eq!((item.key.as_str(), item.text.as_deref(), item.title.as_deref()), ("Apple", Some("good"), None));
        let expected = [("name", "Evil"), ("review", "bad"), ("team", "billing"), ("title", "x")];
        assert_eq!(item.labels, expected.map(|(name, label)| (name.to_owned(), label.to_owned())).into());
    }

    #[test]
    fn a_list_is_kept_in_a_label_and_refused_in_an_attribute() {
        let item = read(json!({ "name": 7, "tags": ["a", { "b": 1 }], "text": [], "labels": { "deep": { "c": [] } } }))
            .expect("an item");
        assert_eq!(item.key, "7");
        let expected = [("deep", r#"{"c":[]}"#), ("tags", r#"["a",{"b":1}]"#), ("text", "[]")];
        assert_eq!(item.labels, expected.map(|(name, label)| (name.to_owned(), label.to_owned())).into());
        let labels = read(json!({ "name": "a", "labels": ["x"] })).expect("an item").labels;
        assert_eq!(labels["labels"], r#"["x"]"#);
        for odd in [json!({ "name": [1] }), json!({ "name": "a", "review": {} }), json!({ "name": "a", "url": [] })] {
            assert_eq!(read(odd.clone()), Err("row_unreadable".into()), "{odd}");
        }
    }

    #[test]
    fn a_key_is_held_to_the_same_rules_wherever_it_was_written() {
        let long = "x".repeat(KEY_BYTES + 1);
        for odd in [long.as_str(), "a\nb", "a\u{7f}"] {
            assert!(key_fault(odd).is_some());
            assert_eq!(read(json!({ "name": odd })), Err("key_unfit".into()));
            let written = InlineItem::Key(odd.into()).item("name").map_err(|error| error.code.to_string());
            assert_eq!(written, Err("key_unfit".into()));
        }
        assert_eq!(key_fault(" ").as_deref(), Some("a blank key"));
        assert_eq!(key_fault(&"é".repeat(KEY_BYTES / 2)), None);
    }
}
