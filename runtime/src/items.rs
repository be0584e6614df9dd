//! How an item is written: a bare key, or a row whose columns are the key, known attributes and labels.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::Error;
use crate::record::Item;

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

/// Some items, and how to go on after them.
#[derive(Debug, Default)]
pub struct Page {
    /// The items; one that could not be read comes with the reason, and fails alone.
    pub items: Vec<(Item, Option<Error>)>,
    /// Where to resume after these.
    pub cursor: String,
}

/// The attributes of a row, all as text.
pub type Cells = BTreeMap<String, String>;

/// Makes an item of a row. Columns that are no attribute become labels; an empty cell is no value.
///
/// # Errors
/// `key_missing` where the row does not say what the item is called.
pub fn from_cells(mut cells: Cells, key: &str, columns: &Columns) -> Result<Item, Error> {
    cells.retain(|_, cell| !cell.trim().is_empty());
    let mut take = |column: &str| cells.remove(column);
    let Some(found) = take(key) else {
        return Err(Error::permanent("key_missing", format!("the row has nothing in the column `{key}`")));
    };
    let mut attribute = |named: &Option<String>, own: &str| take(named.as_deref().unwrap_or(own));
    Ok(Item {
        key: found,
        title: attribute(&columns.title, "title"),
        feed: attribute(&columns.feed, "feed"),
        language: attribute(&columns.language, "language"),
        url: attribute(&columns.url, "url"),
        text: attribute(&columns.text, "text"),
        labels: cells,
    })
}

/// Flattens a JSON object to cells: numbers and flags as they are written, and `labels` by their own names.
///
/// # Errors
/// `row_unreadable` where it is no object, or a value is a list or a table other than `labels`.
pub fn cells_of(row: serde_json::Value) -> Result<Cells, Error> {
    use serde_json::Value;
    let Value::Object(row) = row else {
        return Err(Error::permanent("row_unreadable", "the row is not a JSON object"));
    };
    let mut cells = Cells::new();
    for (name, value) in row {
        match value {
            Value::Null => {}
            Value::String(text) => drop(cells.insert(name, text)),
            Value::Number(number) => drop(cells.insert(name, number.to_string())),
            Value::Bool(flag) => drop(cells.insert(name, flag.to_string())),
            Value::Object(_) if name == "labels" => cells.extend(cells_of(value)?),
            Value::Array(_) | Value::Object(_) => {
                return Err(Error::permanent("row_unreadable", format!("`{name}` is neither text nor a number")));
            }
        }
    }
    Ok(cells)
}

/// An item as `pipeline.toml` writes it: `"Apple"` or `{ name = "Apple", title = "Apple Inc." }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Written {
    /// Its key alone.
    Key(String),
    /// Its attributes, the key among them.
    Row(Cells),
}

impl Written {
    /// The item that is meant.
    ///
    /// # Errors
    /// `key_missing` where the row does not say what the item is called.
    pub fn item(&self, key: &str) -> Result<Item, Error> {
        match self {
            Self::Key(name) if name.trim().is_empty() => Err(Error::permanent("key_missing", "the item has no name")),
            Self::Key(name) => Ok(Item::named(name.as_str())),
            Self::Row(cells) => from_cells(cells.clone(), key, &Columns::default()),
        }
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WrittenVisitor)
    }
}

struct WrittenVisitor;

impl<'de> Visitor<'de> for WrittenVisitor {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item: its key as a text, or a table of its attributes")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Written, E> {
        Ok(Written::Key(key.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
        let mut cells = Cells::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "labels" {
                cells.extend(map.next_value::<Cells>()?);
            } else {
                let value = map.next_value()?;
                cells.insert(name, value);
            }
        }
        Ok(Written::Row(cells))
    }
}

#[cfg(feature = "cards")]
impl schemars::JsonSchema for Written {
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
