//! The one thing that flows: an item, its text with its provenance, its findings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::error::{Error, ErrorCode};
use crate::model::values::primary_language;

/// One thing that is watched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is called; unique in its source.
    pub key: String,
    /// What stages should look it up under, when that differs from the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Address of its feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed: Option<String>,
    /// Language of its texts, as a BCP 47 tag such as `en` or `zh-TW`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Address of its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A text that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Anything else, carried through to the sinks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Item {
    /// An item of which only the key is known.
    pub fn named(key: impl Into<String>) -> Self {
        Self { key: key.into(), ..Self::default() }
    }

    /// What a stage looks it up under.
    pub fn lookup(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.key)
    }
}

/// A text and where it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// The text itself.
    pub body: String,
    /// Its language as a BCP 47 tag; absent where nobody said it (it is never guessed).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Who gave it: the kind of the stage, or `local texts`.
    pub source: String,
    /// The page that was really used, after redirects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// When it was published, in RFC 3339, where the source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// Its revision at the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Its licence, where the source names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

impl Text {
    /// Whether an engine that knows English only may judge it.
    ///
    /// # Errors
    /// `language_unsupported` where the text is in another language, `language_unknown` where nobody said in which.
    pub fn in_english(&self, engine: &str) -> Result<(), Error> {
        match self.language.as_deref() {
            Some(language) if primary_language(language).as_deref() == Some("en") => Ok(()),
            Some(other) => Err(Error::permanent(
                ErrorCode::LanguageUnsupported,
                format!("{engine} knows English only, and the text is in `{other}`"),
            )),
            None => Err(Error::permanent(
                ErrorCode::LanguageUnknown,
                "nobody said which language the text is in: give the item or the stage that fetches it a `language`",
            )),
        }
    }
}

/// The four answers of a sentiment analysis, in the words of Amazon Comprehend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Label {
    /// Speaks well of its subject.
    Positive,
    /// Speaks ill of it.
    Negative,
    /// Does neither.
    Neutral,
    /// Does both.
    Mixed,
}

impl Label {
    /// The word that results carry.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Positive => "POSITIVE",
            Self::Negative => "NEGATIVE",
            Self::Neutral => "NEUTRAL",
            Self::Mixed => "MIXED",
        }
    }
}

/// How strongly each answer holds, 0 to 1, by its word in lower case.
pub type Scores = BTreeMap<String, f64>;

/// Something that a text names, and where: in characters from its start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// The words; left out where they are somebody's personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What it is: `ORGANIZATION`, `PERSON`, `EMAIL` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// How sure that is, 0 to 1.
    pub score: f64,
    /// The first character.
    pub begin: u64,
    /// The character behind the last one.
    pub end: u64,
    /// How the text speaks of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// How strongly each label holds.
    #[serde(default, skip_serializing_if = "Scores::is_empty")]
    pub scores: Scores,
}

/// A phrase that carries a text, and where: in characters from its start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phrase {
    /// The words.
    pub text: String,
    /// How sure that is, 0 to 1.
    pub score: f64,
    /// The first character.
    pub begin: u64,
    /// The character behind the last one.
    pub end: u64,
}

/// What an analysing stage adds to a record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The stage, by its name in the pipeline.
    pub stage: String,
    /// What really did the analysis.
    pub engine: String,
    /// The paid service that the engine stands in for, on a machine without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands_in_for: Option<String>,
    /// The sentiment, where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// One number for ordering, from -1 (negative) to 1 (positive).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// How strongly each label holds.
    #[serde(default, skip_serializing_if = "Scores::is_empty")]
    pub scores: Scores,
    /// Which part of the text was read, 0 to 1.
    pub coverage: f64,
    /// What the text names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<Entity>,
    /// How the text speaks of what it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Entity>,
    /// The phrases that carry it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phrases: Vec<Phrase>,
    /// Personal data in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub personal: Vec<Entity>,
}

/// A stage that could not do its work on this record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The source or stage, by its name in the pipeline.
    pub stage: String,
    /// What went wrong.
    #[serde(flatten)]
    pub error: Error,
}

/// What a record is known by within its run: no two of them have the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The source, by its name in the pipeline.
    pub source: String,
    /// The key of the item.
    pub item: String,
    /// Which of its texts.
    pub entry: Option<String>,
}

/// An item on its way through a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The run, by its scheduled time.
    pub run: String,
    /// The source that the item came from, by its name in the pipeline.
    pub source: String,
    /// The item.
    pub item: Item,
    /// Which of its item's texts this is, where a stage gave several: an entry of a feed, a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// The text, once a stage has given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// What the analysing stages found.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// The first thing that went wrong; later stages leave such a record alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl Record {
    /// A record at the start of its way.
    pub fn new(run: &str, source: &str, item: Item) -> Self {
        let (run, source) = (run.into(), source.into());
        Self { run, source, item, entry: None, text: None, findings: Vec::new(), failure: None }
    }

    /// What it is known by.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity { source: self.source.clone(), item: self.item.key.clone(), entry: self.entry.clone() }
    }

    /// Notes what went wrong; the first cause stays.
    pub fn fail(&mut self, stage: &str, error: Error) {
        self.failure.get_or_insert_with(|| Failure { stage: stage.into(), error });
    }

    /// The finding that speaks for the record: the last one with a label, or else the last one.
    #[must_use]
    pub fn finding(&self) -> Option<&Finding> {
        self.findings.iter().rev().find(|finding| finding.label.is_some()).or(self.findings.last())
    }

    /// The text to analyse, or the failure that there is none.
    ///
    /// # Errors
    /// `text_missing` where no stage before gave a text, `text_empty` where there is nothing to read in it: an answer
    /// about such a text would be invented.
    pub fn body(&self) -> Result<&Text, Error> {
        let failed = |code, words| Err(Error::permanent(code, format!("`{}` {words}", self.item.key)));
        match &self.text {
            None => failed(ErrorCode::TextMissing, "has no text to analyse"),
            Some(text) if is_blank(&text.body) => failed(ErrorCode::TextEmpty, "has a text of nothing but blanks"),
            Some(text) => Ok(text),
        }
    }
}

/// Whether there is nothing to read in a text.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(blank)
}

/// Whether nobody would see this character on paper.
fn blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}
