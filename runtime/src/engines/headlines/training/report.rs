//! The table of the documentation that shows how well the models judge.

use std::fmt::Write as _;

use crate::engines::headlines::weights::Probabilities;

use super::examples::{Headline, LABELS};
use super::folds::Judgement;

/// The markers around the table in the page.
const BEGIN: &str = "<!-- headlines -->";
const END: &str = "<!-- end of headlines -->";

/// How often each label was predicted for each true one: rows are true, columns predicted.
#[derive(Default)]
pub struct ConfusionMatrix([[u32; 3]; 3]);

impl ConfusionMatrix {
    /// Counts these judgements.
    #[must_use]
    pub fn of<'a>(judged: impl IntoIterator<Item = &'a Judgement>) -> Self {
        let mut confusion = Self::default();
        for judged in judged {
            confusion.0[judged.label][predicted(judged.probabilities)] += 1;
        }
        confusion
    }

    fn f1(&self, label: usize) -> f64 {
        let right = self.0[label][label];
        let both = self.0[label].iter().sum::<u32>() + self.0.iter().map(|row| row[label]).sum::<u32>();
        2.0 * f64::from(right) / f64::from(both)
    }

    /// The mean F1 of the three labels.
    #[must_use]
    pub fn macro_f1(&self) -> f64 {
        (0..3).map(|label| self.f1(label)).sum::<f64>() / 3.0
    }
}

fn predicted(probabilities: Probabilities) -> usize {
    let Probabilities { negative, neutral, positive } = probabilities;
    if negative > neutral && negative >= positive {
        0
    } else if positive > neutral {
        2
    } else {
        1
    }
}

/// The table, in Markdown.
#[must_use]
pub fn table(headlines: &[Headline], judged: &[Judgement]) -> String {
    let one = |judged: &&Judgement| headlines[judged.headline].subjects.len() == 1;
    let plain = ConfusionMatrix::of(judged.iter().filter(one).filter(|judged| !judged.told));
    let told = ConfusionMatrix::of(judged.iter().filter(one).filter(|judged| judged.told));
    let several = ConfusionMatrix::of(judged.iter().filter(|judged| !one(judged)));
    let mut out = String::from("| headlines | judged | macro-F1 | F1 negative | neutral | positive |\n");
    out.push_str("| --- | ---: | ---: | ---: | ---: | ---: |\n");
    for (what, confusion) in [
        ("with one subject, name not given", &plain),
        ("the same, name given", &told),
        ("with several subjects, each name given in turn", &several),
    ] {
        let count: u32 = confusion.0.iter().flatten().sum();
        let [negative, neutral, positive] = [0, 1, 2].map(|label| confusion.f1(label));
        let all = confusion.macro_f1();
        let _ = writeln!(out, "| {what} | {count} | **{all:.3}** | {negative:.3} | {neutral:.3} | {positive:.3} |");
    }
    out.push_str("\nThe first row in full:\n\n| gold \\ engine | negative | neutral | positive |\n| --- | ---: | ---: | ---: |\n");
    for (label, [negative, neutral, positive]) in LABELS.iter().zip(plain.0) {
        let _ = writeln!(out, "| {label} | {negative} | {neutral} | {positive} |");
    }
    out
}

/// The page with the table between its markers; none without markers.
#[must_use]
pub fn put(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))
}
