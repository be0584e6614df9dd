//! Parses items: from a key alone, or from a row with columns for the key, known attributes and labels.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::model::error::{Error, ErrorCode};
use crate::model::record::Item;

/// The attributes of an item that stages use.
pub const ATTRIBUTES: [&str; 6] = ["title", "feed", "language", "url", "text", "labels"];

/// The columns of an item's attributes. An attribute that is not set here has the column of its own name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// The column of the title, under which stages look the item up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The column of the feed's URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed: Option<String>,
    /// The column of the language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The column of the page's URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The column of the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Columns {
    /// The columns of the key and the attributes. All other columns are labels.
    #[must_use]
    pub fn all<'a>(&'a self, key: &'a str) -> [&'a str; 6] {
        let column = |configured: &'a Option<String>, default| configured.as_deref().unwrap_or(default);
        [
            key,
            column(&self.title, "title"),
            column(&self.feed, "feed"),
            column(&self.language, "language"),
            column(&self.url, "url"),
            column(&self.text, "text"),
        ]
    }

    /// The attributes, each with the setting of its column and the column, if it is configured.
    fn attributes(&self) -> [(&'static str, &'static str, &Option<String>); 5] {
        [
            ("title", "columns.title", &self.title),
            ("feed", "columns.feed", &self.feed),
            ("language", "columns.language", &self.language),
            ("url", "columns.url", &self.url),
            ("text", "columns.text", &self.text),
        ]
    }

    /// The configured columns, each with its setting. A file with a header must have all of them.
    pub fn configured(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.attributes().into_iter().filter_map(|(_, setting, column)| Some((setting, column.as_deref()?)))
    }

    /// The attributes without a configured column, which have the column of their own name.
    pub fn implied(&self) -> impl Iterator<Item = &'static str> {
        self.attributes().into_iter().filter(|(_, _, column)| column.is_none()).map(|(name, ..)| name)
    }
}

/// The cells of a row by column, as strings.
pub type Cells = BTreeMap<String, String>;

/// Maximum bytes of a key: half of DynamoDB's limit of 2,048 bytes for a partition key, to leave room for prefixes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
pub const MAX_KEY_BYTES: usize = 1_024;

/// Why a string cannot be the key of an item, or `None` if it can.
#[must_use]
pub fn invalid_key(key: &str) -> Option<String> {
    match key {
        _ if key.trim().is_empty() => Some("the key is blank".into()),
        _ if key.len() > MAX_KEY_BYTES => {
            Some(format!("the key has {} bytes; the limit is {MAX_KEY_BYTES}", key.len()))
        }
        _ if key.chars().any(char::is_control) => Some("the key contains a control character".into()),
        _ => None,
    }
}

fn check_key(key: String) -> Result<String, Error> {
    match invalid_key(&key) {
        None => Ok(key),
        // The key is not quoted: it may be a megabyte long, or contain control sequences of a terminal.
        Some(reason) => Err(Error::permanent(ErrorCode::KeyUnfit, format!("cannot use the item's key: {reason}"))),
    }
}

/// Creates an item from a row. Columns that are not attributes become labels. Blank cells are ignored.
///
/// # Errors
/// `key_missing` if the row has no key, `key_unfit` if the key is invalid.
pub fn from_cells(mut cells: Cells, key: &str, columns: &Columns) -> Result<Item, Error> {
    cells.retain(|_, cell| !cell.trim().is_empty());
    let mut take = |column: &str| cells.remove(column);
    let Some(item_key) = take(key) else {
        return Err(Error::permanent(ErrorCode::KeyMissing, format!("the row has no value in the column `{key}`")));
    };
    let mut attribute = |configured: &Option<String>, default: &str| take(configured.as_deref().unwrap_or(default));
    Ok(Item {
        key: check_key(item_key)?,
        title: attribute(&columns.title, "title"),
        feed: attribute(&columns.feed, "feed"),
        language: attribute(&columns.language, "language"),
        url: attribute(&columns.url, "url"),
        text: attribute(&columns.text, "text"),
        labels: cells,
    })
}

/// The row of an item: the inverse of [`from_cells`]. Blank attributes are left out.
///
/// # Errors
/// The label that has the name of an attribute's column.
pub fn to_cells(item: &Item, key: &str, columns: &Columns) -> Result<Cells, String> {
    let mut cells = Cells::from([(key.to_owned(), item.key.clone())]);
    let [_, title, feed, language, url, text] = columns.all(key);
    let attributes =
        [(title, &item.title), (feed, &item.feed), (language, &item.language), (url, &item.url), (text, &item.text)];
    let attributes = attributes.into_iter().filter_map(|(column, value)| Some((column, value.as_ref()?)));
    let labels = item.labels.iter().map(|(name, value)| (name.as_str(), value));
    for (name, value) in attributes.chain(labels).filter(|(_, value)| !value.trim().is_empty()) {
        if cells.insert(name.to_owned(), value.clone()).is_some() {
            return Err(name.to_owned());
        }
    }
    Ok(cells)
}

/// Creates an item from a JSON object. Numbers become strings; anything else in a label becomes JSON.
/// The members of `labels` become labels, even if they have the name of an attribute.
///
/// # Errors
/// `row_unreadable` if it is not an object, or if its key or an attribute is a boolean, an array or an object; otherwise as
/// [`from_cells`].
pub fn from_json(row: Value, key: &str, columns: &Columns) -> Result<Item, Error> {
    let Value::Object(mut row) = row else {
        return Err(Error::permanent(ErrorCode::RowUnreadable, "the row is not a JSON object"));
    };
    let known = columns.all(key);
    let labels = match row.get_mut("labels") {
        Some(Value::Object(labels)) if !known.contains(&"labels") => std::mem::take(labels),
        _ => Map::new(),
    };
    if !labels.is_empty() {
        row.remove("labels");
    }
    if let Some((name, _)) = row.iter().find(|(name, value)| known.contains(&name.as_str()) && is_unfit(value)) {
        return Err(Error::permanent(ErrorCode::RowUnreadable, format!("`{name}` must be a string or a number")));
    }
    let mut item = from_cells(cells(row), key, columns)?;
    item.labels.extend(cells(labels).into_iter().filter(|(_, label)| !label.trim().is_empty()));
    Ok(item)
}

/// Whether a value cannot be a key or an attribute.
fn is_unfit(value: &Value) -> bool {
    matches!(value, Value::Array(_) | Value::Object(_) | Value::Bool(_))
}

fn cells(row: Map<String, Value>) -> Cells {
    let cell = |value| match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    row.into_iter().filter_map(|(name, value)| Some((name, cell(value)?))).collect()
}

/// An item in `pipeline.toml`: `"Apple"` or `{ name = "Apple", title = "Apple Inc." }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum InlineItem {
    /// Only its key.
    Key(String),
    /// Its attributes, including the key.
    Row(Cells),
}

impl InlineItem {
    /// Converts it to an item. `key` is the column of the key.
    ///
    /// # Errors
    /// `key_missing` if it has no key, `key_unfit` if the key is invalid.
    pub fn to_item(&self, key: &str) -> Result<Item, Error> {
        match self {
            Self::Key(name) if name.trim().is_empty() => {
                Err(Error::permanent(ErrorCode::KeyMissing, "the item has no key"))
            }
            Self::Key(name) => Ok(Item::named(check_key(name.clone())?)),
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
        f.write_str("an item: its key as a string, or a table of its attributes")
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
    fn labels_do_not_replace_attributes() {
        let labels = json!({ "name": "Evil", "review": "bad", "title": "x", "team": "billing", "none": null, "": " " });
        let item = read(json!({ "name": "Apple", "review": "good", "team": 1, "labels": labels })).expect("an item");
        assert_eq!((item.key.as_str(), item.text.as_deref(), item.title.as_deref()), ("Apple", Some("good"), None));
        let expected = [("name", "Evil"), ("review", "bad"), ("team", "billing"), ("title", "x")];
        assert_eq!(item.labels, expected.map(|(name, label)| (name.to_owned(), label.to_owned())).into());
    }

    #[test]
    fn an_array_is_allowed_in_a_label_but_not_in_an_attribute() {
        let item = read(json!({ "name": 7, "tags": ["a", { "b": 1 }], "text": [], "labels": { "deep": { "c": [] } } }))
            .expect("an item");
        assert_eq!(item.key, "7");
        let expected = [("deep", r#"{"c":[]}"#), ("tags", r#"["a",{"b":1}]"#), ("text", "[]")];
        assert_eq!(item.labels, expected.map(|(name, label)| (name.to_owned(), label.to_owned())).into());
        let labels = read(json!({ "name": "a", "labels": ["x"] })).expect("an item").labels;
        assert_eq!(labels["labels"], r#"["x"]"#);
        for invalid in [json!({ "name": [1] }), json!({ "name": "a", "review": {} }), json!({ "name": "a", "url": [] })]
        {
            assert_eq!(read(invalid.clone()), Err("row_unreadable".into()), "{invalid}");
        }
    }

    #[test]
    fn keys_in_rows_and_in_inline_items_are_checked_alike() {
        let long = "x".repeat(MAX_KEY_BYTES + 1);
        for invalid in [long.as_str(), "a\nb", "a\u{7f}"] {
            assert!(invalid_key(invalid).is_some());
            assert_eq!(read(json!({ "name": invalid })), Err("key_unfit".into()));
            let inline = InlineItem::Key(invalid.into()).to_item("name").map_err(|error| error.code.to_string());
            assert_eq!(inline, Err("key_unfit".into()));
        }
        assert_eq!(invalid_key(" ").as_deref(), Some("the key is blank"));
        assert_eq!(invalid_key(&"é".repeat(MAX_KEY_BYTES / 2)), None);
    }
}
