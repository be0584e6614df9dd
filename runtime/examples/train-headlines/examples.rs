//! Labelled headlines, and what is learnt from each.

use fanggen_runtime::engines::headlines::features::{self, Features};
use serde_json::Value;

/// The labels, in the order of their numbers.
pub const LABELS: [&str; 3] = ["negative", "neutral", "positive"];

/// How much is learnt from a headline whose subject is marked, beside one in which it is not: most pipelines read texts
/// that nobody has marked. Likewise from one about several subjects, all spoken of alike.
const MARKED: f32 = 0.5;
const SEVERAL: f32 = 0.5;

/// A headline, with the label of each thing that it names.
pub struct Headline {
    pub text: String,
    pub subjects: Vec<(String, usize)>,
}

/// What a model learns from: features, label, weight.
pub type Example = (Features, usize, f32);

impl Headline {
    /// Headlines of a file, one a line.
    pub fn read_all(lines: &str) -> Result<Vec<Self>, String> {
        let read = |(at, line)| Self::read(line).ok_or(format!("line {}: this is no labelled headline", at + 1));
        lines.lines().enumerate().map(read).collect()
    }

    fn read(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let label = |label: &Value| LABELS.iter().position(|known| Some(*known) == label.as_str());
        let mut subjects = Vec::new();
        for (name, said) in value["entities"].as_object()? {
            subjects.push((name.clone(), label(said)?));
        }
        // In an order of their own: whether a JSON object keeps its order depends on who else is compiled along.
        subjects.sort();
        Some(Self { text: value["text"].as_str()?.to_owned(), subjects })
    }

    /// The only subject's label.
    pub fn label(&self) -> Option<usize> {
        match self.subjects.as_slice() {
            [(_, label)] => Some(*label),
            _ => None,
        }
    }

    /// What is learnt from it.
    pub fn examples(&self) -> Vec<Example> {
        let share = MARKED / self.subjects.len().max(1) as f32;
        let mut examples: Vec<Example> = (self.subjects.iter())
            .map(|(name, label)| (features::extract(&self.text, &[name.as_str()]), *label, share))
            .collect();
        if let Some((_, label)) = self.subjects.first()
            && self.subjects.iter().all(|(_, other)| other == label)
        {
            let weight = if self.subjects.len() == 1 { 1.0 } else { SEVERAL };
            examples.push((features::extract(&self.text, &[]), *label, weight));
        }
        examples
    }

    /// Equal for titles that differ in figures, signs and capitals only.
    pub fn gist(&self) -> String {
        self.text.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect()
    }
}
