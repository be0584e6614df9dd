//! What may be asked: the list in the settings, and what Comprehend admits for each question.

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

use crate::component::analysis::Question;

/// What is asked: something, and nothing twice, since each question is paid for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Questions(Vec<Question>);

impl Questions {
    /// The sentiment alone.
    pub fn sentiment() -> Self {
        Self(vec![Question::Sentiment])
    }

    /// The questions as they were written.
    pub fn as_slice(&self) -> &[Question] {
        &self.0
    }

    /// The questions in one order, however they were written.
    pub fn sorted(&self) -> Vec<Question> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted
    }
}

/// The IAM action of the call that asks.
pub const fn action(question: Question) -> &'static str {
    match question {
        Question::Sentiment => "comprehend:BatchDetectSentiment",
        Question::TargetedSentiment => "comprehend:BatchDetectTargetedSentiment",
        Question::Entities => "comprehend:BatchDetectEntities",
        Question::KeyPhrases => "comprehend:BatchDetectKeyPhrases",
        Question::DominantLanguage => "comprehend:BatchDetectDominantLanguage",
        Question::Pii => "comprehend:DetectPiiEntities",
    }
}

/// Texts of one call, at most (<https://docs.aws.amazon.com/comprehend/latest/APIReference/API_BatchDetectSentiment.html>);
/// there is no batch call for personal data.
pub const fn texts_per_call(question: Question) -> usize {
    match question {
        Question::Pii => 1,
        _ => 25,
    }
}

/// Bytes of one text, at most (the same page: "5 KB", which the service counts as 5,000). For personal data it says
/// "100 KB" (<https://docs.aws.amazon.com/comprehend/latest/APIReference/API_DetectPiiEntities.html>).
pub const fn bytes_per_text(question: Question) -> usize {
    match question {
        Question::Pii => 100_000,
        _ => 5_000,
    }
}

impl<'de> Deserialize<'de> for Questions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<Question>::deserialize(deserializer)?;
        let allowed = "`sentiment`, `targeted_sentiment`, `entities`, `key_phrases`, `dominant_language`, `pii`: at \
                       least one of them, and each once";
        if list.is_empty() {
            return Err(D::Error::invalid_value(Unexpected::Other("an empty list"), &allowed));
        }
        match list.iter().enumerate().find(|(place, word)| list[..*place].contains(word)) {
            None => Ok(Self(list)),
            Some((_, twice)) => {
                let found = format!("`{}` twice", twice.word());
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
        let items = generator.subschema_for::<Question>();
        schemars::json_schema!({ "type": "array", "items": items, "minItems": 1, "uniqueItems": true })
    }
}

#[cfg(all(test, feature = "cards"))]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_that_something_is_asked_and_nothing_twice() {
        let schema = <Questions as schemars::JsonSchema>::json_schema(&mut schemars::SchemaGenerator::default());
        assert_eq!(schema.get("minItems"), Some(&serde_json::json!(1)));
        assert_eq!(schema.get("uniqueItems"), Some(&serde_json::json!(true)));
    }
}
