//! Stage `lexicon`: sentiment by VADER's rules and word list, embedded, without network access.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::component::services::Services;
use crate::component::{Binding, Card, Component, ComponentRole, Described, Instance, Stage, TextFlow};
use crate::engines::vader::{THRESHOLD, polarity};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Finding, Label, Record, Text};

/// Analyses English texts with VADER's rules and word list. It is free and fast, and suits short, informal texts.
///
/// A text whose language is unknown fails with `language_unknown`, and one in another language with `language_unsupported`. Set
/// `language` on the item or on the stage that provides the text, or put a `language` stage in between.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LexiconSettings {}

impl Described for LexiconSettings {
    const CARD: Card = Card {
        text: TextFlow::Analyses,
        failures: &[&[ErrorCode::LanguageUnknown, ErrorCode::LanguageUnsupported, ErrorCode::TextEmpty]],
        ..Card::new(
            ComponentRole::Stage,
            "lexicon",
            "sentiment of English texts with VADER's rules, embedded and free",
            "[[stages]]\nname = \"sentiment\"\ntype = \"lexicon\"\n",
        )
    };
}

impl Component for LexiconSettings {
    fn answers(&self) -> Vec<&'static str> {
        vec!["sentiment"]
    }

    fn open(&self, binding: Binding, _: &dyn Services) -> Result<Instance, Error> {
        Ok(Instance::Stage(Box::new(Lexicon { name: binding.name })))
    }
}

struct Lexicon {
    name: String,
}

impl Lexicon {
    fn analyse(&self, text: &Text) -> Result<Finding, Error> {
        text.require_english("the engine `lexicon`")?;
        let found = polarity(&text.body);
        let score = found.compound;
        let label = match score {
            score if score >= THRESHOLD => Label::Positive,
            score if score <= -THRESHOLD => Label::Negative,
            _ => Label::Neutral,
        };
        let scores = [("negative", found.negative), ("neutral", found.neutral), ("positive", found.positive)];
        Ok(Finding {
            stage: self.name.clone(),
            engine: "lexicon".into(),
            stands_in_for: None,
            label: Some(label),
            score: Some(score),
            scores: scores.map(|(name, score)| (name.to_owned(), score)).into_iter().collect::<BTreeMap<_, _>>(),
            coverage: 1.0,
            ..Finding::default()
        })
    }
}

#[async_trait]
impl Stage for Lexicon {
    fn name(&self) -> &str {
        &self.name
    }

    async fn apply(&self, mut records: Vec<Record>, _: Instant) -> Vec<Record> {
        for record in &mut records {
            match record.body().and_then(|text| self.analyse(text)) {
                Ok(finding) => record.findings.push(finding),
                Err(error) => record.fail(&self.name, error),
            }
        }
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(body: &str, language: Option<&str>) -> Result<Label, String> {
        let text = Text { body: body.into(), language: language.map(Into::into), ..Text::default() };
        Lexicon { name: "s".into() }
            .analyse(&text)
            .map(|finding| finding.label.expect("a label"))
            .map_err(|error| error.code.to_string())
    }

    #[test]
    fn plain_language_gets_the_label_a_reader_would_give() {
        assert_eq!(judge("The service was great and the staff friendly!", Some("en")), Ok(Label::Positive));
        assert_eq!(judge("A horrible, broken product.", Some("en-GB")), Ok(Label::Negative));
        assert_eq!(judge("The company is based in Dublin.", Some("en")), Ok(Label::Neutral));
        assert_eq!(judge("...", Some("en")), Ok(Label::Neutral));
    }

    #[test]
    fn punctuation_without_sentiment_words_is_neutral() {
        for text in ["The company is in a town!", "Is the company in a town?? ??"] {
            assert_eq!(judge(text, Some("en")), Ok(Label::Neutral), "{text}");
        }
    }

    #[test]
    fn english_is_recognized_in_any_spelling_of_its_tag() {
        for tag in ["EN", "en_US", "en-us", "en-GB"] {
            assert_eq!(judge("A horrible, broken product.", Some(tag)), Ok(Label::Negative), "{tag}");
        }
    }

    #[tokio::test]
    async fn a_blank_text_is_a_failure_and_not_neutral() {
        let text = |body: &str| Text { body: body.into(), language: Some("en".into()), ..Text::default() };
        let record =
            |body| Record { text: Some(text(body)), ..Record::new("r", "s", crate::model::record::Item::named("a")) };
        let rules = Lexicon { name: "s".into() };
        let records =
            rules.apply(["", " \n\t\u{a0}", "\u{feff}\u{200b}", "?!"].map(record).into(), Instant::now()).await;
        let codes: Vec<_> =
            records.iter().map(|record| record.failure.as_ref().map(|f| f.error.code.as_str())).collect();
        assert_eq!(codes, [Some("text_empty"), Some("text_empty"), Some("text_empty"), None]);
        assert!(records[..3].iter().all(|record| record.findings.is_empty()));
    }

    #[test]
    fn an_unsupported_language_is_a_failure_and_not_neutral() {
        assert_eq!(judge("Ein furchtbares Produkt.", Some("de")), Err("language_unsupported".into()));
        assert_eq!(judge("Who knows?", None), Err("language_unknown".into()));
    }
}
