//! The names that a condition may use: what each stands for, its type, and what a number of it can be.

use crate::model::record::Label;

/// What a value is. A name without a value is null, whatever its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `true` or `false`.
    Flag,
    /// A number from the first to the second.
    Number(i8, i8),
    /// A text.
    Text,
    /// One of the four labels.
    Label,
    /// Several texts.
    Texts,
}

impl Type {
    /// In the words of a sentence.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Flag => "true or false",
            Self::Number(..) => "a number",
            Self::Text => "a text",
            Self::Label => "a label",
            Self::Texts => "a list of texts",
        }
    }
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// The label of the record's finding.
    Label,
    /// How strongly that label holds, 0 to 1.
    Score,
    /// The record's own score, -1 to 1.
    Polarity,
    /// How strongly one of the labels holds, by its word in lower case.
    Scores(&'static str),
    /// How much of the text was read, 0 to 1.
    Coverage,
    /// What found it.
    Engine,
    /// The language of the text.
    Language,
    /// The key of the item.
    Item,
    /// The source of the item.
    Source,
    /// A label that the item came with.
    Labels(String),
    /// What the text names.
    Entities,
    /// Whether something went wrong.
    Failed,
    /// The code of what went wrong.
    Failure,
    /// Whether the label is another than before.
    Changed,
    /// The label before.
    Previous,
}

/// The four labels.
pub const LABELS: [Label; 4] = [Label::Positive, Label::Negative, Label::Neutral, Label::Mixed];

/// The names under `scores`.
pub const SCORES: [&str; 4] = ["positive", "negative", "neutral", "mixed"];

/// All names that stand alone, as they are written.
const ALONE: &[(&str, Name)] = &[
    ("sentiment", Name::Label),
    ("label", Name::Label),
    ("score", Name::Score),
    ("polarity", Name::Polarity),
    ("coverage", Name::Coverage),
    ("engine", Name::Engine),
    ("language", Name::Language),
    ("item", Name::Item),
    ("source", Name::Source),
    ("entities", Name::Entities),
    ("failed", Name::Failed),
    ("failure", Name::Failure),
    ("changed", Name::Changed),
    ("previous", Name::Previous),
];

impl Name {
    /// The name that is written so, where it stands alone.
    pub fn alone(word: &str) -> Option<Self> {
        ALONE.iter().find(|(written, _)| *written == word).map(|(_, name)| name.clone())
    }

    /// What it is, where it is anything.
    pub const fn of_type(&self) -> Type {
        match self {
            Self::Failed | Self::Changed => Type::Flag,
            Self::Score | Self::Scores(_) | Self::Coverage => Type::Number(0, 1),
            Self::Polarity => Type::Number(-1, 1),
            Self::Engine | Self::Language | Self::Item | Self::Source | Self::Labels(_) | Self::Failure => Type::Text,
            Self::Label | Self::Previous => Type::Label,
            Self::Entities => Type::Texts,
        }
    }
}

/// All names in backticks, for whoever used another one.
pub fn known() -> String {
    let alone = ALONE.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    format!("{alone}, `scores.positive` and the like, `labels.NAME`")
}
