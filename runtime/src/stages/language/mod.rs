//! Stage `language`: detects the language of texts without one, with a confidence, and never guesses.

mod tags;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::component::services::Services;
use crate::component::{Binding, Card, Component, ComponentRole, Described, Instance, Stage, TextFlow};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Finding, Record, is_blank};
use crate::model::values::{Fraction, Language};

/// Maximum number of characters that are analysed: more only take longer.
const MAX_CHARS: usize = 4_000;

/// Detects the language of texts without one by their script and trigrams, with the library whatlang. Short texts are
/// hard to identify: below the minimum confidence, the record fails with `language_unknown`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LanguageSettings {
    /// The minimum confidence, from 0 to 1.
    #[serde(default = "default_confidence")]
    pub confidence: Fraction,
    /// The expected languages, such as `["en", "de"]`: the fewer there are, the more reliable the detection. By default
    /// all 70 are considered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub among: Vec<Language>,
    /// Whether to detect the language even of texts that already have one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overwrite: bool,
}

fn default_confidence() -> Fraction {
    Fraction::from_percent::<80>()
}

impl Described for LanguageSettings {
    const CARD: Card = Card {
        text: TextFlow::Transforms,
        failures: &[&[ErrorCode::LanguageUnknown, ErrorCode::TextEmpty]],
        ..Card::new(
            ComponentRole::Stage,
            "language",
            "detects the language of texts without one, embedded and free",
            "[[stages]]\nname = \"language\"\ntype = \"language\"\namong = [\"en\", \"de\", \"fr\"]\n",
        )
    };
}

impl Component for LanguageSettings {
    fn check(&self) -> Option<(&'static str, String, String)> {
        let unknown = self.among.iter().find(|tag| tags::to_lang(tag.as_str()).is_none())?;
        Some(("among", format!("`{unknown}`"), format!("any of {}", tags::known())))
    }

    fn open(&self, binding: Binding, _: &dyn Services) -> Result<Instance, Error> {
        let among: Vec<_> = self.among.iter().filter_map(|tag| tags::to_lang(tag.as_str())).collect();
        Ok(Instance::Stage(Box::new(LanguageDetector {
            name: binding.name,
            confidence: self.confidence.get(),
            overwrite: self.overwrite,
            detector: if among.is_empty() {
                whatlang::Detector::new()
            } else {
                whatlang::Detector::with_allowlist(among)
            },
        })))
    }
}

struct LanguageDetector {
    name: String,
    confidence: f64,
    overwrite: bool,
    detector: whatlang::Detector,
}

impl LanguageDetector {
    /// The language of a record's text, with the finding; none if it is known already.
    fn detect(&self, record: &Record) -> Result<Option<(String, Finding)>, Error> {
        let text = record.body()?;
        if text.language.is_some() && !self.overwrite {
            return Ok(None);
        }
        let end = text.body.char_indices().nth(MAX_CHARS).map_or(text.body.len(), |(end, _)| end);
        let read = &text.body[..end];
        let unknown = |why: String| {
            let message = format!(
                "cannot detect the language of the text of `{}`: {why}; set `language` on the item or on the stage that \
                 fetches it",
                record.item.key
            );
            Error::permanent(ErrorCode::LanguageUnknown, message)
        };
        if is_blank(read) {
            return Err(unknown(format!("its first {MAX_CHARS} characters are blank")));
        }
        let info = self.detector.detect(read).ok_or_else(|| unknown("it contains no letters".into()))?;
        let letters = read.chars().filter(|c| c.is_alphabetic()).count();
        let language = tags::from_lang(info.lang(), read);
        let min = tags::min_letters(info.script());
        if letters < min {
            return Err(unknown(format!("it has {letters} letters, and at least {min} are needed")));
        }
        let confidence = info.confidence().clamp(0.0, 1.0);
        if confidence < self.confidence {
            let why = format!("the confidence of `{language}` is {confidence:.2}, below {:.2}", self.confidence);
            return Err(unknown(why));
        }
        #[expect(clippy::cast_precision_loss, reason = "bytes of a text")]
        let coverage = end as f64 / text.body.len() as f64;
        let finding = Finding {
            stage: self.name.clone(),
            engine: "whatlang".into(),
            scores: [(language.to_owned(), confidence)].into(),
            coverage,
            ..Finding::default()
        };
        Ok(Some((language.to_owned(), finding)))
    }
}

#[async_trait]
impl Stage for LanguageDetector {
    fn name(&self) -> &str {
        &self.name
    }

    async fn apply(&self, mut records: Vec<Record>, _: Instant) -> Vec<Record> {
        for record in &mut records {
            match self.detect(record) {
                Ok(None) => {}
                Ok(Some((language, finding))) => {
                    if let Some(text) = &mut record.text {
                        text.language = Some(language);
                    }
                    record.findings.push(finding);
                }
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

    fn stage(confidence: f64, among: &[&str], overwrite: bool) -> Box<dyn Stage> {
        let among = among.iter().map(|tag| tags::to_lang(tag).expect("a language")).collect::<Vec<_>>();
        let detector =
            if among.is_empty() { whatlang::Detector::new() } else { whatlang::Detector::with_allowlist(among) };
        Box::new(LanguageDetector { name: "tongue".into(), confidence, overwrite, detector })
    }

    fn record(body: &str, language: Option<&str>) -> Record {
        let text = Text { body: body.into(), language: language.map(Into::into), ..Text::default() };
        Record { text: Some(text), ..Record::new("r", "s", Item::named("a")) }
    }

    async fn detected(stage: &dyn Stage, records: Vec<Record>) -> Vec<Result<Option<String>, String>> {
        let applied = stage.apply(records, Instant::now()).await;
        let of = |record: Record| match record.failure {
            Some(failure) => Err(failure.error.code.to_string()),
            None => Ok(record.text.and_then(|text| text.language)),
        };
        applied.into_iter().map(of).collect()
    }

    #[tokio::test]
    async fn a_language_is_detected_as_the_tag_of_the_other_stages() {
        let texts = [
            ("The company said on Monday that its profits had risen more than anybody expected.", "en"),
            ("Das Unternehmen teilte am Montag mit, dass der Gewinn stärker als erwartet gestiegen sei.", "de"),
            ("L'entreprise a annoncé lundi que ses bénéfices avaient augmenté plus que prévu.", "fr"),
            ("La empresa dijo el lunes que sus beneficios habían aumentado más de lo que nadie esperaba.", "es"),
            ("Компания сообщила в понедельник, что её прибыль выросла больше, чем кто-либо ожидал.", "ru"),
            ("同社は月曜日、利益が予想以上に増えたと発表した。", "ja"),
            ("회사는 월요일 이익이 예상보다 많이 늘었다고 밝혔다.", "ko"),
            ("这家公司周一说，它的利润比任何人预期的都要多。", "zh"),
            ("這家公司週一說，它的利潤比任何人預期的都要多。", "zh-TW"),
            ("قالت الشركة يوم الاثنين إن أرباحها ارتفعت أكثر مما كان متوقعا.", "ar"),
        ];
        let records = texts.iter().map(|(text, _)| record(text, None)).collect();
        let expected: Vec<_> = texts.iter().map(|(_, tag)| Ok(Some((*tag).to_owned()))).collect();
        assert_eq!(detected(stage(0.8, &[], false).as_ref(), records).await, expected);
    }

    #[tokio::test]
    async fn short_or_ambiguous_texts_are_not_guessed() {
        let texts = ["OK", "Apple iPhone", "12 + 3 = 15", "?!", " ", "Tesla Model 3 vs. BMW i4", "日本"];
        let records = texts.iter().map(|text| record(text, None)).collect();
        let languages = detected(stage(0.8, &[], false).as_ref(), records).await;
        let unknown = Err("language_unknown".to_owned());
        let mut expected = vec![unknown; 7];
        expected[4] = Err("text_empty".into());
        assert_eq!(languages, expected);
        let mut one = stage(0.8, &[], false).apply(vec![record("Apple iPhone", None)], Instant::now()).await;
        let failure = one.remove(0).failure.expect("a failure");
        assert_eq!(
            (failure.stage.as_str(), failure.error.message.as_str()),
            (
                "tongue",
                "cannot detect the language of the text of `a`: it has 11 letters, and at least 20 are needed; set \
                 `language` on the item or on the stage that fetches it"
            )
        );
    }

    #[tokio::test]
    async fn the_finding_has_the_confidence_and_the_coverage() {
        let long = "Das Unternehmen teilte am Montag mit, dass der Gewinn gestiegen sei. ".repeat(100);
        let applied = stage(0.8, &[], false).apply(vec![record(&long, None)], Instant::now()).await;
        let finding = &applied[0].findings[0];
        assert_eq!((finding.engine.as_str(), finding.label), ("whatlang", None));
        assert_eq!(finding.scores, [("de".to_owned(), 1.0)].into());
        assert!((finding.coverage - 4_000.0 / 6_900.0).abs() < 1e-3, "{}", finding.coverage);
    }

    #[tokio::test]
    async fn a_declared_language_is_kept_unless_overwrite_is_set() {
        let english = "The company said on Monday that its profits had risen more than anybody expected.";
        let french = || vec![record(english, Some("fr"))];
        assert_eq!(detected(stage(0.8, &[], false).as_ref(), french()).await, [Ok(Some("fr".into()))]);
        assert_eq!(detected(stage(0.8, &[], true).as_ref(), french()).await, [Ok(Some("en".into()))]);
    }

    #[tokio::test]
    async fn fewer_languages_raise_the_confidence() {
        let headline = || vec![record("Aktien steigen nach Zinsentscheid", None)];
        assert_eq!(detected(stage(0.95, &["en", "de"], false).as_ref(), headline()).await, [Ok(Some("de".into()))]);
    }
}
