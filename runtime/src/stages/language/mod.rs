//! Stage `language`: which language a text is in, where nobody said it; told with its confidence, and never guessed.

mod code;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::component::services::Doors;
use crate::component::{Binding, Card, Component, Opened, Role, Stage, TextFlow};
use crate::model::error::Error;
use crate::model::record::{Finding, Record, is_blank};
use crate::model::values::{Fraction, Language};

/// As many characters of a text are looked at, at most: more only take longer.
const READ: usize = 4_000;

/// Finds the language of texts that name none, by their letters and their threes of letters (the library whatlang). Short
/// texts are hard to tell: where it is not certain enough, the record fails as `language_unknown`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Detect {
    /// How certain it has to be, from 0 to 1.
    #[serde(default = "certain")]
    pub confidence: Fraction,
    /// The languages that the texts may be in, such as `["en", "de"]`: the fewer, the more certain. All 70 unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub among: Vec<Language>,
    /// Whether texts that name a language are looked at, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overwrite: bool,
}

fn certain() -> Fraction {
    Fraction::of_percent::<80>()
}

impl Component for Detect {
    const CARD: Card = Card {
        text: TextFlow::Prepares,
        ..Card::new(
            Role::Stage,
            "language",
            "the language of texts that name none, embedded and free",
            "[[stages]]\nname = \"tongue\"\ntype = \"language\"\namong = [\"en\", \"de\", \"fr\"]\n",
        )
    };

    fn check(&self) -> Option<(&'static str, String, String)> {
        let unknown = self.among.iter().find(|tag| code::of(tag.as_str()).is_none())?;
        Some(("among", format!("`{unknown}`"), format!("some of {}", code::known())))
    }

    fn open(&self, binding: Binding, _: &dyn Doors) -> Result<Opened, Error> {
        let among: Vec<_> = self.among.iter().filter_map(|tag| code::of(tag.as_str())).collect();
        Ok(Opened::Stage(Box::new(Tongues {
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

struct Tongues {
    name: String,
    confidence: f64,
    overwrite: bool,
    detector: whatlang::Detector,
}

impl Tongues {
    /// The language of a record's text and what is to be said about it; none where it is known already.
    fn tell(&self, record: &Record) -> Result<Option<(String, Finding)>, Error> {
        let text = record.body()?;
        if text.language.is_some() && !self.overwrite {
            return Ok(None);
        }
        let end = text.body.char_indices().nth(READ).map_or(text.body.len(), |(end, _)| end);
        let read = &text.body[..end];
        let unknown = |why: String| {
            let words = format!(
                "the language of the text of `{}` cannot be told for certain: {why}; give the item or the stage that \
                 fetches it a `language`",
                record.item.key
            );
            Error::permanent("language_unknown", words)
        };
        if is_blank(read) {
            return Err(unknown(format!("its first {READ} characters are nothing but blanks")));
        }
        let info = self.detector.detect(read).ok_or_else(|| unknown("it has no letters that tell".into()))?;
        let letters = read.chars().filter(|c| c.is_alphabetic()).count();
        let language = code::tag(info.lang(), read);
        let least = code::least_letters(info.script());
        if letters < least {
            return Err(unknown(format!("it has {letters} letters, and {least} are the least")));
        }
        let confidence = info.confidence().clamp(0.0, 1.0);
        if confidence < self.confidence {
            let why = format!("`{language}` has {confidence:.2} of the {:.2} that are asked for", self.confidence);
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
impl Stage for Tongues {
    fn name(&self) -> &str {
        &self.name
    }

    async fn apply(&self, mut records: Vec<Record>, _: Instant) -> Vec<Record> {
        for record in &mut records {
            match self.tell(record) {
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
        let among = among.iter().map(|tag| code::of(tag).expect("a language")).collect::<Vec<_>>();
        let detector =
            if among.is_empty() { whatlang::Detector::new() } else { whatlang::Detector::with_allowlist(among) };
        Box::new(Tongues { name: "tongue".into(), confidence, overwrite, detector })
    }

    fn record(body: &str, language: Option<&str>) -> Record {
        let text = Text { body: body.into(), language: language.map(Into::into), ..Text::default() };
        Record { text: Some(text), ..Record::new("r", "s", Item::named("a")) }
    }

    async fn told(stage: &dyn Stage, records: Vec<Record>) -> Vec<Result<Option<String>, String>> {
        let told = stage.apply(records, Instant::now()).await;
        let of = |record: Record| match record.failure {
            Some(failure) => Err(failure.error.code),
            None => Ok(record.text.and_then(|text| text.language)),
        };
        told.into_iter().map(of).collect()
    }

    #[tokio::test]
    async fn a_language_is_told_in_the_words_of_the_stages_behind() {
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
        assert_eq!(told(stage(0.8, &[], false).as_ref(), records).await, expected);
    }

    #[tokio::test]
    async fn what_is_too_short_or_too_uncertain_is_not_guessed() {
        let texts = ["OK", "Apple iPhone", "12 + 3 = 15", "?!", " ", "Tesla Model 3 vs. BMW i4", "日本"];
        let records = texts.iter().map(|text| record(text, None)).collect();
        let told = told(stage(0.8, &[], false).as_ref(), records).await;
        let unknown = Err("language_unknown".to_owned());
        let mut expected = vec![unknown; 7];
        expected[4] = Err("text_empty".into());
        assert_eq!(told, expected);
        let mut one = stage(0.8, &[], false).apply(vec![record("Apple iPhone", None)], Instant::now()).await;
        let failure = one.remove(0).failure.expect("a failure");
        assert_eq!(
            (failure.stage.as_str(), failure.error.message.as_str()),
            (
                "tongue",
                "the language of the text of `a` cannot be told for certain: it has 11 letters, and 20 are the least; \
                 give the item or the stage that fetches it a `language`"
            )
        );
    }

    #[tokio::test]
    async fn the_finding_says_how_certain_it_is_and_how_much_was_read() {
        let long = "Das Unternehmen teilte am Montag mit, dass der Gewinn gestiegen sei. ".repeat(100);
        let told = stage(0.8, &[], false).apply(vec![record(&long, None)], Instant::now()).await;
        let finding = &told[0].findings[0];
        assert_eq!((finding.engine.as_str(), finding.label), ("whatlang", None));
        assert_eq!(finding.scores, [("de".to_owned(), 1.0)].into());
        assert!((finding.coverage - 4_000.0 / 6_900.0).abs() < 1e-3, "{}", finding.coverage);
    }

    #[tokio::test]
    async fn what_somebody_said_stays_unless_it_is_to_be_overwritten() {
        let english = "The company said on Monday that its profits had risen more than anybody expected.";
        let said = || vec![record(english, Some("fr"))];
        assert_eq!(told(stage(0.8, &[], false).as_ref(), said()).await, [Ok(Some("fr".into()))]);
        assert_eq!(told(stage(0.8, &[], true).as_ref(), said()).await, [Ok(Some("en".into()))]);
    }

    #[tokio::test]
    async fn fewer_languages_make_it_more_certain() {
        let headline = || vec![record("Aktien steigen nach Zinsentscheid", None)];
        assert_eq!(told(stage(0.95, &["en", "de"], false).as_ref(), headline()).await, [Ok(Some("de".into()))]);
    }
}
