//! `fanggen run`: the pipeline on this machine.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use comfy_table::{CellAlignment, ContentLineStyle, LineStyle, Table, TableStyle};
use fanggen_runtime::model::error::Error;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::{Done, Ended, Failure, Global, Style, plural, pretty, print, to_person, words};
use crate::config::mistake::{Severity, tidy};
use crate::local::{self, Options, Summary, Watch};

/// Run the pipeline once, on this machine
#[derive(Debug, Args)]
#[command(after_help = "Nothing is deployed and no AWS account is asked. Results go below .fanggen/ beside the file.

Examples:
  fanggen run                take local texts where the pipeline names some
  fanggen run --live         fetch the texts
  fanggen run --json | jq '.items[] | select(.label == \"NEGATIVE\")'")]
pub struct Run {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Fetch texts, even where the pipeline names local ones
    #[arg(long)]
    live: bool,
    /// Print every row of the result, however many there are
    #[arg(long)]
    all: bool,
}

/// A line under the header, and nothing else: what a person reads and a program can still cut into columns.
const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none().junction(' '))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none().junction(' '));

/// Rows of a result that are printed unless all are asked for.
const ROWS: usize = 40;

impl Run {
    pub fn execute(self, global: &Global) -> Done {
        // What is left out when deployed does not matter here: errors only.
        let opened = global.open(Severity::Error)?;
        let pipeline = opened.pipeline(opened.environment(self.env.as_deref())?)?;
        let options = Options { root: opened.root.clone(), live: self.live, time: Timestamp::now() };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::System("no runtime could be started", error))?;
        let bar = Bar::new();
        let start = Instant::now();
        let summary = runtime
            .block_on(local::run(pipeline, &options, bar.clone()))
            .map_err(|error| Failure::Run(told(&error)))?;
        bar.0.finish_and_clear();
        if global.json {
            print(&pretty(&summary));
        }
        tell(&summary, start.elapsed(), if self.all { usize::MAX } else { ROWS }, global.json);
        if summary.is_good() { Ok(()) } else { Err(Ended(1).into()) }
    }
}

fn told(error: &Error) -> Error {
    Error { message: format!("{} ({})", tidy(&error.message), error.code), ..error.clone() }
}

/// A progress bar for anything over a second, where a person looks.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Arc<Self> {
        let target = if to_person() { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        // How many items there are is not always known before the sources are read.
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style("{spinner} {pos} items {elapsed}"));
        bar.enable_steady_tick(Duration::from_secs(1));
        Arc::new(Self(bar))
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("█▌ ")
}

impl Watch for Bar {
    fn expected(&self, items: usize) {
        self.0.set_length(items as u64);
        self.0.set_style(style("{wide_bar} {pos}/{len} items {elapsed}, another {eta}"));
    }

    fn done(&self, items: usize) {
        self.0.inc(items as u64);
    }
}

fn tell(summary: &Summary, took: Duration, most: usize, json: bool) {
    words(&format!(
        "run {} of {}, environment {}, on this machine",
        summary.run, summary.pipeline, summary.environment
    ));
    for notice in &summary.notices {
        let hint = notice.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        words(&format!("  {}: {} instead of {}{hint}", notice.stage, notice.is, notice.instead_of));
    }
    if !json && !summary.items.is_empty() {
        print(&table(summary, most));
    }
    if !json && summary.items.len() > most {
        words(&format!("  and {} more: `--all` prints them", summary.items.len() - most));
    }
    for failed in summary.failed.iter().take(most) {
        let item = failed.item.as_deref().map_or("a whole chunk".into(), one_line);
        let error = format!("{}failed{}", Style::ERROR, Style::END);
        words(&format!("{error}: {item} at {}: {} [{}]", failed.at, tidy(&failed.message), failed.code));
    }
    if summary.failed.len() > most {
        words(&format!("  and {} more that failed: `--all` prints them", summary.failed.len() - most));
    }
    let items = summary.failed.iter().filter(|failed| failed.item.is_some()).count();
    let chunks = summary.failed.len() - items;
    let lost = if chunks == 0 { String::new() } else { format!(", {} not written", plural(chunks, "chunk")) };
    // An item with a feed has a row for each of its entries.
    let total = match summary.items.iter().any(|row| row.entry.is_some()) {
        true => plural(summary.items.len(), "record"),
        false => plural(summary.items.len(), "item"),
    };
    words(&format!("{total}, {} good, {items} failed{lost}, in {took:.1?}", summary.succeeded));
    for (stage, records) in &summary.ended {
        let goes = if *records == 1 { "goes" } else { "go" };
        words(&format!(
            "  {stage}  {} {goes} no further",
            plural(usize::try_from(*records).unwrap_or(usize::MAX), "record")
        ));
    }
    if summary.items.is_empty() && summary.ended.is_empty() {
        words("the sources have no items: there was nothing to do");
    }
    if summary.failed.iter().any(|failed| failed.code == "unreachable") {
        words("without a network, name texts of your own: `[local] texts = \"texts.jsonl\"`");
    }
    for (sink, places) in &summary.results {
        words(&format!("  {sink}  {}", places_of(places.iter().map(String::as_str))));
    }
}

/// One place, or the first of several.
fn places_of<'a>(mut places: impl ExactSizeIterator<Item = &'a str>) -> String {
    let count = places.len();
    let mut told = places.next().unwrap_or_default().to_owned();
    if count > 1 {
        let files = if count == 2 { "file" } else { "files" };
        let _ = write!(told, " and {} more {files}", count - 1);
    }
    told
}

fn table(summary: &Summary, most: usize) -> String {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(["item", "label", "score", "engine", "text source"]);
    for row in summary.items.iter().take(most) {
        let label = row.label.map(|label| label.word().to_owned());
        table.add_row([
            one_line(&row.item),
            label.or_else(|| row.failed.clone()).unwrap_or_default(),
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

/// A name from outside, made fit for a terminal: nothing that moves the cursor, no endless line.
fn one_line(text: &str) -> String {
    let mut line = tidy(&text.chars().take(WIDE).collect::<String>());
    if text.chars().nth(WIDE).is_some() {
        line.push('…');
    }
    line
}

/// Characters of a name that are shown.
const WIDE: usize = 60;
