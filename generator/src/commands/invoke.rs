//! `fanggen invoke`: starts a run now and follows it to its end.

use std::time::Duration;

use clap::Args;
use fanggen_runtime::model::run::RunId;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use serde::Serialize;

use super::archive_sink::{ArchiveSink, archive_of};
use super::args::GlobalArgs;
use super::aws_session::EnvironmentAccount;
use super::block_on::block_on;
use super::error::{CommandError, CommandResult};
use super::output::{message, print, to_json};
use super::pipeline_file::LoadedPipeline;
use super::progress::ProgressLine;
use super::result_place::ResultPlace;
use super::runs::{detail, hint};
use super::shown_results::ShownResults;
use crate::config::mistake::Severity;
use crate::deploy::aws::account::CallerIdentity;
use crate::deploy::error::DeployError;
use crate::deploy::first_run::{StartedRun, start};
use crate::operate::runs::follow::{FollowEnd, RunWatch, follow};
use crate::operate::runs::overview::RunOverview;
use crate::results::filter::RecordFilter;

/// Start a run now, and follow it to its end
#[derive(Debug, Args)]
#[command(
    after_help = "The function gets the event that the schedule sends, with the current time as its scheduled time.
Invoking the same time again is the same run: it resumes if it was interrupted, and is not repeated if it is complete.
Ctrl-C stops waiting; the run continues.

Examples:
  fanggen invoke --env prod
  fanggen invoke --env prod --no-wait
  fanggen invoke --at 2026-11-29T09:00:00Z     resume an interrupted run"
)]
pub struct InvokeArgs {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// The scheduled time of the run [default: now]
    #[arg(long, value_name = "TIME", value_parser = scheduled_time)]
    at: Option<Timestamp>,
    /// Start the run without waiting for it to finish
    #[arg(long)]
    no_wait: bool,
    /// How many minutes to wait for the run to finish
    #[arg(long, value_name = "MINUTES", default_value_t = 15, conflicts_with = "no_wait")]
    timeout: u64,
}

/// A time, or the id of a run.
fn scheduled_time(text: &str) -> Result<Timestamp, String> {
    let run = RunId::try_from(text.to_owned()).ok().and_then(|run| run.time().ok());
    run.or_else(|| text.parse().ok())
        .ok_or_else(|| "expected a time such as 2026-11-29T09:00:00Z, or the id of a run".to_owned())
}

/// What `--json` prints.
#[derive(Serialize)]
struct InvokedRun<'a> {
    #[serde(flatten)]
    started: &'a StartedRun,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<&'a RunOverview>,
}

impl InvokeArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let environment = file.environment(self.env.as_deref())?.to_owned();
        block_on(self.invoke(&file, &environment, global))?
    }

    async fn invoke(self, file: &LoadedPipeline, environment: &str, global: &GlobalArgs) -> CommandResult {
        let account = EnvironmentAccount::open(file, environment, global).await?;
        let caller = account.caller().await?;
        let second = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Trunc);
        let time = self.at.unwrap_or_else(|| Timestamp::now().round(second).unwrap_or_else(|_| Timestamp::now()));
        let started = start(&account.manifest, &caller, &account.account, time.to_string()).await;
        let started = started.map_err(DeployError::from)?;
        message(&format!("run {} of {}, environment {environment}: started", started.run, account.manifest.pipeline));
        if self.no_wait {
            if global.json {
                print(&to_json(&InvokedRun { started: &started, end: None }));
            }
            message(&format!("`fanggen runs --env {environment} {}` shows its progress", started.run));
            return Ok(());
        }
        let table = account.state_table().await?;
        let bar = ProgressLine::spinner("waiting for the producer");
        let patience = Duration::from_secs(self.timeout.saturating_mul(60));
        let end = follow(&table, &started.run, patience, &account.interrupt, &bar).await;
        bar.finish();
        let (run, code) = match end.map_err(|error| account.explained(error, environment))? {
            FollowEnd::Complete(run) => (Some(run), None),
            FollowEnd::TimedOut(run) => {
                message(&format!(
                    "stopped waiting after {} min: run {} has not finished and continues",
                    self.timeout, started.run
                ));
                (run, Some(1))
            }
            FollowEnd::Stopped(run) => {
                message(&format!("stopped waiting: run {} continues", started.run));
                (run, Some(130))
            }
        };
        match (&run, global.json) {
            (run, true) => print(&to_json(&InvokedRun { started: &started, end: run.as_deref() })),
            (Some(run), false) => {
                if code.is_none() {
                    show_records(file, &account, &caller, environment, &started.run).await?;
                }
                print(&detail(run));
            }
            (None, false) => {}
        }
        if let Some(run) = &run {
            hint(run, environment, ResultPlace::Account);
        }
        match code {
            Some(code) => Err(CommandError::Exit(code)),
            None if run.is_some_and(|run| run.has_trouble()) => Err(CommandError::Exit(1)),
            None => Ok(()),
        }
    }
}

/// Prints what came of every item, where a sink of the account keeps whole records.
async fn show_records(
    file: &LoadedPipeline,
    account: &EnvironmentAccount,
    caller: &CallerIdentity,
    environment: &str,
    run: &RunId,
) -> CommandResult {
    let pipeline = file.pipeline(environment)?;
    let Some(sink) = ArchiveSink::all(pipeline).into_iter().find(ArchiveSink::is_in_account) else {
        return Ok(());
    };
    let archive = archive_of(account, caller, environment, &sink)?;
    let filter = RecordFilter { run: Some(run.clone()), ..RecordFilter::default() };
    let mut shown = ShownResults::begin(None, None, None)?;
    archive.read(&filter, &mut shown).await?;
    shown.end(&format!("{}, environment {environment}, in the account", account.manifest.pipeline), "")
}

impl RunWatch for ProgressLine {
    fn at(&self, run: Option<&RunOverview>) {
        let Some(run) = run else { return };
        match run.chunks {
            Some(chunks) => {
                self.expect("chunks", chunks);
                self.set(run.chunks_done);
            }
            None => self.set_message(&run.progress()),
        }
    }

    fn say(&self, text: &str) {
        self.say(text);
    }
}
