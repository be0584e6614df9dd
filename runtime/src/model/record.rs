//! Records: an item, its text with its origin, and the findings about it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::error::{Error, ErrorCode};
use crate::model::shift::Shift;
use crate::model::values::primary_language;

/// An item to analyse, such as a company or a review.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its key, unique in its source.
    pub key: String,
    /// The name under which stages look it up, if it differs from the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The URL of its feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed: Option<String>,
    /// The language of its texts, as a BCP 47 tag such as `en` or `zh-TW`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The URL of its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its text, if the source provides one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Other attributes, which are passed through to the sinks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Item {
    /// An item with only a key.
    pub fn named(key: impl Into<String>) -> Self {
        Self { key: key.into(), ..Self::default() }
    }

    /// What takes the most room, for advice on what to shorten: `text`, or a label such as `label \`note\``.
    #[must_use]
    pub fn longest_part(&self) -> String {
        let attributes = [
            ("text", &self.text),
            ("title", &self.title),
            ("url", &self.url),
            ("feed", &self.feed),
            ("language", &self.language),
        ];
        let attributes = attributes.map(|(name, value)| (value.as_ref().map_or(0, String::len), name.to_owned()));
        let labels = self.labels.iter().map(|(name, value)| (name.len() + value.len(), format!("label `{name}`")));
        let all = attributes.into_iter().chain(labels);
        all.reduce(|longest, part| if part.0 > longest.0 { part } else { longest }).map_or_else(String::new, |it| it.1)
    }

    /// The name under which stages look it up.
    pub fn lookup(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.key)
    }
}

/// A text and its origin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// The text itself.
    pub body: String,
    /// Its language as a BCP 47 tag, if a source declares it. It is never guessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Where it came from: the type of a stage, or `local texts`.
    pub source: String,
    /// The title of the page, after redirects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// When it was published, in RFC 3339, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// Its revision at the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Its licence, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

impl Text {
    /// Checks that the text is in English, for an engine that supports no other language.
    ///
    /// # Errors
    /// `language_unsupported` if the text is in another language, `language_unknown` if its language is unknown.
    pub fn require_english(&self, engine: &str) -> Result<(), Error> {
        match self.language.as_deref() {
            Some(language) if primary_language(language).as_deref() == Some("en") => Ok(()),
            Some(other) => Err(Error::permanent(
                ErrorCode::LanguageUnsupported,
                format!("{engine} supports only English, but the text is in `{other}`"),
            )),
            None => Err(Error::permanent(
                ErrorCode::LanguageUnknown,
                "the language of the text is unknown: set `language` on the item or on the stage that fetches the text",
            )),
        }
    }
}

/// A sentiment, with the labels of Amazon Comprehend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Label {
    /// A positive opinion.
    Positive,
    /// A negative opinion.
    Negative,
    /// No opinion.
    Neutral,
    /// Positive and negative opinions.
    Mixed,
}

impl Label {
    /// The label as results contain it, such as `POSITIVE`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Positive => "POSITIVE",
            Self::Negative => "NEGATIVE",
            Self::Neutral => "NEUTRAL",
            Self::Mixed => "MIXED",
        }
    }
}

/// The confidence of each label from 0 to 1, by the label in lower case.
pub type Scores = BTreeMap<String, f64>;

/// An entity that a text mentions. Offsets count characters from the start of the text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// The mention itself. Omitted for personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its type, such as `ORGANIZATION`, `PERSON` or `EMAIL`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The confidence, 0 to 1.
    pub score: f64,
    /// The offset of the first character.
    pub begin: u64,
    /// The offset after the last character.
    pub end: u64,
    /// The sentiment towards it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// The confidence of each label.
    #[serde(default, skip_serializing_if = "Scores::is_empty")]
    pub scores: Scores,
}

/// A key phrase of a text. Offsets count characters from the start of the text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phrase {
    /// The phrase itself.
    pub text: String,
    /// The confidence, 0 to 1.
    pub score: f64,
    /// The offset of the first character.
    pub begin: u64,
    /// The offset after the last character.
    pub end: u64,
}

/// The result of an analysing stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The name of the stage in the pipeline.
    pub stage: String,
    /// The engine that did the analysis.
    pub engine: String,
    /// The AWS service that the engine replaces in a local run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands_in_for: Option<String>,
    /// The sentiment, if it was requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// The sentiment as a number, from -1 (negative) to 1 (positive).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The confidence of each label.
    #[serde(default, skip_serializing_if = "Scores::is_empty")]
    pub scores: Scores,
    /// The fraction of the text that was analysed, 0 to 1.
    pub coverage: f64,
    /// The entities in the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<Entity>,
    /// The sentiment towards the entities in the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Entity>,
    /// The key phrases of the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phrases: Vec<Phrase>,
    /// Personal data in the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub personal: Vec<Entity>,
}

impl Finding {
    /// The language that it says the text is in, if it is about nothing but that.
    #[must_use]
    pub fn detected_language(&self) -> Option<&str> {
        let only = self.scores.keys().next().filter(|_| self.label.is_none() && self.scores.len() == 1);
        only.map(String::as_str)
    }
}

/// Why a source or stage could not process a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The name of the source or stage in the pipeline.
    pub stage: String,
    /// The error.
    #[serde(flatten)]
    pub error: Error,
}

/// Identifies a record within its run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The name of the source in the pipeline.
    pub source: String,
    /// The key of the item.
    pub item: String,
    /// The id of the text, if the item has several.
    pub entry: Option<String>,
}

/// An item of a run, with what the stages added to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The id of the run.
    pub run: String,
    /// The name of the source in the pipeline.
    pub source: String,
    /// The item.
    pub item: Item,
    /// The id of the text, if a stage created several records from the item: an entry of a feed, or a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// The text, once a stage has added one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// The findings of the analysing stages.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// The first failure. Later stages skip a record that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The shift of the item's mean score that this record completes. Only a sink that asks for shifts sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<Box<Shift>>,
}

impl Record {
    /// A new record of an item, without text or findings.
    pub fn new(run: &str, source: &str, item: Item) -> Self {
        let (run, source) = (run.into(), source.into());
        Self { run, source, item, entry: None, text: None, findings: Vec::new(), failure: None, shift: None }
    }

    /// Its identity within the run.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity { source: self.source.clone(), item: self.item.key.clone(), entry: self.entry.clone() }
    }

    /// Records a failure, unless the record already has one.
    pub fn fail(&mut self, stage: &str, error: Error) {
        self.failure.get_or_insert_with(|| Failure { stage: stage.into(), error });
    }

    /// The main finding: the last one with a label, or else the last one.
    #[must_use]
    pub fn finding(&self) -> Option<&Finding> {
        self.findings.iter().rev().find(|finding| finding.label.is_some()).or(self.findings.last())
    }

    /// The text to analyse.
    ///
    /// # Errors
    /// `text_missing` if no stage added a text, `text_empty` if the text is blank: any result for it would be invented.
    pub fn body(&self) -> Result<&Text, Error> {
        let error = |code, problem| Err(Error::permanent(code, format!("`{}` {problem}", self.item.key)));
        match &self.text {
            None => error(ErrorCode::TextMissing, "has no text to analyse"),
            Some(text) if is_blank(&text.body) => error(ErrorCode::TextEmpty, "has a blank text"),
            Some(text) => Ok(text),
        }
    }
}

/// Whether a text has no visible characters.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(is_invisible)
}

/// Whether a character shows nothing: white space, a control character, an empty Braille cell, or one that Unicode lists under
/// `Default_Ignorable_Code_Point` (<https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt>).
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_which_nothing_is_visible_is_blank() {
        for text in ["", " \n", "\u{200e}", "\u{ad}", "\u{fe0f}", "\u{2800}", "\u{3164} \u{e0041}"] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in [".", "\u{200e}a", "\u{2801}", "\u{2764}\u{fe0f}", "\u{65e5}"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
