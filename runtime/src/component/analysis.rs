//! Questions about texts, in the words of Amazon Comprehend, and whoever answers them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::model::error::Error;
use crate::model::record::{Entity, Label, Phrase, Scores};

/// What Comprehend is asked about a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// The sentiment of the whole text.
    Sentiment,
    /// The sentiment towards each entity; English only.
    TargetedSentiment,
    /// People, places, organisations and the like.
    Entities,
    /// The phrases that carry the text.
    KeyPhrases,
    /// The language, for texts whose item and stage name none.
    DominantLanguage,
    /// Personal data; English and Spanish only, one text a call.
    Pii,
}

impl Question {
    /// The word for it in `pipeline.toml`.
    #[must_use]
    pub const fn word(self) -> &'static str {
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

/// An answer about one text. Places in it are counted in characters from its start.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// To [`Question::Sentiment`].
    Sentiment(Label, Scores),
    /// To [`Question::Entities`], [`Question::TargetedSentiment`] and [`Question::Pii`].
    Entities(Vec<Entity>),
    /// To [`Question::KeyPhrases`].
    Phrases(Vec<Phrase>),
    /// To [`Question::DominantLanguage`]: tags with their scores, from 0 to 1.
    Languages(Vec<(String, f64)>),
}

/// The code of a call that was refused since there were too many of late: whoever answers asks for patience.
pub const THROTTLED: &str = "throttled";

/// The code of a call that was refused since one of its texts was; the others may be answered without it.
pub const TEXT_REFUSED: &str = "text_refused";

/// Whoever answers questions about texts.
#[async_trait]
pub trait Analyst: Send + Sync {
    /// Asks a question about some texts of one language (none where the language is what is asked), in one call. There
    /// is a reply or a reason for each text, in their order.
    ///
    /// # Errors
    /// What kept the call as a whole from being answered; it may be transient. [`THROTTLED`] and [`TEXT_REFUSED`] are
    /// known by their codes.
    async fn ask(
        &self,
        question: Question,
        language: Option<&str>,
        texts: &[String],
    ) -> Result<Vec<Result<Reply, Error>>, Error>;
}
