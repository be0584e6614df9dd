//! Tells a person at a terminal, or a log, what a deployment does; and asks.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use crate::commands::{Style, to_person, words};
use crate::deploy::audience::{Answer, Audience};
use crate::deploy::diff::Changes;
use crate::deploy::events::Event;
use crate::deploy::generated::Manifest;

/// Milliseconds between two turns of what turns while a resource is being made.
const TURN_MS: u64 = 120;

/// The terminal, or what stands in its place.
pub struct Terminal {
    /// Whether every question is answered with yes.
    yes: bool,
    /// Whether changes are part of a JSON result, and not shown.
    json: bool,
    /// What asked for which resource.
    asked: BTreeMap<String, String>,
    operation: Mutex<Option<Operation>>,
}

/// An operation that is being followed.
struct Operation {
    since: Instant,
    bars: MultiProgress,
    total: ProgressBar,
    running: BTreeMap<String, Running>,
}

/// A resource that is being made, changed or deleted.
struct Running {
    bar: ProgressBar,
    /// When we heard of it.
    heard: Instant,
    /// When it began, by CloudFormation's clock.
    began: Option<Timestamp>,
}

impl Running {
    /// How long it took by CloudFormation's own clock, where it has told both times: we only hear of it at each look.
    fn took(&self, end: &Event) -> Duration {
        let told = self.began.zip(end.at).and_then(|(began, ended)| ended.duration_since(began).try_into().ok());
        told.unwrap_or_else(|| self.heard.elapsed())
    }
}

impl Terminal {
    /// A terminal for the resources of an environment.
    pub fn new(yes: bool, json: bool, manifest: &Manifest) -> Self {
        let asked = manifest.resources.iter().map(|(id, resource)| (id.clone(), resource.path.clone())).collect();
        Self { yes, json, asked, operation: Mutex::new(None) }
    }

    fn line(&self, line: &str) {
        match &*self.operation.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(operation) if to_person() => drop(operation.bars.println(line)),
            _ => words(line),
        }
    }

    /// A resource in a line: what became of it, how long it took, what asked for it.
    fn done(&self, event: &Event, took: Duration) -> String {
        let status = event.status.to_lowercase().replace('_', " ");
        let style = if event.failed() { Style::ERROR } else { Style::GOOD };
        let asked = self.asked.get(&event.resource).map(|path| format!("  {path}")).unwrap_or_default();
        let reason = event.reason.as_ref().filter(|_| event.failed());
        let reason = reason.map(|reason| format!("\n          {reason}")).unwrap_or_default();
        let (dim, end) = (Style::DIM, Style::END);
        format!(
            "{:>7.1}s  {style}{status:<16}{end} {} {dim}{}{asked}{end}{reason}",
            took.as_secs_f64(),
            event.resource,
            event.kind
        )
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Audience for Terminal {
    fn say(&self, what: &str) {
        self.line(what);
    }

    fn show(&self, changes: &Changes) {
        if !self.json {
            words(changes.text().to_string().trim_end());
        }
    }

    fn agree(&self, question: &str) -> Answer {
        if self.yes {
            return Answer::Yes;
        }
        if !std::io::stdin().is_terminal() || !to_person() {
            return Answer::Nobody;
        }
        let mut out = anstream::stderr();
        let _ = write!(out, "\n{question} [y/N] ").and_then(|()| out.flush());
        let mut line = String::new();
        match std::io::stdin().lock().read_line(&mut line) {
            Ok(_) if matches!(line.trim().to_lowercase().as_str(), "y" | "yes") => Answer::Yes,
            _ => Answer::No,
        }
    }

    fn begin(&self, what: &str, resources: usize) {
        let target = if to_person() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bars = MultiProgress::with_draw_target(target);
        let (bar, template) = if resources > 0 {
            (ProgressBar::new(resources as u64), "{msg} {wide_bar:.dim} {pos}/{len} {elapsed}")
        } else {
            (ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}")
        };
        let total = bars.add(bar.with_style(style(template)).with_message(what.to_owned()));
        total.enable_steady_tick(Duration::from_millis(TURN_MS));
        let operation = Operation { since: Instant::now(), bars, total, running: BTreeMap::new() };
        *self.operation.lock().unwrap_or_else(PoisonError::into_inner) = Some(operation);
    }

    fn event(&self, event: &Event) {
        if event.of_stack() {
            return;
        }
        let mut guard = self.operation.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(operation) = guard.as_mut() else { return };
        if event.done() {
            let running = operation.running.remove(&event.resource);
            let took = running.as_ref().map_or_else(|| operation.since.elapsed(), |running| running.took(event));
            if let Some(running) = running {
                running.bar.finish_and_clear();
            }
            operation.total.inc(1);
            drop(guard);
            self.line(&self.done(event, took));
        } else if !operation.running.contains_key(&event.resource) {
            let bar = ProgressBar::new_spinner().with_style(style("         {spinner} {msg} {elapsed}"));
            let bar = operation.bars.insert_before(&operation.total, bar);
            bar.set_message(format!("{} {}", event.resource, event.kind));
            bar.enable_steady_tick(Duration::from_millis(TURN_MS));
            let running = Running { bar, heard: Instant::now(), began: event.at };
            operation.running.insert(event.resource.clone(), running);
        }
    }

    fn progress(&self, what: &str, done: u64, all: u64) {
        let mut guard = self.operation.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(operation) = guard.as_mut() {
            operation.total.set_message(what.to_owned());
            operation.total.set_length(all);
            operation.total.set_position(done);
        }
    }

    fn end(&self) {
        if let Some(operation) = self.operation.lock().unwrap_or_else(PoisonError::into_inner).take() {
            operation.running.into_values().for_each(|running| running.bar.finish_and_clear());
            operation.total.finish_and_clear();
        }
    }
}
