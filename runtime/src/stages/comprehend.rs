//! Stage `comprehend`: sentiment, entities and more by Amazon Comprehend.

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

use crate::component::{Binding, Card, Component, Opened, Permission, Quota, Role, Scope, TextFlow, Unit};
use crate::doors::Doors;
use crate::error::Error;
use crate::values::Within;

/// What Comprehend is asked about a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Detect {
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

impl Detect {
    const fn word(self) -> &'static str {
        match self {
            Self::Sentiment => "sentiment",
            Self::TargetedSentiment => "targeted_sentiment",
            Self::Entities => "entities",
            Self::KeyPhrases => "key_phrases",
            Self::DominantLanguage => "dominant_language",
            Self::Pii => "pii",
        }
    }

    const fn action(self) -> &'static str {
        match self {
            Self::Sentiment => "comprehend:BatchDetectSentiment",
            Self::TargetedSentiment => "comprehend:BatchDetectTargetedSentiment",
            Self::Entities => "comprehend:BatchDetectEntities",
            Self::KeyPhrases => "comprehend:BatchDetectKeyPhrases",
            Self::DominantLanguage => "comprehend:BatchDetectDominantLanguage",
            Self::Pii => "comprehend:DetectPiiEntities",
        }
    }
}

/// What is asked: something, and nothing twice, since each question is paid for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Questions(Vec<Detect>);

impl<'de> Deserialize<'de> for Questions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<Detect>::deserialize(deserializer)?;
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
        let items = generator.subschema_for::<Detect>();
        schemars::json_schema!({ "type": "array", "items": items, "minItems": 1, "uniqueItems": true })
    }
}

/// Asks Amazon Comprehend, 25 texts of one language a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Comprehend {
    /// What to ask.
    #[serde(default = "sentiment")]
    pub detect: Questions,
    /// The most bytes of a text that are read and paid for; a longer one says so by its `coverage`.
    #[serde(default = "bytes")]
    pub max_bytes: Within<300, 1_000_000>,
    /// The account's quota of batch calls a second (10 unless AWS raised it).
    #[serde(default = "calls")]
    pub calls_per_second: Within<1, 10_000>,
}

fn sentiment() -> Questions {
    Questions(vec![Detect::Sentiment])
}

fn bytes() -> Within<300, 1_000_000> {
    Within::of::<5_000>()
}

fn calls() -> Within<1, 10_000> {
    Within::of::<10>()
}

impl Component for Comprehend {
    const CARD: Card = Card {
        text: TextFlow::Needs,
        stand_in: Some("lexicon"),
        deployable: false,
        ..Card::new(
            Role::Stage,
            "comprehend",
            "sentiment, entities and key phrases by Amazon Comprehend",
            "[[stages]]\nname = \"sentiment\"\ntype = \"comprehend\"\ndetect = [\"sentiment\", \"entities\"]\n",
        )
    };

    fn permissions(&self, _name: &str) -> Vec<Permission> {
        let mut detect = self.detect.0.clone();
        detect.sort_unstable();
        vec![Permission {
            actions: detect.into_iter().map(Detect::action).collect(),
            on: Scope::Everything("Comprehend's Detect calls know no resources"),
            why: "the stage asks Comprehend about each text",
        }]
    }

    fn units(&self) -> Vec<Unit> {
        // 100 characters a unit, at least 3 a text (facts of the price list, 2026-11-22).
        let asked = u32::try_from(self.detect.0.len()).unwrap_or(u32::MAX);
        vec![Unit {
            name: "comprehend_unit",
            per_record: f64::from(asked) * 15.0,
            why: "a unit is 100 characters, at least 3 a text; a text is taken to have 1,500 characters",
        }]
    }

    fn quota(&self) -> Option<Quota> {
        #[expect(clippy::cast_precision_loss, reason = "at most 10,000")]
        Some(Quota {
            service: "Amazon Comprehend",
            calls_per_second: self.calls_per_second.get() as f64,
            at_once: None,
            records_per_call: 25,
            page: "https://docs.aws.amazon.com/comprehend/latest/dg/guidelines-and-limits.html",
        })
    }

    fn asks(&self) -> Vec<&'static str> {
        self.detect.0.iter().map(|detect| detect.word()).collect()
    }

    fn open(&self, _: Binding, _: &dyn Doors) -> Result<Opened, Error> {
        Err(Error::not_built("comprehend"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Entry, Fault, FaultKind, Tree, Value};
    use std::sync::Arc;

    /// Settings with this list, which stands at the bytes 9 to 30 of its file.
    fn read(words: &[&str]) -> Result<Comprehend, Fault> {
        let word = |word: &&str| Tree { span: 10..12, value: Value::Text((*word).into()) };
        let list = Value::List(Arc::new(words.iter().map(word).collect()));
        let entry = Entry { key: 0..6, tree: Tree { span: 9..30, value: list } };
        Tree { span: 0..30, value: Value::Table([("detect".to_owned(), entry)].into()) }.read()
    }

    #[test]
    fn something_is_asked_and_nothing_twice() {
        for (words, wrong) in [(&[][..], "an empty list"), (&["pii", "sentiment", "pii"][..], "`pii` twice")] {
            let fault = read(words).expect_err("refused");
            assert_eq!(fault.span, Some(9..30), "the place of the list");
            let FaultKind::Mismatch { found, allowed } = fault.kind else { panic!("{fault}") };
            assert_eq!(found, wrong);
            assert!(allowed.contains("`key_phrases`"), "{allowed}");
        }
        let settings = read(&["sentiment", "entities"]).expect("two questions");
        assert!((settings.units()[0].per_record - 30.0).abs() < 1e-9);
    }

    #[cfg(feature = "cards")]
    #[test]
    fn the_schema_knows_it_too() {
        let schema = <Questions as schemars::JsonSchema>::json_schema(&mut schemars::SchemaGenerator::default());
        assert_eq!(schema.get("minItems"), Some(&serde_json::json!(1)));
        assert_eq!(schema.get("uniqueItems"), Some(&serde_json::json!(true)));
    }
}
