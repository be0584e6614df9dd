//! Text analyses in the terms of Amazon Comprehend, and the trait of the service that performs them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::model::error::Error;
use crate::model::record::{Entity, Label, Phrase, Scores};

/// One analysis of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Analysis {
    /// The sentiment of the whole text.
    Sentiment,
    /// The sentiment towards each entity; English only.
    TargetedSentiment,
    /// People, places, organisations and the like.
    Entities,
    /// The key phrases of the text.
    KeyPhrases,
    /// The language, for texts whose language neither the item nor the stage sets.
    DominantLanguage,
    /// Personal data; English and Spanish only, one text per call.
    Pii,
}

impl Analysis {
    /// Its name in `pipeline.toml`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sentiment => "sentiment",
            Self::TargetedSentiment => "targeted_sentiment",
            Self::Entities => "entities",
            Self::KeyPhrases => "key_phrases",
            Self::DominantLanguage => "dominant_language",
            Self::Pii => "pii",
        }
    }
}

/// The result of an analysis of one text. Offsets count characters from the start of the text.
#[derive(Clone, Debug, PartialEq)]
pub enum AnalysisOutput {
    /// Of [`Analysis::Sentiment`].
    Sentiment(Label, Scores),
    /// Of [`Analysis::Entities`], [`Analysis::TargetedSentiment`] and [`Analysis::Pii`].
    Entities(Vec<Entity>),
    /// Of [`Analysis::KeyPhrases`].
    Phrases(Vec<Phrase>),
    /// Of [`Analysis::DominantLanguage`]: language tags with their scores, from 0 to 1.
    Languages(Vec<(String, f64)>),
}

/// A service that analyzes texts.
#[async_trait]
pub trait TextAnalyzer: Send + Sync {
    /// Runs one analysis on texts of one language, in one call. `language` is `None` when the analysis is to detect it.
    /// Returns a result or an error for each text, in the order of the texts.
    ///
    /// # Errors
    /// Why the call as a whole failed. `Throttled` pauses all calls; after `TextRefused`, which is about one of the texts,
    /// each is sent alone.
    async fn analyze(
        &self,
        analysis: Analysis,
        language: Option<&str>,
        texts: &[String],
    ) -> Result<Vec<Result<AnalysisOutput, Error>>, Error>;
}
