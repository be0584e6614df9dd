//! The identifiers that a condition may use: what each one stands for, its type, and the range of its numbers.

use crate::model::record::Label;

/// The type of a value. An identifier without a value is null, whatever its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// `true` or `false`.
    Bool,
    /// A number between the two bounds.
    Number(i8, i8),
    /// A text.
    Text,
    /// One of the four labels.
    Label,
    /// A list of texts.
    List,
}

impl ValueType {
    /// The type as messages name it.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Number(..) => "a number",
            Self::Text => "a string",
            Self::Label => "a label",
            Self::List => "a list of strings",
        }
    }
}

/// What an identifier stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identifier {
    /// The label of the record's finding.
    Label,
    /// The strength of that label, from 0 to 1.
    Score,
    /// The score of the finding, from -1 to 1.
    Polarity,
    /// The score of one label, from 0 to 1.
    Scores(&'static str),
    /// The share of the text that was analysed, from 0 to 1.
    Coverage,
    /// The engine of the finding.
    Engine,
    /// The language of the text.
    Language,
    /// The key of the item.
    Item,
    /// The source of the item.
    Source,
    /// A label of the item.
    Labels(String),
    /// The entities in the text.
    Entities,
    /// Whether the record has failed.
    Failed,
    /// The error code of the failure.
    Failure,
    /// Whether the label differs from that of the run before.
    Changed,
    /// The label of the run before.
    Previous,
    /// Whether the record completes a shift of its item's mean score.
    Shift,
    /// The mean after the shift, from -1 to 1.
    Mean,
    /// The mean before the shift, from -1 to 1.
    Baseline,
}

/// The four labels.
pub const LABELS: [Label; 4] = [Label::Positive, Label::Negative, Label::Neutral, Label::Mixed];

/// The members of `scores`.
pub const SCORES: [&str; 4] = ["positive", "negative", "neutral", "mixed"];

/// The identifiers without members, as they are written.
const SIMPLE: &[(&str, Identifier)] = &[
    ("sentiment", Identifier::Label),
    ("label", Identifier::Label),
    ("score", Identifier::Score),
    ("polarity", Identifier::Polarity),
    ("coverage", Identifier::Coverage),
    ("engine", Identifier::Engine),
    ("language", Identifier::Language),
    ("item", Identifier::Item),
    ("source", Identifier::Source),
    ("entities", Identifier::Entities),
    ("failed", Identifier::Failed),
    ("failure", Identifier::Failure),
    ("changed", Identifier::Changed),
    ("previous", Identifier::Previous),
    ("shift", Identifier::Shift),
    ("mean", Identifier::Mean),
    ("baseline", Identifier::Baseline),
];

impl Identifier {
    /// The identifier without members that is written like this.
    pub fn simple(name: &str) -> Option<Self> {
        SIMPLE.iter().find(|(written, _)| *written == name).map(|(_, identifier)| identifier.clone())
    }

    /// The type of its value.
    pub const fn value_type(&self) -> ValueType {
        match self {
            Self::Failed | Self::Changed | Self::Shift => ValueType::Bool,
            Self::Score | Self::Scores(_) | Self::Coverage => ValueType::Number(0, 1),
            Self::Polarity | Self::Mean | Self::Baseline => ValueType::Number(-1, 1),
            Self::Engine | Self::Language | Self::Item | Self::Source | Self::Labels(_) | Self::Failure => {
                ValueType::Text
            }
            Self::Label | Self::Previous => ValueType::Label,
            Self::Entities => ValueType::List,
        }
    }
}

/// All identifiers in backticks, for the message about an unknown one.
pub fn known() -> String {
    let simple = SIMPLE.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    format!("{simple}, `scores.LABEL`, `labels.NAME`")
}
