//! Labelled headlines, and the training examples made of them.

use crate::engines::headlines::features::{self, Features};
use serde_json::Value;

/// The labels, in the order of their numbers.
pub const LABELS: [&str; 3] = ["negative", "neutral", "positive"];

/// The weight of an example whose subject is marked, relative to one whose subject is not: most pipelines read texts
/// without marks. Likewise for a headline about several subjects with the same label.
const MARKED: f32 = 0.5;
const SEVERAL: f32 = 0.5;

/// A headline, with the label of each subject that it names.
pub struct Headline {
    /// The headline.
    pub text: String,
    /// The names of the subjects, and their labels.
    pub subjects: Vec<(String, usize)>,
}

/// A training example: features, label, weight.
pub type Example = (Features, usize, f32);

impl Headline {
    /// Reads the headlines of a file, one per line.
    ///
    /// # Errors
    /// The number of a line that is not a labelled headline.
    pub fn read_all(lines: &str) -> Result<Vec<Self>, String> {
        let read = |(at, line)| Self::read(line).ok_or(format!("line {}: not a labelled headline", at + 1));
        lines.lines().enumerate().map(read).collect()
    }

    fn read(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let label = |label: &Value| LABELS.iter().position(|known| Some(*known) == label.as_str());
        let mut subjects = Vec::new();
        for (name, value) in value["entities"].as_object()? {
            subjects.push((name.clone(), label(value)?));
        }
        // Sorted: whether a JSON object keeps its order depends on the features of serde_json.
        subjects.sort();
        Some(Self { text: value["text"].as_str()?.to_owned(), subjects })
    }

    /// The label, where there is one subject.
    #[must_use]
    pub fn label(&self) -> Option<usize> {
        match self.subjects.as_slice() {
            [(_, label)] => Some(*label),
            _ => None,
        }
    }

    /// The training examples of this headline.
    #[must_use]
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

    /// Equal for titles that differ only in digits, punctuation and case.
    #[must_use]
    pub fn gist(&self) -> String {
        self.text.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect()
    }
}
