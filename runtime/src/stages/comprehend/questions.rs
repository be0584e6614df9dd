//! The questions in the settings, and Comprehend's limits for each.

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

use crate::component::analysis::Analysis;

/// A list of questions, not empty and without duplicates, since each is paid for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Questions(Vec<Analysis>);

impl Questions {
    /// Only the sentiment.
    pub fn sentiment() -> Self {
        Self(vec![Analysis::Sentiment])
    }

    /// The questions as they were written.
    pub fn as_slice(&self) -> &[Analysis] {
        &self.0
    }

    /// The questions in a fixed order.
    pub fn sorted(&self) -> Vec<Analysis> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted
    }
}

/// The IAM action of the call.
pub const fn action(question: Analysis) -> &'static str {
    match question {
        Analysis::Sentiment => "comprehend:BatchDetectSentiment",
        Analysis::TargetedSentiment => "comprehend:BatchDetectTargetedSentiment",
        Analysis::Entities => "comprehend:BatchDetectEntities",
        Analysis::KeyPhrases => "comprehend:BatchDetectKeyPhrases",
        Analysis::DominantLanguage => "comprehend:BatchDetectDominantLanguage",
        Analysis::Pii => "comprehend:DetectPiiEntities",
    }
}

/// Maximum number of texts per call (<https://docs.aws.amazon.com/comprehend/latest/APIReference/API_BatchDetectSentiment.html>);
/// there is no batch call for personal data.
pub const fn texts_per_call(question: Analysis) -> usize {
    match question {
        Analysis::Pii => 1,
        _ => 25,
    }
}

/// Maximum size of a text in bytes (same page: "5 KB", which the service counts as 5,000). For personal data it says
/// "100 KB" (<https://docs.aws.amazon.com/comprehend/latest/APIReference/API_DetectPiiEntities.html>).
pub const fn bytes_per_text(question: Analysis) -> usize {
    match question {
        Analysis::Pii => 100_000,
        _ => 5_000,
    }
}

impl<'de> Deserialize<'de> for Questions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<Analysis>::deserialize(deserializer)?;
        let allowed = "`sentiment`, `targeted_sentiment`, `entities`, `key_phrases`, `dominant_language`, `pii`: at \
                       least one of them, without duplicates";
        if list.is_empty() {
            return Err(D::Error::invalid_value(Unexpected::Other("an empty list"), &allowed));
        }
        match list.iter().enumerate().find(|(index, word)| list[..*index].contains(word)) {
            None => Ok(Self(list)),
            Some((_, twice)) => {
                let found = format!("`{}` twice", twice.as_str());
                Err(D::Error::invalid_value(Unexpected::Other(&found), &allowed))
            }
        }
    }
}

#[cfg(feature = "cards")]
impl schemars::JsonSchema for Questions {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Questions".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let items = generator.subschema_for::<Analysis>();
        schemars::json_schema!({ "type": "array", "items": items, "minItems": 1, "uniqueItems": true })
    }
}

#[cfg(all(test, feature = "cards"))]
mod tests {
    use super::*;

    #[test]
    fn the_schema_requires_a_question_and_forbids_duplicates() {
        let schema = <Questions as schemars::JsonSchema>::json_schema(&mut schemars::SchemaGenerator::default());
        assert_eq!(schema.get("minItems"), Some(&serde_json::json!(1)));
        assert_eq!(schema.get("uniqueItems"), Some(&serde_json::json!(true)));
    }
}
