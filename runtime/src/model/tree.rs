//! A tree of settings in which every value knows where it was written, and from which any settings type can be read.
//!
//! Both readers of settings use it: the generator (from TOML, with places) and the Lambda (from its
//! environment, without). Faults are typed facts, so nobody has to read another crate's English.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::value::StringDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};

/// Bytes of the file from which a value was read.
pub type Span = Range<usize>;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// Where it was written; empty where it came from no file.
    pub span: Span,
    /// What was written.
    pub value: Value,
}

/// What a setting can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// `true` or `false`.
    Flag(bool),
    /// A TOML date or time, which no setting takes.
    Date(String),
    /// Values in a row, shared: a list of ten thousand items is copied for nobody who only reads it.
    List(Arc<Vec<Tree>>),
    /// Values by name.
    Table(Table),
    /// Stands where a required value was missing, so that reading goes on to the next mistake.
    Hole,
}

/// Values by name, each name with its own place.
pub type Table = BTreeMap<String, Entry>;

/// A named value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where the name was written.
    pub key: Span,
    /// The value.
    pub tree: Tree,
}

/// A value that does not fit, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The place, when one is known.
    pub span: Option<Span>,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// Another type or range was expected.
    Mismatch {
        /// What was written.
        found: String,
        /// What is allowed.
        allowed: String,
    },
    /// One of a few words was expected.
    Choice {
        /// The word that was written.
        found: String,
        /// The words that are allowed.
        allowed: Vec<String>,
    },
    /// No such setting.
    UnknownKey {
        /// The name that was written.
        key: String,
        /// The names that exist.
        allowed: Vec<String>,
    },
    /// A setting without a default was left out.
    Missing {
        /// Its name.
        key: String,
    },
    /// What a settings type itself has to say.
    Other(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            FaultKind::Mismatch { found, allowed } => write!(f, "found {found}, expected {allowed}"),
            FaultKind::Choice { found, allowed } => {
                write!(f, "found `{found}`, allowed: {}", listed(allowed))
            }
            FaultKind::UnknownKey { key, allowed } => {
                write!(f, "unknown setting `{key}`, known: {}", listed(allowed))
            }
            FaultKind::Missing { key } => write!(f, "`{key}` is missing"),
            FaultKind::Other(words) => f.write_str(words),
        }
    }
}

impl std::error::Error for Fault {}

/// Words in backticks, with commas between.
pub fn listed<T: AsRef<str>>(words: &[T]) -> String {
    words.iter().map(|word| format!("`{}`", word.as_ref())).collect::<Vec<_>>().join(", ")
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(words: T) -> Self {
        FaultKind::Other(words.to_string()).into()
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        FaultKind::Mismatch { found: plain(found), allowed: plain_type(&expected.to_string()) }.into()
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        FaultKind::Mismatch { found: plain(found), allowed: plain_type(&expected.to_string()) }.into()
    }

    fn unknown_variant(found: &str, allowed: &'static [&'static str]) -> Self {
        FaultKind::Choice { found: found.into(), allowed: owned(allowed) }.into()
    }

    fn unknown_field(key: &str, allowed: &'static [&'static str]) -> Self {
        FaultKind::UnknownKey { key: key.into(), allowed: owned(allowed) }.into()
    }

    fn missing_field(key: &'static str) -> Self {
        FaultKind::Missing { key: key.into() }.into()
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// What was found, in the words of somebody who writes TOML.
fn plain(found: de::Unexpected<'_>) -> String {
    use de::Unexpected as U;
    match found {
        U::Bool(flag) => format!("`{flag}`"),
        U::Unsigned(number) => format!("the number `{number}`"),
        U::Signed(number) => format!("the number `{number}`"),
        U::Float(number) => format!("the number `{number}`"),
        U::Str("") => "an empty text".into(),
        U::Str(text) => format!("the text `{text}`"),
        U::Seq => "a list".into(),
        U::Map => "a table".into(),
        other => other.to_string(),
    }
}

/// What was expected, where serde only knows the name of a Rust type.
fn plain_type(expected: &str) -> String {
    match expected {
        "a string" | "a borrowed string" => "a text in quotes".into(),
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
    /// The same fault at this place, unless it already has one of its own further in.
    fn at(mut self, span: &Span) -> Self {
        self.span.get_or_insert_with(|| span.clone());
        self
    }
}

impl Tree {
    /// An empty table at a place.
    pub fn table_at(span: Span) -> Self {
        Self { span, value: Value::Table(Table::new()) }
    }

    /// The table, where it is one.
    pub fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The table, where it is one, to be changed.
    pub fn table_mut(&mut self) -> Option<&mut Table> {
        match &mut self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The text, where it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What this is, in the words of somebody who writes TOML.
    pub fn plain(&self) -> String {
        match &self.value {
            Value::Text(text) if text.is_empty() => "an empty text".into(),
            Value::Text(text) => format!("the text `{text}`"),
            Value::Integer(number) => format!("the number `{number}`"),
            Value::Float(number) => format!("the number `{number}`"),
            Value::Flag(flag) => format!("`{flag}`"),
            Value::Date(date) => format!("the date `{date}`"),
            Value::List(_) => "a list".into(),
            Value::Table(_) => "a table".into(),
            Value::Hole => "nothing".into(),
        }
    }

    /// Reads a settings type.
    ///
    /// # Errors
    /// The first fault, with the innermost place that is known for it.
    pub fn read<T: de::DeserializeOwned>(&self) -> Result<T, Fault> {
        T::deserialize(self)
    }

    /// The same settings from JSON, without places.
    pub fn from_json(json: serde_json::Value) -> Self {
        let value = match json {
            serde_json::Value::Null => Value::Hole,
            serde_json::Value::Bool(flag) => Value::Flag(flag),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(whole) => Value::Integer(whole),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Value::Text(text),
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
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Flag(flag) => visitor.visit_bool(*flag),
            Value::Date(_) => {
                Err(FaultKind::Mismatch { found: self.plain(), allowed: "a text in quotes".into() }.into())
            }
            Value::List(list) => visitor.visit_seq(List(list.iter())),
            Value::Table(table) => visitor.visit_map(Entries { rest: table.iter(), value: None }),
            Value::Hole => visitor.visit_unit(),
        }
        .map_err(|fault: Fault| fault.at(&self.span))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Hole => visitor.visit_none(),
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
            Value::Text(text) => {
                let word: StringDeserializer<Fault> = text.clone().into_deserializer();
                visitor.visit_enum(word).map_err(|fault| fault.at(&self.span))
            }
            _ => Err(Fault {
                span: Some(self.span.clone()),
                kind: FaultKind::Mismatch { found: self.plain(), allowed: format!("one of {}", listed(variants)) },
            }),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Hole => visitor.visit_borrowed_str(""),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Hole => visitor.visit_seq(List([].iter())),
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
            // Serde would take the values of a list for the fields in their order, which nobody means.
            Value::List(_) => Err(Fault {
                span: Some(self.span.clone()),
                kind: FaultKind::Mismatch { found: self.plain(), allowed: "a table".into() },
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
        let early = || <Fault as de::Error>::custom("a value was read before its name");
        let tree = self.value.take().ok_or_else(early)?;
        seed.deserialize(tree).map_err(|fault: Fault| fault.at(&tree.span))
    }
}
