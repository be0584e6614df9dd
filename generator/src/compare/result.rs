//! The result of a comparison, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use fanggen_runtime::model::record::Label;
use serde::Serialize;

use super::Sample;
use super::engines::EngineAnswer;
use super::metrics::{LabelConfusion, word};
use crate::config::mistake::tidy;

/// Characters of a text that are shown.
const WIDE: usize = 100;

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Number of texts.
    pub texts: usize,
    /// Number of texts with a gold label.
    pub labelled: usize,
    /// Each engine by itself.
    pub engines: Vec<EngineReport>,
    /// Each pair of engines.
    pub pairs: Vec<EnginePair>,
    /// The texts on which they differ most, those with different labels first.
    pub differ: Vec<Disagreement>,
    /// Number of texts with different labels.
    pub differing: usize,
}

/// An engine by itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EngineReport {
    /// Its name.
    pub engine: &'static str,
    /// Number of texts with an answer.
    pub answered: usize,
    /// Number of failures by code.
    pub failed: BTreeMap<&'static str, usize>,
    /// Number of texts by label.
    pub labels: BTreeMap<&'static str, usize>,
    /// Metrics against the gold labels, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gold: Option<GoldMetrics>,
}

/// Metrics of an engine against the gold labels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GoldMetrics {
    /// Mean F1 score of the gold labels. A text without an answer counts as wrong.
    pub macro_f1: f64,
    /// The share of texts with the gold label.
    pub accuracy: f64,
    /// F1 score of each label.
    pub f1: BTreeMap<&'static str, f64>,
    /// Rows are gold labels, columns those of the engine.
    pub confusion: LabelConfusion,
}

/// Two engines, on the texts that both answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnginePair {
    /// Their names.
    pub engines: [&'static str; 2],
    /// Number of these texts.
    pub texts: usize,
    /// The share of equal labels.
    pub agreement: Option<f64>,
    /// Cohen's kappa: agreement beyond chance.
    pub kappa: Option<f64>,
    /// Rows are the labels of the first engine, columns those of the second.
    pub confusion: LabelConfusion,
}

/// A text on which engines differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disagreement {
    /// Its line in the file.
    pub line: usize,
    /// Its id there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The text.
    pub text: String,
    /// The gold label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gold: Option<Label>,
    /// The greatest distance between two scores.
    pub distance: f64,
    /// Label and score by engine.
    pub said: BTreeMap<&'static str, EngineLabel>,
}

/// The label of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EngineLabel {
    /// Its label.
    pub label: Label,
    /// Its score, -1 to 1.
    pub score: f64,
}

impl Comparison {
    /// From the answers of each engine to each text, listing at most `most` texts on which they differ.
    pub fn of(texts: &[Sample], names: &[&'static str], answers: &[Vec<EngineAnswer>], most: usize) -> Self {
        let engines = names.iter().zip(answers).map(|(name, answers)| EngineReport::of(name, texts, answers)).collect();
        let mut pairs = Vec::new();
        for (at, first) in names.iter().enumerate() {
            for (other, second) in names.iter().enumerate().skip(at + 1) {
                pairs.push(EnginePair::of([first, second], &answers[at], &answers[other]));
            }
        }
        let mut differ: Vec<Disagreement> =
            (0..texts.len()).filter_map(|at| Disagreement::of(&texts[at], at, names, answers)).collect();
        let differing = differ.iter().filter(|one| one.is_contrary()).count();
        let rank = |one: &Disagreement| (!one.is_contrary(), -one.distance);
        differ.sort_by(|a, b| rank(a).partial_cmp(&rank(b)).unwrap_or(std::cmp::Ordering::Equal));
        differ.truncate(most);
        let labelled = texts.iter().filter(|text| text.gold.is_some()).count();
        Self { texts: texts.len(), labelled, engines, pairs, differ, differing }
    }
}

fn label(answer: &EngineAnswer) -> Option<Label> {
    answer.as_ref().ok().map(|(label, _)| *label)
}

impl EngineReport {
    fn of(engine: &'static str, texts: &[Sample], answers: &[EngineAnswer]) -> Self {
        let mut one = Self { engine, answered: 0, failed: BTreeMap::new(), labels: BTreeMap::new(), gold: None };
        for answer in answers {
            match answer {
                Ok((label, _)) => {
                    one.answered += 1;
                    *one.labels.entry(word(Some(*label))).or_default() += 1;
                }
                Err(code) => *one.failed.entry(code.as_str()).or_default() += 1,
            }
        }
        let labelled = texts.iter().zip(answers).filter(|(text, _)| text.gold.is_some());
        let confusion = LabelConfusion::of(labelled.map(|(text, answer)| (text.gold, label(answer))));
        one.gold = confusion.macro_f1().zip(confusion.agreement()).map(|(macro_f1, accuracy)| GoldMetrics {
            macro_f1,
            accuracy,
            f1: confusion.f1(),
            confusion,
        });
        one
    }
}

impl EnginePair {
    fn of(engines: [&'static str; 2], first: &[EngineAnswer], second: &[EngineAnswer]) -> Self {
        let both = first.iter().zip(second).filter(|(first, second)| first.is_ok() && second.is_ok());
        let confusion = LabelConfusion::of(both.map(|(first, second)| (label(first), label(second))));
        let (texts, agreement, kappa) = (confusion.total(), confusion.agreement(), confusion.kappa());
        Self { engines, texts, agreement, kappa, confusion }
    }
}

impl Disagreement {
    fn of(text: &Sample, at: usize, names: &[&'static str], answers: &[Vec<EngineAnswer>]) -> Option<Self> {
        let mut said = BTreeMap::new();
        for (name, answers) in names.iter().zip(answers) {
            if let Ok((label, score)) = answers[at] {
                said.insert(*name, EngineLabel { label, score });
            }
        }
        let scores = || said.values().map(|said| said.score);
        let distance = scores().fold(f64::MIN, f64::max) - scores().fold(f64::MAX, f64::min);
        // To four digits: more would be the noise of a subtraction.
        let distance = (distance * 1e4).round() / 1e4;
        let one =
            Self { line: text.line, id: text.id.clone(), text: text.text.clone(), gold: text.gold, distance, said };
        (one.said.len() > 1 && (one.is_contrary() || distance > 0.0)).then_some(one)
    }

    fn is_contrary(&self) -> bool {
        let mut labels = self.said.values().map(|said| said.label);
        let first = labels.next();
        labels.any(|label| Some(label) != first)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for one in &self.engines {
            let labels: Vec<String> = one.labels.iter().map(|(label, count)| format!("{count} {label}")).collect();
            write!(f, "{}: {} of {} answered", one.engine, one.answered, self.texts)?;
            writeln!(f, "{}{}", if labels.is_empty() { "" } else { ": " }, labels.join(", "))?;
            for (code, count) in &one.failed {
                writeln!(f, "  {count} failed: {code}")?;
            }
            if let Some(gold) = &one.gold {
                let each: Vec<String> = gold.f1.iter().map(|(label, f1)| format!("{label} {f1:.3}")).collect();
                write!(f, "  against {} gold labels: macro-F1 {:.3}", self.labelled, gold.macro_f1)?;
                writeln!(f, " ({}), accuracy {:.1}%", each.join(", "), gold.accuracy * 100.0)?;
                table(f, "gold \\ engine", &gold.confusion)?;
            }
        }
        for pair in &self.pairs {
            let [first, second] = pair.engines;
            write!(f, "\n{first} and {second}: ")?;
            match (pair.agreement, pair.kappa) {
                (Some(agreement), kappa) => {
                    let kappa = kappa.map_or("undefined".into(), |kappa| format!("{kappa:.3}"));
                    writeln!(f, "same label for {:.1}% of {} texts, kappa {kappa}", agreement * 100.0, pair.texts)?;
                    table(f, &format!("{first} \\ {second}"), &pair.confusion)?;
                }
                (None, _) => writeln!(f, "no text has an answer from both")?,
            }
        }
        if self.engines.len() > 1 {
            writeln!(f, "\ndifferent labels: {} of {} texts", self.differing, self.texts)?;
        }
        for one in &self.differ {
            let said =
                one.said.iter().map(|(name, said)| format!("{name} {} {:+.3}", word(Some(said.label)), said.score));
            let gold = one.gold.map(|label| format!("; gold: {}", word(Some(label)))).unwrap_or_default();
            writeln!(f, "  {}: {}", one.line, short(&one.text))?;
            writeln!(f, "      {}{gold}", said.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

fn table(f: &mut fmt::Formatter<'_>, title: &str, confusion: &LabelConfusion) -> fmt::Result {
    let columns = confusion.columns();
    let wide = title.chars().count().max(8);
    write!(f, "  {title:<wide$}")?;
    for column in &columns {
        write!(f, "  {column:>8}")?;
    }
    writeln!(f)?;
    for (row, counts) in &confusion.0 {
        write!(f, "  {row:<wide$}")?;
        for column in &columns {
            write!(f, "  {:>8}", counts.get(column).copied().unwrap_or_default())?;
        }
        writeln!(f)?;
    }
    Ok(())
}

/// A text from outside, made fit for a line of a terminal.
fn short(text: &str) -> String {
    let mut line = tidy(&text.chars().take(WIDE).collect::<String>());
    if text.chars().nth(WIDE).is_some() {
        line.push('…');
    }
    line
}
