//! A tree of settings in which every value has a span, and from which any settings type can be deserialized.
//!
//! The generator reads it from TOML, with spans; the function reads it from its environment, without spans. Faults are
//! typed, so that callers need not parse messages.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::value::StringDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};

/// The byte range of a value in its file.
pub type Span = Range<usize>;

/// A value and its span.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// Its span; empty if it does not come from a file.
    pub span: Span,
    /// The value.
    pub value: Value,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    String(String),
    /// An integer.
    Integer(i64),
    /// A floating-point number.
    Float(f64),
    /// A boolean.
    Boolean(bool),
    /// A TOML date or time, which no setting accepts.
    Date(String),
    /// A list, shared, so that cloning a tree does not copy ten thousand items.
    List(Arc<Vec<Tree>>),
    /// A table.
    Table(Table),
    /// A placeholder for a missing required value, so that reading continues to the next mistake.
    Placeholder,
}

/// Values by name.
pub type Table = BTreeMap<String, Entry>;

/// A named value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The span of the name.
    pub key: Span,
    /// The value.
    pub tree: Tree,
}

/// An invalid value and its span.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The span, if known.
    pub span: Option<Span>,
    /// The kind of fault.
    pub kind: FaultKind,
}

/// Why a value is invalid.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// It has another type, or is out of range.
    Mismatch {
        /// A description of the value.
        found: String,
        /// A description of the allowed values.
        allowed: String,
    },
    /// It is not one of the allowed strings.
    Choice {
        /// The string.
        found: String,
        /// The allowed strings.
        allowed: Vec<String>,
    },
    /// The setting does not exist.
    UnknownKey {
        /// Its name.
        key: String,
        /// The names of the settings that exist.
        allowed: Vec<String>,
    },
    /// A required setting is missing.
    Missing {
        /// Its name.
        key: String,
    },
    /// A message from the settings type.
    Other(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            FaultKind::Mismatch { found, allowed } => write!(f, "found {found}, expected {allowed}"),
            FaultKind::Choice { found, allowed } => {
                write!(f, "found `{found}`, allowed: {}", quoted_list(allowed))
            }
            FaultKind::UnknownKey { key, allowed } => {
                write!(f, "unknown setting `{key}`, known: {}", quoted_list(allowed))
            }
            FaultKind::Missing { key } => write!(f, "`{key}` is missing"),
            FaultKind::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Fault {}

/// Strings in backticks, separated by commas.
pub fn quoted_list<T: AsRef<str>>(strings: &[T]) -> String {
    strings.iter().map(|string| format!("`{}`", string.as_ref())).collect::<Vec<_>>().join(", ")
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        FaultKind::Other(message.to_string()).into()
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        FaultKind::Mismatch { found: describe_unexpected(found), allowed: describe_expected(&expected.to_string()) }
            .into()
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        FaultKind::Mismatch { found: describe_unexpected(found), allowed: describe_expected(&expected.to_string()) }
            .into()
    }

    fn unknown_variant(found: &str, allowed: &'static [&'static str]) -> Self {
        FaultKind::Choice { found: found.into(), allowed: to_strings(allowed) }.into()
    }

    fn unknown_field(key: &str, allowed: &'static [&'static str]) -> Self {
        FaultKind::UnknownKey { key: key.into(), allowed: to_strings(allowed) }.into()
    }

    fn missing_field(key: &'static str) -> Self {
        FaultKind::Missing { key: key.into() }.into()
    }
}

fn to_strings(strings: &[&str]) -> Vec<String> {
    strings.iter().map(|string| (*string).to_owned()).collect()
}

/// Describes a value in the terms of TOML.
fn describe_unexpected(found: de::Unexpected<'_>) -> String {
    use de::Unexpected as U;
    match found {
        U::Bool(flag) => format!("`{flag}`"),
        U::Unsigned(number) => format!("the number `{number}`"),
        U::Signed(number) => format!("the number `{number}`"),
        U::Float(number) => format!("the number `{number}`"),
        U::Str("") => "an empty string".into(),
        U::Str(text) => format!("the string `{text}`"),
        U::Seq => "a list".into(),
        U::Map => "a table".into(),
        other => other.to_string(),
    }
}

/// Describes the expected type in the terms of TOML, since serde may only know the Rust type.
fn describe_expected(expected: &str) -> String {
    match expected {
        "a string" | "a borrowed string" => "a string in quotes".into(),
        "a boolean" => "`true` or `false`".into(),
        "a sequence" => "a list".into(),
        "a map" => "a table".into(),
        "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" | "i64" | "usize" => "a whole number".into(),
        "f32" | "f64" => "a number".into(),
        other if other.starts_with("struct ") => "a table".into(),
        other => other.into(),
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self { span: None, kind }
    }
}

impl Fault {
    /// Sets the span, unless the fault already has a more precise one.
    fn at(mut self, span: &Span) -> Self {
        self.span.get_or_insert_with(|| span.clone());
        self
    }
}

impl Tree {
    /// An empty table with a span.
    pub fn table_at(span: Span) -> Self {
        Self { span, value: Value::Table(Table::new()) }
    }

    /// The table, if it is one.
    pub fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The mutable table, if it is one.
    pub fn as_table_mut(&mut self) -> Option<&mut Table> {
        match &mut self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Describes the value in the terms of TOML.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::String(text) if text.is_empty() => "an empty string".into(),
            Value::String(text) => format!("the string `{text}`"),
            Value::Integer(number) => format!("the number `{number}`"),
            Value::Float(number) => format!("the number `{number}`"),
            Value::Boolean(flag) => format!("`{flag}`"),
            Value::Date(date) => format!("the date `{date}`"),
            Value::List(_) => "a list".into(),
            Value::Table(_) => "a table".into(),
            Value::Placeholder => "nothing".into(),
        }
    }

    /// Deserializes a settings type.
    ///
    /// # Errors
    /// The first fault, with the most precise span that is known.
    pub fn read<T: de::DeserializeOwned>(&self) -> Result<T, Fault> {
        T::deserialize(self)
    }

    /// Converts JSON to a tree without spans.
    pub fn from_json(json: serde_json::Value) -> Self {
        let value = match json {
            serde_json::Value::Null => Value::Placeholder,
            serde_json::Value::Bool(flag) => Value::Boolean(flag),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(integer) => Value::Integer(integer),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Value::String(text),
            serde_json::Value::Array(list) => Value::List(Arc::new(list.into_iter().map(Self::from_json).collect())),
            serde_json::Value::Object(map) => Value::Table(
                map.into_iter()
                    .map(|(name, value)| (name, Entry { key: 0..0, tree: Self::from_json(value) }))
                    .collect(),
            ),
        };
        Self { span: 0..0, value }
    }
}

impl<'de> de::Deserializer<'de> for &'de Tree {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.value {
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(flag) => visitor.visit_bool(*flag),
            Value::Date(_) => {
                Err(FaultKind::Mismatch { found: self.describe(), allowed: "a string in quotes".into() }.into())
            }
            Value::List(list) => visitor.visit_seq(List(list.iter())),
            Value::Table(table) => visitor.visit_map(Entries { rest: table.iter(), value: None }),
            Value::Placeholder => visitor.visit_unit(),
        }
        .map_err(|fault: Fault| fault.at(&self.span))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Placeholder => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self).map_err(|fault: Fault| fault.at(&self.span))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.value {
            Value::String(text) => {
                let variant: StringDeserializer<Fault> = text.clone().into_deserializer();
                visitor.visit_enum(variant).map_err(|fault| fault.at(&self.span))
            }
            _ => Err(Fault {
                span: Some(self.span.clone()),
                kind: FaultKind::Mismatch {
                    found: self.describe(),
                    allowed: format!("one of {}", quoted_list(variants)),
                },
            }),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Placeholder => visitor.visit_borrowed_str(""),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Placeholder => visitor.visit_seq(List([].iter())),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value {
            // Serde would also accept a list of the fields' values in order, which nobody intends.
            Value::List(_) => Err(Fault {
                span: Some(self.span.clone()),
                kind: FaultKind::Mismatch { found: self.describe(), allowed: "a table".into() },
            }),
            _ => self.deserialize_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf
        unit unit_struct tuple tuple_struct map identifier ignored_any
    }
}

struct List<'de>(std::slice::Iter<'de, Tree>);

impl<'de> SeqAccess<'de> for List<'de> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        self.0.next().map(|tree| seed.deserialize(tree).map_err(|fault: Fault| fault.at(&tree.span))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries<'de> {
    rest: std::collections::btree_map::Iter<'de, String, Entry>,
    value: Option<&'de Tree>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some((name, entry)) = self.rest.next() else { return Ok(None) };
        self.value = Some(&entry.tree);
        let name: de::value::BorrowedStrDeserializer<'_, Fault> = de::value::BorrowedStrDeserializer::new(name);
        seed.deserialize(name).map(Some).map_err(|fault| fault.at(&entry.key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let missing = || <Fault as de::Error>::custom("a value was read before its key");
        let tree = self.value.take().ok_or_else(missing)?;
        seed.deserialize(tree).map_err(|fault: Fault| fault.at(&tree.span))
    }
}
