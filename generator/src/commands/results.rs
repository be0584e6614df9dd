//! `fanggen results`: the records of past runs, newest first, from this machine or from the account.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fanggen_runtime::component::{CatalogFormat, Store};
use fanggen_runtime::condition::Condition;
use fanggen_runtime::model::record::Label;
use fanggen_runtime::model::tree::quoted_list;
use jiff::Timestamp;

use super::args::GlobalArgs;
use super::block_on::block_on;
use super::error::{CommandError, CommandResult};
use super::pipeline_file::LoadedPipeline;
use super::shown_results::ShownResults;
use crate::config::mistake::Severity;
use crate::config::pipeline::{ComponentConfig, Pipeline};
use crate::local;
use crate::results::archive::{ResultArchive, read_records};
use crate::results::filter::RecordFilter;
use crate::results::local_archive::LocalArchive;
use crate::results::since::since;
use crate::results::writer::RecordFormat;

/// Show the results of past runs, newest first
#[derive(Debug, Args)]
#[command(
    after_help = "Results are read from this machine if `fanggen run` has written any for the environment, and from the \
account otherwise. Counts by label and the reasons of failures go to stderr.

Examples:
  fanggen results --env prod --since 24h
  fanggen results -i Apple --label NEGATIVE --since all
  fanggen results --where 'polarity < -0.8' --format csv -o worst.csv
  fanggen results --failed --json | jq -r '.[].failure.message'"
)]
pub struct ResultsArgs {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Where the results are [default: this machine if it has any, else the account]
    #[arg(long, value_name = "PLACE")]
    from: Option<ResultPlace>,
    /// The sink that keeps them [default: the first with whole records]
    #[arg(short, long, value_name = "NAME")]
    sink: Option<String>,
    /// Only this item (can be repeated)
    #[arg(short, long = "item", value_name = "KEY")]
    items: Vec<String>,
    /// Only runs since then: 7d, 12h, 30m, 2w, a date, a time, or `all`
    #[arg(long, value_name = "TIME", default_value = "7d")]
    since: String,
    /// Only this label (can be repeated)
    #[arg(short, long = "label", value_name = "LABEL", ignore_case = true)]
    labels: Vec<LabelName>,
    /// Only records that meet a condition, as the `when` of a sink
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

/// Where results are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ResultPlace {
    /// In `.fanggen` beside the pipeline's file
    Local,
    /// In the deployed environment
    Account,
}

/// A label, as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LabelName {
    Positive,
    Negative,
    Neutral,
    Mixed,
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
}

fn condition(text: &str) -> Result<Condition, String> {
    let condition = Condition::parse(text).map_err(|error| error.to_string())?;
    if condition.needs_history() {
        return Err("`changed` and `previous` compare with the result before, which only sinks know".to_owned());
    }
    Ok(condition)
}

impl ResultsArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let environment = file.environment(self.env.as_deref())?.to_owned();
        let pipeline = file.pipeline(&environment)?;
        let sink = self.chosen_sink(pipeline)?;
        let from = since(&self.since, Timestamp::now()).map_err(CommandError::Results)?;
        let format = self.format(global)?;
        let filter = RecordFilter {
            items: self.items.clone(),
            since: from,
            labels: self.labels.iter().map(|label| label.label()).collect(),
            condition: self.condition.clone(),
            failed: self.failed,
        };
        let local =
            LocalArchive { folder: local::results(&file.root, pipeline).join(&sink.config.name).join(&sink.prefix) };
        let place = self.from.unwrap_or(if local.exists() { ResultPlace::Local } else { ResultPlace::Account });
        let mut shown = ShownResults::begin(format.records(), self.limit, self.output.as_deref())?;
        let read = async {
            match place {
                ResultPlace::Local => Ok(read_records(&local, &filter, &mut shown).await?),
                ResultPlace::Account => {
                    let archive = account_archive(&file, &environment, &sink, global).await?;
                    Ok::<(), CommandError>(read_records(&*archive, &filter, &mut shown).await?)
                }
            }
        };
        block_on(read)??;
        let place = match place {
            ResultPlace::Local => "on this machine",
            ResultPlace::Account => "in the account",
        };
        shown.end(&format!("{}, environment {environment}, {place}", pipeline.head.name.as_str()), &self.since)
    }

    fn format(&self, global: &GlobalArgs) -> Result<Format, CommandError> {
        let suffix = self.output.as_ref().and_then(|path| path.extension()).and_then(|suffix| suffix.to_str());
        match (self.format, global.json, suffix) {
            (Some(format), ..) => Ok(format),
            (None, true, _) | (None, _, Some("json")) => Ok(Format::Json),
            (None, _, Some("jsonl")) => Ok(Format::Jsonl),
            (None, _, Some("csv")) => Ok(Format::Csv),
            (None, _, None) => Ok(Format::Table),
            (None, _, Some(other)) => Err(CommandError::Results(format!(
                "no format has the suffix `.{other}`: add --format json, jsonl or csv"
            ))),
        }
    }

    /// The sink whose results are read, and where they are below it.
    fn chosen_sink<'a>(&self, pipeline: &'a Pipeline) -> Result<ArchiveSink<'a>, CommandError> {
        let readable: Vec<ArchiveSink<'_>> = pipeline.sinks.iter().filter_map(ArchiveSink::of).collect();
        let names: Vec<&str> = readable.iter().map(|sink| sink.config.name.as_str()).collect();
        let known = match names.is_empty() {
            true => "no sink of this pipeline keeps whole records: add one of type `s3` with `format = \"jsonl\"`"
                .to_owned(),
            false => format!("these keep whole records: {}", quoted_list(&names)),
        };
        let Some(asked) = &self.sink else {
            return readable.into_iter().next().ok_or(CommandError::Results(known));
        };
        readable.into_iter().find(|sink| sink.config.name == *asked).ok_or_else(|| {
            let exists = pipeline.sinks.iter().any(|sink| sink.name == *asked);
            let problem = if exists { "does not keep whole records" } else { "is not a sink of this pipeline" };
            CommandError::Results(format!("`{asked}` {problem}; {known}"))
        })
    }
}

impl Format {
    /// The format of records; none for a table.
    const fn records(self) -> Option<RecordFormat> {
        match self {
            Self::Table => None,
            Self::Json => Some(RecordFormat::Json),
            Self::Jsonl => Some(RecordFormat::Jsonl),
            Self::Csv => Some(RecordFormat::Csv),
        }
    }
}

impl LabelName {
    const fn label(self) -> Label {
        match self {
            Self::Positive => Label::Positive,
            Self::Negative => Label::Negative,
            Self::Neutral => Label::Neutral,
            Self::Mixed => Label::Mixed,
        }
    }
}

/// A sink that keeps whole records.
struct ArchiveSink<'a> {
    config: &'a ComponentConfig,
    /// The first part of its keys; empty if it writes its files side by side.
    prefix: String,
    /// Whether the account has it too.
    in_account: bool,
}

impl<'a> ArchiveSink<'a> {
    fn of(config: &'a ComponentConfig) -> Option<Self> {
        match config.settings.store(&config.name) {
            Some(Store::Bucket { catalog: Some(catalog), .. }) if catalog.format == CatalogFormat::JsonLines => {
                Some(Self { config, prefix: catalog.prefix, in_account: true })
            }
            None if config.kind.card.keeps_records => Some(Self { config, prefix: String::new(), in_account: false }),
            _ => None,
        }
    }
}

#[cfg(feature = "aws")]
async fn account_archive(
    file: &LoadedPipeline,
    environment: &str,
    sink: &ArchiveSink<'_>,
    global: &GlobalArgs,
) -> Result<Box<dyn ResultArchive>, CommandError> {
    use super::aws_session::EnvironmentAccount;
    use crate::deploy::aws::s3::result_objects::ResultObjectsClient;
    use crate::resources;
    use crate::results::s3_archive::S3Archive;

    let name = &sink.config.name;
    if !sink.in_account {
        return Err(CommandError::Results(format!("`{name}` keeps its records on this machine only, which has none")));
    }
    let account = EnvironmentAccount::open(file, environment, global).await?;
    let caller = account.caller().await?;
    let bucket = account.resource(resources::s3::BUCKET.name, &sink.config.path)?;
    let bucket = account.manifest.physical(bucket, &caller);
    let bucket = bucket.ok_or_else(|| CommandError::Results(format!("the bucket of `{name}` has no name")))?;
    let client = ResultObjectsClient::open(&account.account, &caller.account);
    Ok(Box::new(S3Archive { client, bucket, prefix: sink.prefix.clone(), environment: environment.to_owned() }))
}

#[cfg(not(feature = "aws"))]
async fn account_archive(
    _: &LoadedPipeline,
    _: &str,
    sink: &ArchiveSink<'_>,
    _: &GlobalArgs,
) -> Result<Box<dyn ResultArchive>, CommandError> {
    let _ = sink.in_account;
    Err(CommandError::NeedsAws("results".to_owned()))
}
