//! Shows the progress of a deployment on a terminal or in a log, and asks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::output::{Style, ask, message};
use super::progress::{ProgressGroup, ProgressLine};
use crate::deploy::diff::Changes;
use crate::deploy::events::StackEvent;
use crate::deploy::generated::Manifest;
use crate::deploy::ui::{Confirmation, UserInterface};

/// The terminal, or a log.
pub struct TerminalUi {
    /// Whether every prompt is answered with yes.
    yes: bool,
    /// Whether changes are part of a JSON result, and so not shown.
    json: bool,
    /// The path in the pipeline's file of each resource.
    paths: BTreeMap<String, String>,
    operation: Mutex<Option<Operation>>,
}

/// The operation in progress.
struct Operation {
    since: Instant,
    progress: ProgressGroup,
    running: BTreeMap<String, RunningResource>,
}

/// A resource that is being created, changed or deleted.
struct RunningResource {
    progress: ProgressLine,
    /// When its first event was polled.
    seen: Instant,
    /// When it started, by CloudFormation's clock.
    started: Option<Timestamp>,
}

impl RunningResource {
    /// How long it took: by CloudFormation's clock where both events have a time, since polling adds seconds.
    fn took(&self, end: &StackEvent) -> Duration {
        let times = self.started.zip(end.at);
        let exact = times.and_then(|(started, ended)| ended.duration_since(started).try_into().ok());
        exact.unwrap_or_else(|| self.seen.elapsed())
    }
}

impl TerminalUi {
    /// A terminal for the resources of an environment.
    pub fn new(yes: bool, json: bool, manifest: &Manifest) -> Self {
        let paths = manifest.resources.iter().map(|(id, resource)| (id.clone(), resource.path.clone())).collect();
        Self { yes, json, paths, operation: Mutex::new(None) }
    }

    fn line(&self, line: &str) {
        match &*self.operation.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(operation) => operation.progress.say(line),
            None => message(line),
        }
    }

    /// A finished resource in one line: duration, status, name, type, path.
    fn finished(&self, event: &StackEvent, took: Duration) -> String {
        let status = event.status.to_lowercase().replace('_', " ");
        let style = if event.is_failure() { Style::ERROR } else { Style::SUCCESS };
        let path = self.paths.get(&event.resource).map(|path| format!("  {path}")).unwrap_or_default();
        let reason = event.reason.as_ref().filter(|_| event.is_failure());
        let reason = reason.map(|reason| format!("\n          {reason}")).unwrap_or_default();
        let (dim, end) = (Style::DIM, Style::END);
        format!(
            "{:>7.1}s  {style}{status:<16}{end} {} {dim}{}{path}{end}{reason}",
            took.as_secs_f64(),
            event.resource,
            event.kind
        )
    }
}

impl UserInterface for TerminalUi {
    fn message(&self, text: &str) {
        self.line(text);
    }

    fn show_changes(&self, changes: &Changes) {
        if !self.json {
            message(changes.text().to_string().trim_end());
        }
    }

    fn confirm(&self, question: &str) -> Confirmation {
        if self.yes {
            return Confirmation::Yes;
        }
        match ask(&format!("\n{question}")) {
            Some(true) => Confirmation::Yes,
            Some(false) => Confirmation::No,
            None => Confirmation::NoTerminal,
        }
    }

    fn start_progress(&self, what: &str, resources: usize) {
        let progress = ProgressGroup::new(what, resources as u64);
        let operation = Operation { since: Instant::now(), progress, running: BTreeMap::new() };
        *self.operation.lock().unwrap_or_else(PoisonError::into_inner) = Some(operation);
    }

    fn stack_event(&self, event: &StackEvent) {
        if event.is_of_stack() {
            return;
        }
        let mut guard = self.operation.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(operation) = guard.as_mut() else { return };
        if event.is_final() {
            let running = operation.running.remove(&event.resource);
            let took = running.as_ref().map_or_else(|| operation.since.elapsed(), |running| running.took(event));
            if let Some(running) = running {
                running.progress.finish();
            }
            operation.progress.part_done();
            drop(guard);
            self.line(&self.finished(event, took));
        } else if !operation.running.contains_key(&event.resource) {
            let progress = operation.progress.part(&format!("{} {}", event.resource, event.kind));
            let running = RunningResource { progress, seen: Instant::now(), started: event.at };
            operation.running.insert(event.resource.clone(), running);
        }
    }

    fn set_progress(&self, what: &str, done: u64, all: u64) {
        let mut guard = self.operation.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(operation) = guard.as_mut() {
            operation.progress.set(what, done, all);
        }
    }

    fn finish_progress(&self) {
        if let Some(operation) = self.operation.lock().unwrap_or_else(PoisonError::into_inner).take() {
            operation.running.into_values().for_each(|running| running.progress.finish());
            operation.progress.finish();
        }
    }
}
