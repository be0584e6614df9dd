//! Conditions on a record, such as `sentiment == "NEGATIVE" && score > 0.8`: parsed and type-checked once, then evaluated
//! for every record.
//!
//! The syntax is that of the Common Expression Language, without its functions, macros and loops. We measured the crate
//! `cel` 0.15 first: it brings 31 crates, 1.7 MB of stripped binary (a third of ours) and 20 s of compile time, fails at
//! run time on null values, and accepts misspelt labels. Here every mistake is found when the settings are read, so that
//! evaluation cannot fail.

mod ast;
mod eval;
mod identifiers;
mod lexer;
mod parser;
mod typecheck;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::identifiers::Identifier;
use crate::model::record::{Label, Record};

/// Maximum length of a condition in bytes. It travels in an environment variable, and a function has 4 KB of them.
pub const MAX_BYTES: usize = 1_000;

/// The names that compare with earlier runs, for messages: only the condition of a sink may use them.
pub const HISTORY_NAMES: &str = "`changed`, `previous`, `shift`, `mean` and `baseline`";

/// A condition that a record matches or does not match.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    text: String,
    expr: ast::Expr,
}

/// Why a text is not a valid condition, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at character {at})")]
pub struct ConditionError {
    /// The position of the mistake in characters, counted from one.
    pub at: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// A mistake at a byte of the condition, as the lexer, the parser and the type check report it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SyntaxError {
    byte: usize,
    message: String,
}

impl SyntaxError {
    fn new(byte: usize, message: impl Into<String>) -> Self {
        Self { byte, message: message.into() }
    }
}

impl Condition {
    /// Parses a condition.
    ///
    /// # Errors
    /// The first mistake in it.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        let expr = parser::parse(text).map_err(|SyntaxError { byte, message }| {
            let before = text.get(..byte).unwrap_or(text);
            ConditionError { at: before.chars().count() + 1, message }
        })?;
        Ok(Self { text: text.to_owned(), expr })
    }

    /// Whether a record matches; `previous` is the label that the item had in the run before, where it is known, and
    /// the record has its shift, if it completes one.
    #[must_use]
    pub fn matches(&self, record: &Record, previous: Option<Label>) -> bool {
        eval::Evaluator { record, previous }.evaluate(&self.expr)
    }

    /// Whether the condition compares with earlier runs, so that something has to be stored about each item.
    #[must_use]
    pub fn needs_history(&self) -> bool {
        self.needs_last_label() || self.needs_scores()
    }

    /// Whether the condition uses `changed` or `previous`, so that the last label of each item has to be stored.
    #[must_use]
    pub fn needs_last_label(&self) -> bool {
        self.uses(&[Identifier::Changed, Identifier::Previous])
    }

    /// Whether the condition uses `shift`, `mean` or `baseline`, so that the daily scores of each item have to be stored.
    #[must_use]
    pub fn needs_scores(&self) -> bool {
        self.uses(&[Identifier::Shift, Identifier::Mean, Identifier::Baseline])
    }

    /// Whether it uses one of these names.
    fn uses(&self, names: &[Identifier]) -> bool {
        self.expr.identifiers().any(|name| names.contains(name))
    }

    /// The text that was parsed.
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
        Self::parse(&text).map_err(serde::de::Error::custom)
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
        schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX_BYTES })
    }
}
