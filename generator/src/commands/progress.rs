//! Progress on a terminal: a spinner, or a bar once the amount of work is known; nothing where messages go to a log.

use std::time::Duration;

#[cfg(feature = "aws")]
use indicatif::MultiProgress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::{message, stderr_is_terminal};
use crate::control_characters::without_controls;
use crate::log;

/// Time between two frames of a spinner.
const FRAME: Duration = Duration::from_millis(120);
/// Most frames per second, however often the position changes.
const FRAMES_PER_SECOND: u8 = 10;

const SPINNER: &str = "{spinner} {msg} {elapsed}";
const COUNTER: &str = "{spinner} {pos} {msg} {elapsed}";
const BAR: &str = "{wide_bar} {pos}/{len} {msg} {elapsed}, {eta} left";
#[cfg(feature = "aws")]
const TOTAL_BAR: &str = "{msg} {wide_bar:.dim} {pos}/{len} {elapsed}";
#[cfg(feature = "aws")]
const PART: &str = "         {spinner} {msg} {elapsed}";

/// A line with the progress of some work, which is gone when the work is done.
pub struct ProgressLine(ProgressBar);

impl ProgressLine {
    /// Work of an unknown amount, which is not counted.
    pub fn spinner(what: &str) -> Self {
        Self::start(ProgressBar::with_draw_target(None, target()), SPINNER, what)
    }

    /// Work that is counted, but whose amount is not known yet.
    pub fn counter(noun: &str) -> Self {
        Self::start(ProgressBar::with_draw_target(None, target()), COUNTER, noun)
    }

    /// Work of a known amount.
    pub fn bar(noun: &str, all: u64) -> Self {
        Self::start(ProgressBar::with_draw_target(Some(all), target()), BAR, noun)
    }

    fn start(bar: ProgressBar, template: &str, what: &str) -> Self {
        let progress = Self(bar.with_style(style(template)));
        progress.set_message(what);
        if !progress.0.is_hidden() {
            progress.0.enable_steady_tick(FRAME);
        }
        progress
    }

    /// The amount of work is known now.
    pub fn expect(&self, noun: &str, all: u64) {
        self.0.set_length(all);
        self.0.set_style(style(BAR));
        self.set_message(noun);
    }

    /// Shows another text.
    pub fn set_message(&self, what: &str) {
        self.0.set_message(without_controls(what).into_owned());
    }

    /// So much is done.
    pub fn set(&self, done: u64) {
        self.0.set_position(done);
    }

    /// So much more is done.
    pub fn add(&self, done: u64) {
        self.0.inc(done);
    }

    /// Prints a message above the line.
    pub fn say(&self, text: &str) {
        self.0.suspend(|| message(text));
    }

    /// Takes the line away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// The progress of work with parts that are done side by side: a line for each part, and one for the whole below them.
#[cfg(feature = "aws")]
pub struct ProgressGroup {
    lines: MultiProgress,
    total: ProgressLine,
}

#[cfg(feature = "aws")]
impl ProgressGroup {
    /// A group with the line for the whole; without an amount, it is a spinner.
    pub fn new(what: &str, all: u64) -> Self {
        let lines = MultiProgress::with_draw_target(target());
        let (bar, template) = match all {
            0 => (ProgressBar::new_spinner(), SPINNER),
            all => (ProgressBar::new(all), TOTAL_BAR),
        };
        let total = ProgressLine::start(lines.add(bar), template, what);
        Self { lines, total }
    }

    /// Adds the line of a part.
    pub fn part(&self, what: &str) -> ProgressLine {
        ProgressLine::start(self.lines.insert_before(&self.total.0, ProgressBar::new_spinner()), PART, what)
    }

    /// A part is done.
    pub fn part_done(&self) {
        self.total.add(1);
    }

    /// What the whole is about now, and how much of it is done.
    pub fn set(&self, what: &str, done: u64, all: u64) {
        self.total.set_message(what);
        self.total.0.set_length(all);
        self.total.set(done);
    }

    /// Prints a message above all lines.
    pub fn say(&self, text: &str) {
        match is_shown() {
            true => drop(self.lines.println(without_controls(text))),
            false => message(text),
        }
    }

    /// Takes the line for the whole away.
    pub fn finish(&self) {
        self.total.finish();
    }
}

/// Whether there is somebody to see it.
fn is_shown() -> bool {
    stderr_is_terminal() && !log::is_json()
}

fn target() -> ProgressDrawTarget {
    match is_shown() {
        true => ProgressDrawTarget::stderr_with_hz(FRAMES_PER_SECOND),
        false => ProgressDrawTarget::hidden(),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("█▌ ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_well_formed() {
        let templates = [SPINNER, COUNTER, BAR];
        #[cfg(feature = "aws")]
        let templates = templates.into_iter().chain([TOTAL_BAR, PART]);
        for template in templates {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
