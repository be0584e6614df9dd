//! Evaluates a condition for a record; a comparison with null is always false.

use super::ast::{Expr, Term};
use super::identifiers::Identifier;
use crate::model::record::{Label, Record};

/// Evaluates expressions for one record.
#[derive(Clone, Copy, Debug)]
pub struct Evaluator<'a> {
    /// The record.
    pub record: &'a Record,
    /// The label that its item had in the run before.
    pub previous: Option<Label>,
}

/// The value of a term.
#[derive(Debug, PartialEq)]
enum TermValue<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(&'a str),
    List(Vec<&'a str>),
}

impl<'a> From<Option<&'a str>> for TermValue<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<Option<f64>> for TermValue<'_> {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Self::Null, Self::Number)
    }
}

impl<'a> Evaluator<'a> {
    /// Whether the expression is true.
    pub fn evaluate(&self, expr: &'a Expr) -> bool {
        match expr {
            Expr::And(exprs) => exprs.iter().all(|expr| self.evaluate(expr)),
            Expr::Or(exprs) => exprs.iter().any(|expr| self.evaluate(expr)),
            Expr::Not(expr) => !self.evaluate(expr),
            Expr::Bool(term) => self.value(term) == TermValue::Bool(true),
            Expr::IsNull(term) => self.value(term) == TermValue::Null,
            Expr::Compare(left, op, right) => match (self.value(left), self.value(right)) {
                (TermValue::Null, _) | (_, TermValue::Null) => false,
                (TermValue::Number(left), TermValue::Number(right)) => op.holds(left.partial_cmp(&right)),
                (left, right) => op.holds((left == right).then_some(std::cmp::Ordering::Equal)),
            },
            Expr::In(term, list) => match (self.value(term), self.value(list)) {
                (TermValue::Text(text), TermValue::List(texts)) => texts.contains(&text),
                _ => false,
            },
        }
    }

    fn value(&self, term: &'a Term) -> TermValue<'a> {
        match term {
            Term::Identifier(name) => self.lookup(name),
            Term::Bool(bool) => TermValue::Bool(*bool),
            Term::Number(number) => TermValue::Number(*number),
            Term::Text(text) => TermValue::Text(text),
            Term::List(texts) => TermValue::List(texts.iter().map(String::as_str).collect()),
        }
    }

    fn lookup(&self, name: &'a Identifier) -> TermValue<'a> {
        let record = self.record;
        let finding = record.finding();
        let label = finding.and_then(|finding| finding.label);
        match name {
            Identifier::Label => label.map(Label::as_str).into(),
            Identifier::Score => self.strength().into(),
            Identifier::Polarity => finding.and_then(|finding| finding.score).into(),
            Identifier::Scores(label) => finding.and_then(|finding| finding.scores.get(*label)).copied().into(),
            Identifier::Coverage => finding.map(|finding| finding.coverage).into(),
            Identifier::Engine => finding.map(|finding| finding.engine.as_str()).into(),
            Identifier::Language => {
                let text = record.text.as_ref().and_then(|text| text.language.as_deref());
                text.or(record.item.language.as_deref()).into()
            }
            Identifier::Item => TermValue::Text(&record.item.key),
            Identifier::Source => TermValue::Text(&record.source),
            Identifier::Labels(name) => record.item.labels.get(name).map(String::as_str).into(),
            Identifier::Entities => {
                let entities =
                    record.findings.iter().flat_map(|finding| finding.entities.iter().chain(&finding.targets));
                TermValue::List(entities.filter_map(|entity| entity.text.as_deref()).collect())
            }
            Identifier::Failed => TermValue::Bool(record.failure.is_some()),
            Identifier::Failure => record.failure.as_ref().map(|failure| failure.error.code.as_str()).into(),
            Identifier::Changed => {
                TermValue::Bool(matches!((self.previous, label), (Some(previous), Some(label)) if previous != label))
            }
            Identifier::Previous => self.previous.map(Label::as_str).into(),
            Identifier::Shift => TermValue::Bool(record.shift.is_some()),
            Identifier::Mean => record.shift.as_ref().map(|shift| shift.to).into(),
            Identifier::Baseline => record.shift.as_ref().map(|shift| shift.from).into(),
        }
    }

    /// How strong the label is. For a positive or negative label, it is the size of the record's score. Neutral and mixed
    /// have no direction, so only the engine's own score for that label tells.
    fn strength(&self) -> Option<f64> {
        let finding = self.record.finding()?;
        match finding.label? {
            Label::Positive | Label::Negative => Some(finding.score?.abs()),
            label @ (Label::Neutral | Label::Mixed) => {
                finding.scores.get(label.as_str().to_ascii_lowercase().as_str()).copied()
            }
        }
    }
}
