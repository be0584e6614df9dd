//! How well the models judged, as a part of the documentation.

use std::fmt::Write as _;

use fanggen_runtime::engines::headlines::weights::Probabilities;

use super::examples::{Headline, LABELS};
use super::folds::Judged;

/// What stands around the part in the page.
const BEGIN: &str = "<!-- headlines -->";
const END: &str = "<!-- end of headlines -->";

/// How often each label was given for each: rows are what is true, columns what was said.
#[derive(Default)]
pub struct Confusion([[u32; 3]; 3]);

impl Confusion {
    pub fn of<'a>(judged: impl IntoIterator<Item = &'a Judged>) -> Self {
        let mut confusion = Self::default();
        for judged in judged {
            confusion.0[judged.label][said(judged.probabilities)] += 1;
        }
        confusion
    }

    fn f1(&self, label: usize) -> f64 {
        let right = self.0[label][label];
        let both = self.0[label].iter().sum::<u32>() + self.0.iter().map(|row| row[label]).sum::<u32>();
        2.0 * f64::from(right) / f64::from(both)
    }

    /// The mean of the three labels' F1.
    pub fn macro_f1(&self) -> f64 {
        (0..3).map(|label| self.f1(label)).sum::<f64>() / 3.0
    }
}

fn said(probabilities: Probabilities) -> usize {
    let Probabilities { negative, neutral, positive } = probabilities;
    if negative > neutral && negative >= positive {
        0
    } else if positive > neutral {
        2
    } else {
        1
    }
}

/// The part of the page.
pub fn table(headlines: &[Headline], judged: &[Judged]) -> String {
    let one = |judged: &&Judged| headlines[judged.headline].subjects.len() == 1;
    let plain = Confusion::of(judged.iter().filter(one).filter(|judged| !judged.told));
    let told = Confusion::of(judged.iter().filter(one).filter(|judged| judged.told));
    let several = Confusion::of(judged.iter().filter(|judged| !one(judged)));
    let mut out = String::from("| headlines | judged | macro-F1 | F1 negative | neutral | positive |\n");
    out.push_str("| --- | ---: | ---: | ---: | ---: | ---: |\n");
    for (what, confusion) in [
        ("with one subject, which is not told", &plain),
        ("the same, its name told", &told),
        ("with several subjects, each told in turn", &several),
    ] {
        let count: u32 = confusion.0.iter().flatten().sum();
        let [negative, neutral, positive] = [0, 1, 2].map(|label| confusion.f1(label));
        let all = confusion.macro_f1();
        let _ = writeln!(out, "| {what} | {count} | **{all:.3}** | {negative:.3} | {neutral:.3} | {positive:.3} |");
    }
    out.push_str("\nThe first row in full:\n\n| true, across: said | negative | neutral | positive |\n| --- | ---: | ---: | ---: |\n");
    for (label, [negative, neutral, positive]) in LABELS.iter().zip(plain.0) {
        let _ = writeln!(out, "| {label} | {negative} | {neutral} | {positive} |");
    }
    out
}

/// The page with the table in its place.
pub fn put(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))
}
