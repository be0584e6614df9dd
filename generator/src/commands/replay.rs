//! `fanggen replay`: analyses archived texts again, with today's engines and settings, and compares the results.

use std::hash::{BuildHasher as _, RandomState};

use clap::{ArgGroup, Args};
use fanggen_runtime::condition::Condition;
use fanggen_runtime::model::record::Record;
use fanggen_runtime::model::run::RunId;
use jiff::Timestamp;

use super::archive_sink::{ArchiveSink, OpenArchive, account_archive};
use super::args::GlobalArgs;
use super::block_on::block_on;
use super::error::{CommandError, CommandResult};
use super::output::ask;
#[cfg(feature = "aws")]
use super::output::{message, plural};
use super::pipeline_file::LoadedPipeline;
use super::progress::ProgressLine;
use super::record_args::{LabelName, condition, run_id};
use super::result_place::ResultPlace;
use super::shown_replay::{ShownReplay, announce, show_saved};
use crate::config::mistake::Severity;
use crate::config::pipeline::Pipeline;
use crate::local::{self, LocalReplay, PastRunState};
use crate::replay::comparison::ReplayComparison;
use crate::replay::error::ReplayError;
use crate::replay::local::LocalAnalysis;
use crate::replay::report::ReplayReport;
use crate::replay::saved::SavedRecords;
use crate::replay::selection::{ReplaySelection, skipped};
use crate::replay::workload::{Workload, survey};
use crate::results::archive::ResultArchive;
use crate::results::filter::RecordFilter;
use crate::results::since::since;

/// Changes that are printed; `--json` has all.
const ROWS: usize = 20;

/// Analyse archived texts again, and compare the results
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("runs").required(true)), after_help = "Nothing is fetched and nobody is notified: the archived \
texts go through the stages that analyse, and the new results replace the old ones in the sinks that store. The old results are saved \
in .fanggen/ first. In the account, the deployed functions analyse, with the settings of the last `fanggen apply`.

Examples:
  fanggen replay --since 30d --dry-run            what would today's engine say?
  fanggen replay --env prod --since 2026-11-01 --until 2026-11-15
  fanggen replay --env prod --since all --label NEUTRAL -i Apple --yes
  fanggen replay --run 20261129T090000Z --json | jq '.changes[] | select(.change == \"label\")'")]
pub struct ReplayArgs {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Where the results are [default: this machine if it has any, else the account]
    #[arg(long, value_name = "PLACE")]
    from: Option<ResultPlace>,
    /// The sink whose texts are analysed [default: the first with whole records; on this machine, the one with most]
    #[arg(short, long, value_name = "NAME")]
    sink: Option<String>,
    /// Runs since then: 7d, 12h, 30m, 2w, a date, a time, or `all`
    #[arg(long, value_name = "TIME", group = "runs")]
    since: Option<String>,
    /// Only runs before then, in the same forms
    #[arg(long, value_name = "TIME", conflicts_with = "run")]
    until: Option<String>,
    /// Only this run, whenever it was
    #[arg(long, value_name = "RUN", value_parser = run_id, group = "runs")]
    run: Option<RunId>,
    /// Only this item (can be repeated)
    #[arg(short, long = "item", value_name = "KEY")]
    items: Vec<String>,
    /// Only records whose stored label is this (can be repeated)
    #[arg(short, long = "label", value_name = "LABEL", ignore_case = true)]
    labels: Vec<LabelName>,
    /// Only records whose stored result meets a condition, as in a sink's `when`
    #[arg(long = "where", value_name = "CONDITION", value_parser = condition)]
    condition: Option<Condition>,
    /// Only records whose stored result is a failure
    #[arg(long)]
    failed: bool,
    /// Compare only, on this machine with the settings of the file, and replace nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Replace the results without asking, and accept the cost of paid engines
    #[arg(short, long)]
    yes: bool,
    /// Stop waiting when no chunk has finished in the account for this many minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 15)]
    timeout: u64,
}

/// A replay, as it was asked for.
struct Asked<'a> {
    args: &'a ReplayArgs,
    file: &'a LoadedPipeline,
    environment: &'a str,
    pipeline: &'a Pipeline,
    place: ResultPlace,
    sink: ArchiveSink<'a>,
    selection: ReplaySelection,
    global: &'a GlobalArgs,
}

impl ReplayArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let environment = file.environment(self.env.as_deref())?.to_owned();
        let pipeline = file.pipeline(&environment)?;
        let filter = self.filter()?;
        let sinks = || ArchiveSink::all(pipeline).into_iter().filter(|sink| sink.suffix().is_some());
        let asked =
            self.sink.as_deref().map(|name| ArchiveSink::named(name, sinks().collect(), pipeline, "whole records"));
        let asked = asked.transpose()?;
        let exists = |sink: &ArchiveSink<'_>| sink.exists_locally(&file, pipeline);
        let place = ResultPlace::or_default(
            self.from,
            asked.as_ref().map_or_else(|| sinks().any(|sink| exists(&sink)), exists),
        );
        let default = || match place {
            // The one with most chunks, and the first of several: a sink that was added later has only what came since.
            ResultPlace::Local => sinks().rev().max_by_key(|sink| sink.local_chunks(&file, pipeline)),
            ResultPlace::Account => sinks().find(ArchiveSink::is_in_account),
        };
        let nowhere =
            || ReplayError::NoArchive { place: if sinks().next().is_none() { "" } else { " in the account" } };
        let sink = asked.or_else(default).ok_or_else(nowhere)?;
        let id = format!("{}-{:08x}", RunId::at(Timestamp::now()), RandomState::new().hash_one(0) >> 32);
        let selection = ReplaySelection::new(id, filter, sink.suffix().unwrap_or_default(), pipeline);
        let asked =
            Asked { args: &self, file: &file, environment: &environment, pipeline, place, sink, selection, global };
        block_on(asked.replay())?
    }

    fn filter(&self) -> Result<RecordFilter, CommandError> {
        let now = Timestamp::now();
        let time = |text: &Option<String>| match text {
            Some(text) => since(text, now).map_err(CommandError::Results),
            None => Ok(None),
        };
        Ok(RecordFilter {
            items: self.items.clone(),
            since: time(&self.since)?,
            until: time(&self.until)?,
            run: self.run.clone(),
            labels: self.labels.iter().map(|label| label.label()).collect(),
            condition: self.condition.clone(),
            failed: self.failed,
        })
    }

    /// The options that say which records, as they are repeated in a summary.
    fn range(&self) -> String {
        let word = |text: &str| shell_words::quote(text).into_owned();
        let one = |name, text: Option<&str>| text.map(|text| format!("--{name} {}", word(text)));
        let run = self.run.as_ref().map(RunId::as_str);
        let mut parts: Vec<String> = [
            one("since", self.since.as_deref()),
            one("until", self.until.as_deref()),
            one("run", run),
            one("sink", self.sink.as_deref()),
        ]
        .into_iter()
        .flatten()
        .collect();
        parts.extend(self.items.iter().map(|item| format!("--item {}", word(item))));
        parts.extend(self.labels.iter().map(|label| format!("--label {}", label.label().as_str())));
        parts.extend(self.condition.as_ref().map(|condition| format!("--where {}", word(condition.as_str()))));
        parts.extend(self.failed.then(|| "--failed".to_owned()));
        parts.join(" ")
    }
}

impl Asked<'_> {
    async fn replay(self) -> CommandResult {
        let archive = match self.place {
            ResultPlace::Local => self.sink.on_this_machine(self.file, self.pipeline),
            ResultPlace::Account => {
                account_archive("replay", self.file, self.environment, &self.sink, self.global).await?
            }
        };
        let OpenArchive::Records(archive) = archive else { return Err(ReplayError::NoArchive { place: "" }.into()) };
        let locally = self.args.dry_run || self.place == ResultPlace::Local;
        if self.place == ResultPlace::Account
            && self.args.dry_run
            && let Some(paid) = self.paid_stages().next()
        {
            let (stage, engine) = (paid.name.clone(), paid.kind.card.name);
            return Err(ReplayError::PaidEngine { stage, engine }.into());
        }
        if self.place == ResultPlace::Local && !self.args.dry_run {
            self.check_runs()?;
        }
        let bar = ProgressLine::spinner("reading the archive");
        let work = survey(archive.as_ref(), &self.selection, &|record| self.cost(record)).await;
        bar.finish();
        let work = work.map_err(ReplayError::from)?;
        announce(&work, self.pipeline, self.place, self.args.dry_run);
        if work.texts > 0 {
            self.confirm(&work)?;
        }
        let bar = ProgressLine::bar("texts", work.texts);
        let progress = |texts| bar.add(texts);
        let results = local::results(&self.file.root, self.pipeline);
        let mut report = ReplayReport {
            comparison: ReplayComparison::new(if self.global.json { usize::MAX } else { ROWS }),
            saved: SavedRecords::new(&self.file.root, &results, Timestamp::now()),
            refused: work.refused.clone(),
            progress: &progress,
        };
        let end = if locally {
            self.on_this_machine(archive.as_ref(), &work, &mut report).await.map(|()| None)
        } else {
            self.in_account(archive.as_ref(), &work, &mut report, &bar).await
        };
        bar.finish();
        let shown = ShownReplay {
            pipeline: self.pipeline.head.name.as_str(),
            environment: self.environment,
            place: self.place,
            range: &self.args.range(),
            dry_run: self.args.dry_run,
            work: &work,
            json: self.global.json,
        };
        match end {
            Ok(stopped) => shown.show(report, stopped),
            Err(error) => {
                // What was replaced before is told even if the replay ends with an error.
                show_saved(report);
                Err(error)
            }
        }
    }

    /// The stages whose service costs money in the account.
    fn paid_stages(&self) -> impl Iterator<Item = &crate::config::pipeline::ComponentConfig> {
        let skipped = skipped(self.pipeline);
        let is_run = move |stage: &&crate::config::pipeline::ComponentConfig| !skipped.contains(&stage.name);
        self.pipeline.stages.iter().filter(is_run).filter(|stage| stage.kind.card.local_substitute.is_some())
    }

    /// The units that a record costs in the account.
    #[cfg(feature = "aws")]
    fn cost(&self, record: &Record) -> u64 {
        if self.place == ResultPlace::Local {
            return 0;
        }
        let units = record.text.as_ref().map_or(0, |text| super::paid_engine::units(&text.body));
        let questions: usize = self.paid_stages().map(|stage| stage.settings.answers().len()).sum();
        (units * questions) as u64
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_self, reason = "as in a build with AWS")]
    fn cost(&self, _: &Record) -> u64 {
        0
    }

    /// A run that goes on relies on the length of its files.
    fn check_runs(&self) -> CommandResult {
        let results = local::results(&self.file.root, self.pipeline);
        let (runs, _) = local::past_runs(&self.file.root, &results, None, None).map_err(ReplayError::Runs)?;
        let goes_on = |state| matches!(state, PastRunState::Running | PastRunState::Interrupted);
        match runs.iter().find(|run| goes_on(run.state)) {
            Some(run) => Err(ReplayError::Unfinished { run: run.run.to_string() }.into()),
            None => Ok(()),
        }
    }

    fn confirm(&self, work: &Workload) -> CommandResult {
        #[cfg(feature = "aws")]
        if let Some(stage) = self.paid_stages().next().filter(|_| work.cost > 0) {
            let units = usize::try_from(work.cost).unwrap_or(usize::MAX);
            message(&format!(
                "`{}` ({}) costs money: at most {}, {}; findings of the same texts and settings are not paid for again",
                stage.name,
                stage.kind.card.name,
                plural(units, "unit"),
                super::paid_engine::price(units)
            ));
        }
        if self.args.yes || self.args.dry_run {
            return Ok(());
        }
        let texts = super::shown_replay::count(work.texts, "text");
        match ask(&format!("Analyse {texts} again, and replace the results {}?", self.place.phrase())) {
            Some(true) => Ok(()),
            Some(false) => Err(ReplayError::Declined.into()),
            None => Err(ReplayError::NoTerminal.into()),
        }
    }

    async fn on_this_machine(
        &self,
        archive: &dyn ResultArchive,
        work: &Workload,
        report: &mut ReplayReport<'_>,
    ) -> CommandResult {
        let replaces = Some(self.sink.config.name.as_str()).filter(|_| !self.args.dry_run);
        let components = LocalReplay::open(self.pipeline, &self.file.root, &skipped(self.pipeline), replaces.is_some())
            .map_err(ReplayError::from)?;
        let analysis = LocalAnalysis { archive, selection: &self.selection, components: &components, replaces };
        Ok(analysis.run(&work.chunks, report).await?)
    }

    #[cfg(not(feature = "aws"))]
    async fn in_account(
        &self,
        _: &dyn ResultArchive,
        _: &Workload,
        _: &mut ReplayReport<'_>,
        _: &ProgressLine,
    ) -> Result<Option<super::shown_replay::Stopped>, CommandError> {
        Err(CommandError::NeedsAws("replay".to_owned()))
    }

    #[cfg(feature = "aws")]
    async fn in_account(
        &self,
        archive: &dyn ResultArchive,
        work: &Workload,
        report: &mut ReplayReport<'_>,
        bar: &ProgressLine,
    ) -> Result<Option<super::shown_replay::Stopped>, CommandError> {
        use super::aws_session::EnvironmentAccount;
        use super::shown_replay::Stopped;
        use crate::deploy::aws::call_error::CallError;
        use crate::deploy::aws::sqs::messages::MessagesClient;
        use crate::replay::account::{AccountReplay, ReplayEnd, queue_of};

        if work.chunks.is_empty() {
            return Ok(None);
        }
        let account = EnvironmentAccount::open(self.file, self.environment, self.global).await?;
        let queues = MessagesClient::open(&account.account);
        let name = queue_of(self.pipeline, &account.manifest);
        let url = queues.url(&name).await.map_err(CallError::by_operator).map_err(ReplayError::from)?;
        let environment = self.environment.to_owned();
        let queue = url.ok_or(ReplayError::NoQueue { queue: name, environment })?;
        let replay = AccountReplay {
            archive,
            selection: &self.selection,
            queues: &queues,
            queue: &queue,
            state: &account.state_table().await?,
            interrupt: &account.interrupt,
            patience: std::time::Duration::from_secs(self.args.timeout.saturating_mul(60)),
            say: &|text| bar.say(text),
        };
        Ok(match replay.run(&work.chunks, report).await? {
            ReplayEnd::Done => None,
            ReplayEnd::TimedOut(chunks) => Some(Stopped { chunks, minutes: Some(self.args.timeout) }),
            ReplayEnd::Stopped(chunks) => Some(Stopped { chunks, minutes: None }),
        })
    }
}
