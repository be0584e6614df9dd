//! Stage `headlines`: the sentiment of company headlines, by an embedded model that needs no network.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::component::services::Services;
use crate::component::{Binding, Card, Component, ComponentRole, Described, Instance, Stage, TextFlow};
use crate::engines::headlines::classify;
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Finding, Label, Record, Scores};

/// Classifies English company headlines as positive, neutral or negative for the company that the item stands for. It
/// is free and fast, and was trained on the financial press, not on reviews or conversations. A text longer than a
/// headline is classified sentence by sentence.
///
/// A text whose language is unknown fails with `language_unknown`, and one in another language with `language_unsupported`. Set
/// `language` on the item or on the stage that provides the text, or put a `language` stage in between.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HeadlinesSettings {}

impl Described for HeadlinesSettings {
    const CARD: Card = Card {
        text: TextFlow::Analyses,
        failures: &[&[ErrorCode::LanguageUnknown, ErrorCode::LanguageUnsupported, ErrorCode::TextEmpty]],
        ..Card::new(
            ComponentRole::Stage,
            "headlines",
            "sentiment of English company headlines from a small embedded model, free",
            "[[stages]]\nname = \"sentiment\"\ntype = \"headlines\"\n",
        )
    };
}

impl Component for HeadlinesSettings {
    fn answers(&self) -> Vec<&'static str> {
        vec!["sentiment"]
    }

    fn open(&self, binding: Binding, _: &dyn Services) -> Result<Instance, Error> {
        Ok(Instance::Stage(Box::new(Headlines { name: binding.name })))
    }
}

struct Headlines {
    name: String,
}

impl Headlines {
    fn analyse(&self, record: &Record) -> Result<Finding, Error> {
        let text = record.body()?;
        text.require_english("the engine `headlines`")?;
        // The title first: the press uses it for companies whose key is a number or a ticker.
        let names = [record.item.lookup(), &record.item.key];
        let probabilities = classify(&text.body, &names).ok_or_else(|| {
            Error::permanent(ErrorCode::WeightsUnreadable, "the embedded model is corrupt: rebuild the program")
        })?;
        let rounded = |probability: f32| (f64::from(probability) * 1e4).round() / 1e4;
        let [negative, neutral, positive] =
            [probabilities.negative, probabilities.neutral, probabilities.positive].map(rounded);
        let label = if negative > neutral && negative >= positive {
            Label::Negative
        } else if positive > neutral {
            Label::Positive
        } else {
            Label::Neutral
        };
        let scores = [("negative", negative), ("neutral", neutral), ("positive", positive)];
        Ok(Finding {
            stage: self.name.clone(),
            engine: "headlines".into(),
            label: Some(label),
            score: Some(((positive - negative) * 1e4).round() / 1e4),
            scores: scores.map(|(name, score)| (name.to_owned(), score)).into_iter().collect::<Scores>(),
            coverage: 1.0,
            ..Finding::default()
        })
    }
}

#[async_trait]
impl Stage for Headlines {
    fn name(&self) -> &str {
        &self.name
    }

    async fn apply(&self, mut records: Vec<Record>, _: Instant) -> Vec<Record> {
        for record in &mut records {
            match self.analyse(record) {
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
    use crate::model::record::{Item, Text};

    fn finding(item: &str, body: &str, language: Option<&str>) -> Result<Finding, String> {
        let text = Text { body: body.into(), language: language.map(Into::into), ..Text::default() };
        let record = Record { text: Some(text), ..Record::new("r", "s", Item::named(item)) };
        Headlines { name: "s".into() }.analyse(&record).map_err(|error| error.code.to_string())
    }

    #[test]
    fn a_headline_gets_the_label_a_reader_would_give() {
        for (body, label) in [
            ("Apple shares tumble 8% after profit warning", Label::Negative),
            ("Apple profit jumps 40%, beats estimates", Label::Positive),
            ("Apple appoints new chief financial officer", Label::Neutral),
        ] {
            assert_eq!(finding("Apple", body, Some("en")).map(|finding| finding.label), Ok(Some(label)), "{body}");
        }
    }

    #[test]
    fn of_two_companies_the_one_with_better_news_scores_higher() {
        for (body, better, worse) in [
            ("Gold gains as dollar slips", "Gold", "dollar"),
            ("Gold surges, dollar falls", "gold", "Dollar"),
            ("Wipro slips; Infosys rises on strong results", "Infosys", "Wipro"),
        ] {
            let score = |item| finding(item, body, Some("en-US")).expect("a finding").score.expect("a score");
            assert!(score(better) > score(worse), "{body}: {} and {}", score(better), score(worse));
        }
    }

    #[test]
    fn scores_are_probabilities_and_the_score_is_positive_minus_negative() {
        let found = finding("Apple", "Apple profit jumps 40%, beats estimates", Some("en")).expect("a finding");
        assert!((found.scores.values().sum::<f64>() - 1.0).abs() < 2e-4, "{:?}", found.scores);
        let between = found.scores["positive"] - found.scores["negative"];
        assert!((found.score.expect("a score") - between).abs() < 1e-9);
    }

    #[test]
    fn an_unsupported_text_is_a_failure_and_not_neutral() {
        assert_eq!(finding("A", "Ein furchtbares Produkt.", Some("de")), Err("language_unsupported".into()));
        assert_eq!(finding("A", "Who knows?", None), Err("language_unknown".into()));
        assert_eq!(finding("A", " \u{200b}\n", Some("en")), Err("text_empty".into()));
    }
}
