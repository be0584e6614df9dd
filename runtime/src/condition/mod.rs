//! Conditions on a record, such as `sentiment == "NEGATIVE" && score > 0.8`: read and typed once, decided in no time.
//!
//! The words are those of the Common Expression Language, without its functions, macros and loops. Its crate was
//! measured first: `cel` 0.15 brings 31 crates, 1.7 MB of stripped binary (a third of ours) and 20 s of compiling, fails
//! while it runs where something is null, and takes misspelt labels as they come. Here whatever can be wrong is found
//! when the settings are read; a condition that was read is decided for every record, without any error left to make.

mod eval;
mod lexer;
mod names;
mod parser;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::record::{Label, Record};

/// Bytes of a condition, at most: it travels in an environment variable, of which a function has 4 KB.
pub const MOST_BYTES: usize = 1_000;

/// A condition that a record meets or does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    text: String,
    test: parser::Test,
}

/// Why a text is no condition, and at which character of it, from one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words} (at character {at})")]
pub struct Mistake {
    /// The character.
    pub at: usize,
    /// What is wrong, and what would be right.
    pub words: String,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(text: &str) -> Result<Self, Mistake> {
        let test = parser::read(text).map_err(|(byte, words)| {
            let before = text.get(..byte).unwrap_or(text);
            Mistake { at: before.chars().count() + 1, words }
        })?;
        Ok(Self { text: text.to_owned(), test })
    }

    /// Whether a record meets it; `before` is the label that the item had before, where it is known.
    #[must_use]
    pub fn holds(&self, record: &Record, before: Option<Label>) -> bool {
        self.test.holds(&eval::Facts { record, before })
    }

    /// Whether it asks for what was found before: somebody has to remember that then.
    #[must_use]
    pub fn looks_back(&self) -> bool {
        self.test.names().any(|name| matches!(name, names::Name::Changed | names::Name::Previous))
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "cards")]
impl schemars::JsonSchema for Condition {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": MOST_BYTES })
    }
}
