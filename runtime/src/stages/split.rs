//! Stage `split`: splits a long text into several records of a few sentences each.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::component::services::Services;
use crate::component::{Binding, Card, Component, ComponentRole, Described, Instance, Stage, TextFlow};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Record, Text};
use crate::model::values::Bounded;
use crate::text::sentences::sentences;

/// Splits each text into several records of a few sentences. Each has an `entry` that ends in `#1`, `#2` and so on.
/// The rules of Unicode (UAX 29) decide where a sentence ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SplitSettings {
    /// Number of sentences per record.
    #[serde(default = "one")]
    pub sentences: Bounded<1, 100>,
    /// Maximum number of records per text. The last one has all remaining sentences.
    #[serde(default = "most")]
    pub most: Bounded<1, 100>,
}

fn one() -> Bounded<1, 100> {
    Bounded::new::<1>()
}

fn most() -> Bounded<1, 100> {
    Bounded::new::<20>()
}

impl Described for SplitSettings {
    const CARD: Card = Card {
        text: TextFlow::Transforms,
        failures: &[&[ErrorCode::TextEmpty]],
        ..Card::new(
            ComponentRole::Stage,
            "split",
            "splits long texts into records of one or more sentences",
            "[[stages]]\nname = \"parts\"\ntype = \"split\"\nmost = 10\n",
        )
    };
}

impl Component for SplitSettings {
    fn fan_out(&self) -> Option<u64> {
        Some(self.most.get())
    }

    fn open(&self, binding: Binding, _: &dyn Services) -> Result<Instance, Error> {
        let size = |setting: Bounded<1, 100>| usize::try_from(setting.get()).unwrap_or(1);
        Ok(Instance::Stage(Box::new(Split {
            name: binding.name,
            sentences: size(self.sentences),
            most: size(self.most),
        })))
    }
}

struct Split {
    name: String,
    sentences: usize,
    most: usize,
}

impl Split {
    fn split(&self, mut record: Record) -> Vec<Record> {
        let body = match record.body() {
            Ok(text) => text.body.clone(),
            Err(error) => {
                record.fail(&self.name, error);
                return vec![record];
            }
        };
        let part_record = |(number, part): (usize, String)| {
            let end = format!("#{}", number + 1);
            let entry = record.entry.as_ref().map_or_else(|| end.clone(), |entry| format!("{entry}{end}"));
            let text = record.text.as_ref().map(|text| Text { body: part, ..text.clone() });
            Record { entry: Some(entry), text, ..record.clone() }
        };
        self.parts(&body).into_iter().enumerate().map(part_record).collect()
    }

    /// The parts of a text, without surrounding whitespace.
    fn parts(&self, text: &str) -> Vec<String> {
        let sentences = sentences(text);
        let (single, rest) = sentences.split_at(sentences.len().min(self.sentences * (self.most - 1)));
        let rest = rest.chunks(if rest.len() > self.sentences { rest.len() } else { self.sentences });
        single.chunks(self.sentences).chain(rest).map(|part| part.concat().trim().to_owned()).collect()
    }
}

#[async_trait]
impl Stage for Split {
    fn name(&self) -> &str {
        &self.name
    }

    async fn apply(&self, records: Vec<Record>, _: Instant) -> Vec<Record> {
        records.into_iter().flat_map(|record| self.split(record)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::Item;

    fn parts(text: &str, sentences: usize, most: usize) -> Vec<String> {
        Split { name: "s".into(), sentences, most }.parts(text)
    }

    #[test]
    fn a_text_is_split_after_sentences_and_the_last_part_has_the_rest() {
        let text = "It is good. It is bad.\n\nOr not? Who knows.  Nobody.";
        assert_eq!(parts(text, 1, 20), ["It is good.", "It is bad.", "Or not?", "Who knows.", "Nobody."]);
        assert_eq!(parts(text, 2, 20), ["It is good. It is bad.", "Or not? Who knows.", "Nobody."]);
        assert_eq!(parts(text, 1, 3), ["It is good.", "It is bad.", "Or not? Who knows.  Nobody."]);
        assert_eq!(parts(text, 2, 2), ["It is good. It is bad.", "Or not? Who knows.  Nobody."]);
        assert_eq!(parts(text, 1, 1), [text]);
        assert_eq!(parts("No end", 3, 3), ["No end"]);
    }

    #[tokio::test]
    async fn each_part_has_its_own_entry_and_a_missing_text_fails_alone() {
        let text = |body: &str| Some(Text { body: body.into(), title: Some("T".into()), ..Text::default() });
        let record = |key: &str, entry: Option<&str>, body: &str| Record {
            entry: entry.map(Into::into),
            text: text(body),
            ..Record::new("r", "s", Item::named(key))
        };
        let records = vec![
            record("a", None, "One. Two."),
            record("b", Some("e#1"), "Only."),
            record("c", None, " \n "),
            Record { text: None, ..record("d", None, "") },
        ];
        let parts = Split { name: "parts".into(), sentences: 1, most: 9 }.apply(records, Instant::now()).await;
        let summary: Vec<_> = parts
            .iter()
            .map(|record| {
                let text = record.text.as_ref().map_or("", |text| text.body.as_str());
                let failure = record.failure.as_ref().map_or("", |failure| failure.error.code.as_str());
                (record.item.key.as_str(), record.entry.as_deref().unwrap_or(""), text, failure)
            })
            .collect();
        assert_eq!(
            summary,
            [
                ("a", "#1", "One.", ""),
                ("a", "#2", "Two.", ""),
                ("b", "e#1#1", "Only.", ""),
                ("c", "", " \n ", "text_empty"),
                ("d", "", "", "text_missing"),
            ]
        );
        assert!(parts[..3].iter().all(|record| record.text.as_ref().is_some_and(|text| text.title.is_some())));
    }
}
