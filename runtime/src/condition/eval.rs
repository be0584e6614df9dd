//! Decides a condition for a record. What is compared with nothing is never so.

use super::names::Name;
use super::parser::{Term, Test};
use crate::model::record::{Label, Record};

/// What is known when a condition is decided.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The record.
    pub record: &'a Record,
    /// The label that its item had before.
    pub before: Option<Label>,
}

/// What a term comes to.
#[derive(Debug, PartialEq)]
enum Value<'a> {
    Nothing,
    Flag(bool),
    Number(f64),
    Text(&'a str),
    Texts(Vec<&'a str>),
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Nothing, Self::Text)
    }
}

impl From<Option<f64>> for Value<'_> {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Self::Nothing, Self::Number)
    }
}

impl Test {
    /// Whether it is so.
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.holds(facts)),
            Self::Any(tests) => tests.iter().any(|test| test.holds(facts)),
            Self::Not(test) => !test.holds(facts),
            Self::Flag(term) => facts.value(term) == Value::Flag(true),
            Self::Absent(term) => facts.value(term) == Value::Nothing,
            Self::Compare(left, sign, right) => match (facts.value(left), facts.value(right)) {
                (Value::Nothing, _) | (_, Value::Nothing) => false,
                (Value::Number(left), Value::Number(right)) => sign.holds(left.partial_cmp(&right)),
                (left, right) => sign.holds((left == right).then_some(std::cmp::Ordering::Equal)),
            },
            Self::Among(term, list) => match (facts.value(term), facts.value(list)) {
                (Value::Text(text), Value::Texts(texts)) => texts.contains(&text),
                _ => false,
            },
        }
    }
}

impl<'a> Facts<'a> {
    fn value(&self, term: &'a Term) -> Value<'a> {
        match term {
            Term::Name(name) => self.named(name),
            Term::Flag(flag) => Value::Flag(*flag),
            Term::Number(number) => Value::Number(*number),
            Term::Text(text) => Value::Text(text),
            Term::Texts(texts) => Value::Texts(texts.iter().map(String::as_str).collect()),
        }
    }

    fn named(&self, name: &'a Name) -> Value<'a> {
        let record = self.record;
        let finding = record.finding();
        let label = finding.and_then(|finding| finding.label);
        match name {
            Name::Label => label.map(Label::word).into(),
            Name::Score => self.strength().into(),
            Name::Polarity => finding.and_then(|finding| finding.score).into(),
            Name::Scores(word) => finding.and_then(|finding| finding.scores.get(*word)).copied().into(),
            Name::Coverage => finding.map(|finding| finding.coverage).into(),
            Name::Engine => finding.map(|finding| finding.engine.as_str()).into(),
            Name::Language => {
                let text = record.text.as_ref().and_then(|text| text.language.as_deref());
                text.or(record.item.language.as_deref()).into()
            }
            Name::Item => Value::Text(&record.item.key),
            Name::Source => Value::Text(&record.source),
            Name::Labels(name) => record.item.labels.get(name).map(String::as_str).into(),
            Name::Entities => {
                let named = record.findings.iter().flat_map(|finding| finding.entities.iter().chain(&finding.targets));
                Value::Texts(named.filter_map(|entity| entity.text.as_deref()).collect())
            }
            Name::Failed => Value::Flag(record.failure.is_some()),
            Name::Failure => record.failure.as_ref().map(|failure| failure.error.code.as_str()).into(),
            Name::Changed => {
                Value::Flag(matches!((self.before, label), (Some(before), Some(label)) if before != label))
            }
            Name::Previous => self.before.map(Label::word).into(),
        }
    }

    /// How strongly the label holds. A record's score says it with a sign where the label has a direction; of the two
    /// labels without one, only the engine's own number tells.
    fn strength(&self) -> Option<f64> {
        let finding = self.record.finding()?;
        match finding.label? {
            Label::Positive | Label::Negative => Some(finding.score?.abs()),
            label @ (Label::Neutral | Label::Mixed) => {
                finding.scores.get(label.word().to_ascii_lowercase().as_str()).copied()
            }
        }
    }
}
