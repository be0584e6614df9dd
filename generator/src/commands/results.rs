//! `fanggen results`: the records of past runs, newest first, from this machine or from the account.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fanggen_runtime::condition::Condition;
use fanggen_runtime::model::run::RunId;
use jiff::Timestamp;

use super::archive_sink::{ArchiveSink, account_archive};
use super::args::GlobalArgs;
use super::block_on::block_on;
use super::error::{CommandError, CommandResult};
use super::pipeline_file::LoadedPipeline;
use super::record_args::{LabelName, condition, run_id};
use super::result_place::ResultPlace;
use super::shown_results::ShownResults;
use crate::config::mistake::Severity;
use crate::config::pipeline::Pipeline;
use crate::results::filter::RecordFilter;
use crate::results::since::{range, since};
use crate::results::writer::{RecordFormat, TextFormat};

/// Show the results of past runs, newest first
#[derive(Debug, Args)]
#[command(
    after_help = "Results are read from this machine if `fanggen run` has written any for the environment, and from the \
account otherwise. Counts by label and the reasons of failures go to stderr.

Examples:
  fanggen results --env prod --since 24h
  fanggen results -i Apple --label NEGATIVE --since all
  fanggen results --where 'polarity < -0.8' --format csv -o worst.csv
  fanggen results --since all -o results.parquet
  fanggen results --failed --json | jq -r '.[].failure.message'"
)]
pub struct ResultsArgs {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Where the results are [default: this machine if it has any, else the account]
    #[arg(long, value_name = "PLACE")]
    from: Option<ResultPlace>,
    /// The sink that keeps them [default: the first with whole records, else a table]
    #[arg(short, long, value_name = "NAME")]
    sink: Option<String>,
    /// Only this item (can be repeated)
    #[arg(short, long = "item", value_name = "KEY")]
    items: Vec<String>,
    /// Only runs since then: 7d, 12h, 30m, 2w, a date, a time, or `all`
    #[arg(long, value_name = "TIME", default_value = "7d")]
    since: String,
    /// Only this run, whenever it was
    #[arg(long, value_name = "RUN", value_parser = run_id, conflicts_with = "since")]
    run: Option<RunId>,
    /// Only this label (can be repeated)
    #[arg(short, long = "label", value_name = "LABEL", ignore_case = true)]
    labels: Vec<LabelName>,
    /// Only records that meet a condition, as in a sink's `when`
    #[arg(long = "where", value_name = "CONDITION", value_parser = condition)]
    condition: Option<Condition>,
    /// Only records with a failure
    #[arg(long)]
    failed: bool,
    /// At most this many records [default: 50 in a table, else all]
    #[arg(short = 'n', long, value_name = "COUNT")]
    limit: Option<u64>,
    /// The format [default: by the suffix of --output, else table]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Write to this file instead of stdout
    #[arg(short, long, value_name = "RESULT_FILE")]
    output: Option<PathBuf>,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns for people
    Table,
    /// One array of records
    Json,
    /// One record per line
    Jsonl,
    /// One row per finding, for spreadsheets
    Csv,
    /// One row per finding in typed columns, for databases and data frames
    Parquet,
}

impl ResultsArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let environment = file.environment(self.env.as_deref())?.to_owned();
        let pipeline = file.pipeline(&environment)?;
        let sink = self.chosen_sink(pipeline)?;
        let from = match self.run {
            Some(_) => None,
            None => since(&self.since, Timestamp::now()).map_err(CommandError::Results)?,
        };
        let range = self.run.as_ref().map_or_else(|| range(&self.since), |run| format!(" (--run {run})"));
        let format = self.format(global)?;
        let filter = RecordFilter {
            items: self.items.clone(),
            since: from,
            until: None,
            run: self.run.clone(),
            labels: self.labels.iter().map(|label| label.label()).collect(),
            condition: self.condition.clone(),
            failed: self.failed,
        };
        let place = ResultPlace::or_default(self.from, sink.exists_locally(&file, pipeline));
        let mut shown =
            ShownResults::begin(format.records(self.output.is_some())?, self.limit, self.output.as_deref())?;
        let read = async {
            let archive = match place {
                ResultPlace::Local => sink.on_this_machine(&file, pipeline),
                ResultPlace::Account => account_archive("results", &file, &environment, &sink, global).await?,
            };
            Ok::<(), CommandError>(archive.read(&filter, &mut shown).await?)
        };
        block_on(read)??;
        shown.end(&format!("{}, environment {environment}, {}", pipeline.head.name.as_str(), place.phrase()), &range)
    }

    fn format(&self, global: &GlobalArgs) -> Result<Format, CommandError> {
        let suffix = self.output.as_ref().and_then(|path| path.extension()).and_then(|suffix| suffix.to_str());
        match (self.format, global.json, suffix) {
            (Some(format), ..) => Ok(format),
            (None, true, _) | (None, _, Some("json")) => Ok(Format::Json),
            (None, _, Some("jsonl")) => Ok(Format::Jsonl),
            (None, _, Some("csv")) => Ok(Format::Csv),
            (None, _, Some("parquet")) => Ok(Format::Parquet),
            (None, _, None) => Ok(Format::Table),
            (None, _, Some(other)) => Err(CommandError::Results(format!(
                "no format has the suffix `.{other}`: add --format json, jsonl, csv or parquet"
            ))),
        }
    }

    /// The sink whose results are read.
    fn chosen_sink<'a>(&self, pipeline: &'a Pipeline) -> Result<ArchiveSink<'a>, CommandError> {
        let readable = ArchiveSink::all(pipeline);
        if let Some(name) = &self.sink {
            return ArchiveSink::named(name, readable, pipeline, "results that can be read");
        }
        readable.into_iter().next().ok_or_else(|| {
            let problem = "no sink of this pipeline keeps results that can be read: add one of type `s3` with `format = \"jsonl\"`";
            CommandError::Results(problem.to_owned())
        })
    }
}

impl Format {
    /// The format of records; none for a table.
    fn records(self, is_to_file: bool) -> Result<Option<RecordFormat>, CommandError> {
        Ok(Some(match self {
            Self::Table => return Ok(None),
            Self::Json => RecordFormat::Text(TextFormat::Json),
            Self::Jsonl => RecordFormat::Text(TextFormat::Jsonl),
            Self::Csv => RecordFormat::Text(TextFormat::Csv),
            Self::Parquet if !is_to_file && std::io::stdout().is_terminal() => {
                let problem = "Parquet is a binary format, and stdout is a terminal: nothing was read\n  add `-o FILE`, or \
                               redirect the output";
                return Err(CommandError::Results(problem.to_owned()));
            }
            #[cfg(feature = "parquet")]
            Self::Parquet => RecordFormat::Parquet,
            #[cfg(not(feature = "parquet"))]
            Self::Parquet => {
                let problem = "this build cannot write Parquet\n  install fanggen with its default features: `cargo install \
                               --path generator`, or use --format jsonl or csv";
                return Err(CommandError::Results(problem.to_owned()));
            }
        }))
    }
}
