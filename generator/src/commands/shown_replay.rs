//! What `fanggen replay` prints: what it will do, its progress, and what changed.

use std::collections::BTreeSet;
use std::path::PathBuf;

use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::error::{CommandError, CommandResult};
use super::output::{Style, message, plural, print, to_json};
use super::result_place::ResultPlace;
use super::run::{STYLE, one_line};
use crate::config::mistake::tidy;
use crate::config::pipeline::{ComponentConfig, Pipeline};
use crate::replay::comparison::{ChangeKind, LabelCount, RecordChange, RecordResult, ResultWord};
use crate::replay::report::ReplayReport;
use crate::replay::selection::skipped;
use crate::replay::workload::{RefusedChunk, Workload};

/// Chunks that cannot be replayed and are told one by one.
const TOLD: usize = 5;
/// The exit code of a process that Ctrl-C ends.
const INTERRUPTED: u8 = 130;

/// A count with its noun.
pub fn count(number: u64, noun: &str) -> String {
    plural(usize::try_from(number).unwrap_or(usize::MAX), noun)
}

/// Says what a replay will do.
pub fn announce(work: &Workload, pipeline: &Pipeline, place: ResultPlace, dry_run: bool) {
    if work.without_text > 0 {
        message(&format!("{} without a text: nothing to analyse", count(work.without_text, "record")));
    }
    if work.texts == 0 {
        return;
    }
    let here = place == ResultPlace::Local;
    let skipped = skipped(pipeline);
    let analyses = |stage: &&ComponentConfig| (here || dry_run) && !skipped.contains(&stage.name);
    for stage in pipeline.stages.iter().filter(analyses) {
        if let Some(substitute) = stage.kind.card.local_substitute {
            message(&format!("`{}`: {substitute} instead of {}", stage.name, stage.kind.card.name));
        }
    }
    if pipeline.stages.iter().any(|stage| stage.settings.condition().is_some()) {
        message("what a filter dropped at the time is not archived, and so is not analysed again");
    }
    if dry_run {
        return;
    }
    let sinks = || pipeline.sinks.iter().filter(|sink| here || !sink.kind.card.local_only);
    let stored: Vec<String> = sinks().filter(|sink| sink.kind.card.stores).map(quoted).collect();
    let silent: Vec<String> = sinks().filter(|sink| !sink.kind.card.stores).map(quoted).collect();
    let nobody = match silent.is_empty() {
        true => String::new(),
        false => format!("; nothing is sent to {}", silent.join(", ")),
    };
    message(&format!("new results replace the old ones in {}{nobody}", stored.join(", ")));
}

fn quoted(component: &ComponentConfig) -> String {
    format!("`{}`", component.name)
}

/// A replay that ended before all chunks were done.
pub struct Stopped {
    /// Chunks that are still in the queues.
    pub chunks: usize,
    /// How long was waited, unless the user stopped it.
    pub minutes: Option<u64>,
}

/// What was replayed, and how it is shown.
pub struct ShownReplay<'a> {
    pub pipeline: &'a str,
    pub environment: &'a str,
    pub place: ResultPlace,
    /// The options that say which records.
    pub range: &'a str,
    pub dry_run: bool,
    pub work: &'a Workload,
    pub json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct ReplayJson<'a> {
    pipeline: &'a str,
    environment: &'a str,
    place: &'static str,
    dry_run: bool,
    runs: usize,
    texts: u64,
    /// Texts that were compared: all of them, unless the replay was stopped.
    records: u64,
    changed: u64,
    kinds: std::collections::BTreeMap<ChangeKind, u64>,
    labels: Vec<LabelCount>,
    /// Records that each stage drops today.
    dropped: std::collections::BTreeMap<String, u64>,
    without_text: u64,
    /// Chunks that cannot be replayed.
    refused: Vec<RefusedChunk>,
    /// Chunks that are still in the queues.
    unfinished_chunks: usize,
    saved: Option<PathBuf>,
    changes: Vec<RecordChange>,
}

impl ShownReplay<'_> {
    /// Prints what changed.
    ///
    /// # Errors
    /// The exit code, if something was not replayed.
    pub fn show(&self, report: ReplayReport<'_>, stopped: Option<Stopped>) -> CommandResult {
        let ReplayReport { comparison, saved, refused, .. } = report;
        let unfinished = stopped.as_ref().map_or(0, |stopped| stopped.chunks);
        let saved = saved.end(comparison.replaced() > 0 || unfinished > 0);
        let not_analysed = comparison.of_kind(ChangeKind::NotAnalysed);
        let (records, changed, kinds) = (comparison.records, comparison.changed(), comparison.kinds.clone());
        let (labels, dropped) = (comparison.labels(), comparison.dropped.clone());
        let changes = comparison.changes();
        if self.json {
            print(&to_json(&ReplayJson {
                pipeline: self.pipeline,
                environment: self.environment,
                place: if self.place == ResultPlace::Local { "local" } else { "account" },
                dry_run: self.dry_run,
                runs: self.work.runs.len(),
                texts: self.work.texts,
                records,
                changed,
                kinds: kinds.clone(),
                labels,
                dropped: dropped.clone(),
                without_text: self.work.without_text,
                refused: refused.clone(),
                unfinished_chunks: unfinished,
                saved: saved.clone(),
                changes,
            }));
        } else {
            if !changes.is_empty() {
                print(&change_table(&changes));
                let more = changed.saturating_sub(changes.len() as u64);
                let more =
                    if more > 0 { format!("... and {more} more: `--json` prints them\n") } else { String::new() };
                print(&format!("{more}\n{}", label_table(&labels)));
            }
        }
        let of =
            format!("{}, environment {}, {} ({})", self.pipeline, self.environment, self.place.phrase(), self.range);
        let texts = format!("{} of {}", count(records, "text"), plural(self.work.runs.len(), "run"));
        message(&match (self.work.texts, changed, self.dry_run) {
            (0, ..) => format!("no texts to analyse again: {of}"),
            (_, 0, _) => format!("{of}: {texts} analysed again, no result changed"),
            (_, _, true) => format!("{of}: {texts} analysed again, {changed} would change: {}", words(&kinds)),
            (_, _, false) => format!("{of}: {texts} analysed again, {changed} changed: {}", words(&kinds)),
        });
        for (stage, records) in &dropped {
            message(&format!("  {stage}  {} now dropped: stored results stay as they were", count(*records, "record")));
        }
        if not_analysed > 0 {
            message(&format!(
                "  {} could not be analysed this time and kept the old result: run the same command again",
                count(not_analysed, "record")
            ));
        }
        show_refused(&refused);
        show_path(saved);
        match stopped {
            Some(Stopped { chunks, minutes: Some(minutes) }) => {
                message(&format!(
                    "stopped waiting: no chunk has finished for {minutes} min; {} left in the queues may still be analysed\n  `fanggen \
                     logs --errors --env {env}` and `fanggen dlq ls --env {env}` say why; then run the same command again",
                    plural(chunks, "chunk"),
                    env = self.environment
                ));
                Err(CommandError::Exit(1))
            }
            Some(Stopped { chunks, minutes: None }) => {
                message(&format!(
                    "stopped: {} still in the queues, which the functions will finish; run the same command again for the rest",
                    plural(chunks, "chunk")
                ));
                Err(CommandError::Exit(INTERRUPTED))
            }
            None if !refused.is_empty() || not_analysed > 0 => Err(CommandError::Exit(1)),
            None => Ok(()),
        }
    }
}

/// Prints what could not be replayed and where the old results are saved, after an error.
pub fn show_saved(report: ReplayReport<'_>) {
    show_refused(&report.refused);
    show_path(report.saved.end(true));
}

fn show_path(saved: Option<PathBuf>) {
    if let Some(path) = saved {
        message(&format!("  the old results are saved in `{}`", path.display()));
    }
}

fn show_refused(refused: &[RefusedChunk]) {
    let (error, end) = (Style::ERROR, Style::END);
    for chunk in refused.iter().take(TOLD) {
        message(&format!("{error}error{end}: `{}` is left as it is: {}", tidy(&chunk.key), tidy(&chunk.reason)));
    }
    if refused.len() > TOLD {
        message(&format!("{error}error{end}: {} more are left as they are", plural(refused.len() - TOLD, "chunk")));
    }
}

/// The counts of changes: `3 labels, 1 newly failed`.
fn words(kinds: &std::collections::BTreeMap<ChangeKind, u64>) -> String {
    let word = |(kind, records): (&ChangeKind, &u64)| {
        let plural = if *records == 1 { "" } else { "s" };
        match kind {
            ChangeKind::Succeeded => format!("{records} newly succeeded"),
            ChangeKind::Failed => format!("{records} newly failed"),
            ChangeKind::Label => format!("{records} label{plural}"),
            ChangeKind::Dropped => format!("{records} dropped"),
            ChangeKind::NotAnalysed => format!("{records} not analysed"),
            ChangeKind::Failure => format!("{records} reason{plural} of failure"),
            ChangeKind::Score => format!("{records} score{plural}"),
            ChangeKind::Findings => format!("{records} in other findings"),
        }
    };
    kinds.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn change_table(changes: &[RecordChange]) -> String {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(["run", "item", "text", "before", "score", "now", "score"]);
    let result = |result: &RecordResult| match (result.result, result.code) {
        (ResultWord::Failed, Some(code)) => code.to_string(),
        (word, _) => word.as_str().to_owned(),
    };
    let score = |result: &RecordResult| result.score.map(|score| format!("{score:+.3}")).unwrap_or_default();
    for change in changes {
        let text = change.title.as_ref().or(change.entry.as_ref());
        table.add_row([
            change.run.clone(),
            one_line(&change.item),
            text.map(|text| one_line(text)).unwrap_or_default(),
            result(&change.before),
            score(&change.before),
            result(&change.now),
            score(&change.now),
        ]);
    }
    for column in [4, 6] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// Counts by result before, one per row, and now, one per column.
fn label_table(labels: &[LabelCount]) -> String {
    let (before, now): (BTreeSet<ResultWord>, BTreeSet<ResultWord>) =
        labels.iter().map(|count| (count.before, count.now)).unzip();
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(std::iter::once("before \\ now").chain(now.iter().map(|word| word.as_str())));
    for word in before {
        let records = |now: &ResultWord| {
            let count = labels.iter().find(|count| count.before == word && count.now == *now);
            count.map_or_else(|| "0".to_owned(), |count| count.records.to_string())
        };
        table.add_row(std::iter::once(word.as_str().to_owned()).chain(now.iter().map(records)));
    }
    for column in 1..=now.len() {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}
