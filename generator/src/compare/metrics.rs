//! Confusion matrices, and the metrics derived from them.

use std::collections::BTreeMap;

use fanggen_runtime::model::record::Label;
use serde::Serialize;

/// Counts of pairs of labels: the first is the row, the second the column; `none` stands for no answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct LabelConfusion(pub BTreeMap<&'static str, BTreeMap<&'static str, usize>>);

/// The column of texts without an answer.
pub const NONE: &str = "none";

/// A label as a row or column.
pub fn word(label: Option<Label>) -> &'static str {
    match label {
        Some(Label::Positive) => "positive",
        Some(Label::Negative) => "negative",
        Some(Label::Neutral) => "neutral",
        Some(Label::Mixed) => "mixed",
        None => NONE,
    }
}

impl LabelConfusion {
    /// Counts pairs of labels.
    pub fn of(pairs: impl IntoIterator<Item = (Option<Label>, Option<Label>)>) -> Self {
        let mut confusion = Self::default();
        for (row, column) in pairs {
            *confusion.0.entry(word(row)).or_default().entry(word(column)).or_default() += 1;
        }
        confusion
    }

    fn count(&self, row: &str, column: &str) -> usize {
        self.0.get(row).and_then(|row| row.get(column)).copied().unwrap_or_default()
    }

    fn row(&self, row: &str) -> usize {
        self.0.get(row).map_or(0, |row| row.values().sum())
    }

    fn column(&self, column: &str) -> usize {
        self.0.values().filter_map(|row| row.get(column)).sum()
    }

    /// Number of pairs.
    pub fn total(&self) -> usize {
        self.0.values().flat_map(BTreeMap::values).sum()
    }

    /// All columns that occur, sorted.
    pub fn columns(&self) -> Vec<&'static str> {
        let mut columns: Vec<_> = self.0.values().flat_map(BTreeMap::keys).copied().collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The share of pairs of equal labels.
    pub fn agreement(&self) -> Option<f64> {
        let same: usize = self.0.keys().map(|label| self.count(label, label)).sum();
        share(same, self.total())
    }

    /// Cohen's kappa, the agreement beyond chance; none if chance explains all of it
    /// (<https://doi.org/10.1177/001316446002000104>).
    pub fn kappa(&self) -> Option<f64> {
        let total = self.total() as f64;
        let by_chance: f64 = self.0.keys().map(|label| self.row(label) as f64 * self.column(label) as f64).sum();
        let by_chance = by_chance / (total * total);
        let agreement = self.agreement()?;
        (by_chance < 1.0).then(|| (agreement - by_chance) / (1.0 - by_chance))
    }

    /// The F1 score of each label that has a row. Rows are the true labels.
    pub fn f1(&self) -> BTreeMap<&'static str, f64> {
        let f1 = |label: &'static str| {
            let both = self.row(label) + self.column(label);
            (label, 2.0 * self.count(label, label) as f64 / both as f64)
        };
        self.0.keys().map(|label| f1(label)).collect()
    }

    /// The mean F1 score.
    pub fn macro_f1(&self) -> Option<f64> {
        let each = self.f1();
        (!each.is_empty()).then(|| each.values().sum::<f64>() / each.len() as f64)
    }
}

fn share(part: usize, all: usize) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_a_worked_example() {
        use Label::{Negative, Neutral, Positive};
        let pairs = [
            (Positive, Positive, 4),
            (Positive, Neutral, 1),
            (Negative, Negative, 2),
            (Negative, Positive, 2),
            (Neutral, Neutral, 1),
        ];
        let pairs = pairs.into_iter().flat_map(|(row, column, count)| vec![(Some(row), Some(column)); count]);
        let confusion = LabelConfusion::of(pairs);
        assert_eq!(confusion.agreement(), Some(0.7));
        // By chance: (5 x 6 + 4 x 2 + 1 x 2) / 100 = 0.4, so (0.7 - 0.4) / 0.6.
        assert!((confusion.kappa().expect("a number") - 0.5).abs() < 1e-12);
        // 8/11, 4/6 and 2/3.
        assert!((confusion.macro_f1().expect("a number") - (8.0 / 11.0 + 2.0 / 3.0 + 2.0 / 3.0) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_text_without_an_answer_is_a_wrong_one() {
        let confusion =
            LabelConfusion::of([(Some(Label::Positive), Some(Label::Positive)), (Some(Label::Positive), None)]);
        assert_eq!(confusion.macro_f1(), Some(2.0 / 3.0));
    }

    #[test]
    fn where_chance_explains_all_there_is_no_kappa_and_of_nothing_no_number() {
        let same = LabelConfusion::of([(Some(Label::Neutral), Some(Label::Neutral))]);
        assert_eq!((same.agreement(), same.kappa()), (Some(1.0), None));
        let nothing = LabelConfusion::default();
        assert_eq!((nothing.agreement(), nothing.kappa(), nothing.macro_f1()), (None, None, None));
    }
}
