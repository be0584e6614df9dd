//! `fanggen run`: runs the pipeline on this machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use comfy_table::{CellAlignment, ContentLineStyle, LineStyle, Table, TableStyle};
use fanggen_runtime::model::error::{Error, ErrorCode};
use jiff::Timestamp;

use super::args::GlobalArgs;
use super::block_on::block_on;
use super::error::{CommandError, CommandResult};
use super::output::{Style, message, plural, print, print_with};
use super::pipeline_file::LoadedPipeline;
use super::progress::ProgressLine;
use crate::config::mistake::{Severity, tidy};
use crate::local::{self, FinishedRun, RunFailure, RunOptions, RunProgress};

/// Run the pipeline once, on this machine
#[derive(Debug, Args)]
#[command(after_help = "Nothing is deployed and no AWS account is used. Results go below .fanggen/ beside the file.
A run that was interrupted goes on where it stopped, unless the pipeline or one of its files was changed.

Examples:
  fanggen run                use the local texts, if the pipeline has any
  fanggen run --live         fetch the texts
  fanggen run --json | jq '.items[] | select(.label == \"NEGATIVE\")'")]
pub struct RunArgs {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Fetch the texts, even if the pipeline has local ones
    #[arg(long)]
    live: bool,
    /// Start a new run, even if an earlier one was interrupted
    #[arg(long)]
    new: bool,
    /// Print every row and every failure, not only the first 40 rows
    #[arg(long)]
    all: bool,
}

/// A line under the header and nothing else, so that programs can still split the columns.
pub(super) const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none().junction(' '))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none().junction(' '));

/// Rows that are printed without `--all`.
const ROWS: usize = 40;

impl RunArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        // Errors only: warnings are about deployments.
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let pipeline = file.pipeline(file.environment(self.env.as_deref())?)?;
        let options = RunOptions {
            root: file.root.clone(),
            live: self.live,
            time: Timestamp::now(),
            new: self.new,
            source: file.config.source.text.clone(),
        };
        // The number of items is not always known before the sources are read.
        let bar = Arc::new(ProgressLine::counter("items"));
        let start = Instant::now();
        let run = block_on(local::run(pipeline, &options, bar.clone()))?
            .map_err(|error| CommandError::Run(with_code(&error)))?;
        bar.finish();
        if global.json {
            print_with(|out| run.write_json(out));
        }
        show(&run, start.elapsed(), if self.all { usize::MAX } else { ROWS }, global.json);
        let summary = &run.summary;
        if summary.failures.iter().any(|kind| kind.code == ErrorCode::Unreachable) {
            message(&match &pipeline.local.texts {
                Some(texts) if self.live => {
                    format!("to run without a network, leave out `--live`: `{texts}` has the texts")
                }
                _ => "to run without a network, use your own texts: `[local] texts = \"texts.jsonl\"`".to_owned(),
            });
        }
        if let Some(error) = &summary.error {
            message(&format!("{}error{}: {error}", Style::ERROR, Style::END));
        }
        let good = summary.is_good();
        run.discard();
        if good { Ok(()) } else { Err(CommandError::Exit(1)) }
    }
}

/// An error whose message ends in its code.
fn with_code(error: &Error) -> Error {
    Error { message: format!("{} ({})", tidy(&error.message), error.code), ..error.clone() }
}

impl RunProgress for ProgressLine {
    fn expected(&self, items: usize) {
        self.expect("items", items as u64);
    }

    fn done(&self, items: usize) {
        self.add(items as u64);
    }

    fn say(&self, text: &str) {
        self.say(text);
    }
}

fn show(run: &FinishedRun, took: Duration, most: usize, json: bool) {
    let summary = &run.summary;
    message(&format!(
        "run {} of {}, environment {}, on this machine",
        summary.run, summary.pipeline, summary.environment
    ));
    for notice in &summary.notices {
        let hint = notice.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        message(&format!("  {}: {} instead of {}{hint}", notice.stage, notice.is, notice.instead_of));
    }
    if !json && summary.records > 0 {
        print(&table(run, most));
    }
    if !json && summary.records > most {
        message(&format!("  and {} more: `--all` prints them", summary.records - most));
    }
    show_failures(run, most == usize::MAX);
    // An item with a feed has a row for each of its entries.
    let noun = if summary.has_entries { "record" } else { "item" };
    let total = plural(summary.records, noun);
    let [items, chunks] = summary.failed();
    let lost = if chunks == 0 { String::new() } else { format!(", {} not written", plural(chunks, "chunk")) };
    message(&format!("{total}, {} succeeded, {items} failed{lost}, in {took:.1?}", summary.succeeded));
    if !summary.labels.is_empty() {
        let labels = summary.labels.iter().map(|(label, count)| format!("{count} {}", label.as_str()));
        message(&format!("  {}", labels.collect::<Vec<_>>().join(", ")));
    }
    for (stage, records) in &summary.ended {
        let records = plural(usize::try_from(*records).unwrap_or(usize::MAX), "record");
        message(&format!("  {stage}  {records} dropped"));
    }
    if summary.records == 0 && summary.ended.is_empty() && summary.error.is_none() {
        message("the sources have no items: nothing to do");
    }
    for warning in &summary.warnings {
        message(&format!("{}warning{}: {warning}", Style::WARNING, Style::END));
    }
    for (sink, result) in &summary.results {
        let place = match (&result.first, result.files.saturating_sub(1)) {
            (None, _) => "nothing written".to_owned(),
            (Some(first), 0) => first.clone(),
            (Some(first), more) => format!("{first} and {}", plural(more, "more file")),
        };
        message(&format!("  {sink}  {place}"));
    }
}

/// Failures of one kind are told once, or each of them where everything was asked for.
fn show_failures(run: &FinishedRun, all: bool) {
    let show = |what: &str, failed: &RunFailure| {
        let error = format!("{}failed{}", Style::ERROR, Style::END);
        message(&format!("{error}: {what} at {}: {} [{}]", failed.at, tidy(&failed.message), failed.code));
    };
    if all {
        for failed in run.failures() {
            match failed {
                Ok(failed) => show(&failed.item.as_deref().map_or("a whole chunk".into(), one_line), &failed),
                Err(error) => return unreadable(&error),
            }
        }
        return;
    }
    let mut told_once = false;
    for kind in &run.summary.failures {
        let example = kind.example.item.as_deref().map(one_line);
        told_once |= kind.count > 1;
        let what = match (example, kind.count) {
            (Some(item), 1) => item,
            (Some(item), count) => format!("{count} items, such as {item},"),
            (None, 1) => "a whole chunk".into(),
            (None, count) => format!("{count} whole chunks"),
        };
        show(&what, &kind.example);
    }
    if told_once {
        message("  `--all` prints every failure");
    }
}

fn unreadable(error: &std::io::Error) {
    message(&format!("{}error{}: cannot read the journal of the run: {error}", Style::ERROR, Style::END));
}

fn table(run: &FinishedRun, most: usize) -> String {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(["item", "label", "score", "engine", "text source"]);
    for row in run.rows().take(most) {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                unreadable(&error);
                break;
            }
        };
        let label = row.label.map(|label| label.as_str().to_owned());
        table.add_row([
            one_line(&row.item),
            label.or_else(|| row.failed.map(|code| code.to_string())).unwrap_or_default(),
            row.score.map(|score| format!("{score:+.3}")).unwrap_or_default(),
            row.engine.clone().unwrap_or_default(),
            one_line(row.text_source.as_deref().unwrap_or_default()),
        ]);
    }
    if let Some(score) = table.column_mut(2) {
        score.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

/// An untrusted name made safe for a terminal: no control characters, and shortened.
pub(super) fn one_line(text: &str) -> String {
    let mut line = tidy(&text.chars().take(WIDE).collect::<String>());
    if text.chars().nth(WIDE).is_some() {
        line.push('…');
    }
    line
}

/// Characters of a name that are shown.
const WIDE: usize = 60;
