//! `fanggen runs`: the past runs, newest first, from this machine or from the account.

use clap::Args;
use comfy_table::{CellAlignment, Table};
use fanggen_runtime::model::run::RunId;
use jiff::Timestamp;

use super::args::GlobalArgs;
use super::block_on::block_on;
use super::error::{CommandError, CommandResult};
use super::output::{Style, message, plural, print, to_json};
use super::pipeline_file::LoadedPipeline;
use super::result_place::ResultPlace;
use super::run::{STYLE, one_line};
use crate::config::mistake::{Severity, tidy};
use crate::local::{self, past_runs};
use crate::operate::runs::overview::{FailureReasons, RunOverview, RunState, duration};
use crate::results::since::{range, since};

/// Show past runs: their state, failures and dropped records
#[derive(Debug, Args)]
#[command(
    after_help = "Runs are read from this machine if `fanggen run` has made any for the environment, and otherwise from the \
account, which keeps them for 30 days.

Examples:
  fanggen runs --env prod
  fanggen runs --since all --failed
  fanggen runs 20261129T090000Z          one run in detail
  fanggen runs --json | jq '.[0].failures'"
)]
pub struct RunsArgs {
    /// Show only this run, in detail; `last` is the newest
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Where the runs took place [default: this machine if it has any, else the account]
    #[arg(long, value_name = "PLACE")]
    from: Option<ResultPlace>,
    /// Only runs since then: 7d, 12h, 30m, 2w, a date, a time, or `all`
    #[arg(long, value_name = "TIME", default_value = "7d")]
    since: String,
    /// At most this many runs
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
    /// Only runs with failures, and runs that failed, stalled, or were interrupted or abandoned
    #[arg(long)]
    failed: bool,
}

/// Which runs are asked for.
struct RunQuery {
    since: Option<RunId>,
    only: Option<RunId>,
    limit: Option<usize>,
}

impl RunsArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let environment = file.environment(self.env.as_deref())?.to_owned();
        let pipeline = file.pipeline(&environment)?;
        let results = local::results(&file.root, pipeline);
        let place = ResultPlace::or_default(self.from, results.join("runs").is_dir());
        let query = self.query()?;
        let (mut runs, unreadable) = match place {
            ResultPlace::Local => local_runs(&file, &results, &query)?,
            ResultPlace::Account => {
                (block_on(account_runs(&file, &environment, &query, global))??, /* unreadable */ 0)
            }
        };
        runs.retain(|run| !self.failed || run.has_trouble());
        runs.truncate(if self.run.is_some() { 1 } else { self.limit });
        let of = format!("{}, environment {environment}, {}", pipeline.head.name.as_str(), place.phrase());
        match &self.run {
            Some(asked) => {
                let run = runs.pop().ok_or_else(|| CommandError::Results(format!("no run `{asked}` of {of}")))?;
                if global.json {
                    print(&to_json(&run))
                } else {
                    print(&detail(&run))
                }
                hint(&run, &environment, place);
            }
            None if global.json => print(&to_json(&runs)),
            None => {
                if !runs.is_empty() {
                    print(&table(&runs));
                }
                message(&self.summary(&runs, &of));
                if let Some(run) = runs.iter().find(|run| run.state.is_trouble()) {
                    hint(run, &environment, place);
                }
            }
        }
        if unreadable > 0 { Err(CommandError::Exit(1)) } else { Ok(()) }
    }

    fn query(&self) -> Result<RunQuery, CommandError> {
        let limit = (!self.failed).then_some(self.limit);
        match self.run.as_deref() {
            Some("last") => Ok(RunQuery { since: None, only: None, limit: Some(1) }),
            Some(run) => {
                let run = RunId::try_from(run.to_owned())
                    .map_err(|_| format!("`{run}` is not a run: expected an id such as 20261122T090000Z, or `last`"));
                Ok(RunQuery { since: None, only: Some(run.map_err(CommandError::Results)?), limit: None })
            }
            None => {
                let from = since(&self.since, Timestamp::now()).map_err(CommandError::Results)?;
                Ok(RunQuery { since: from.map(RunId::at), only: None, limit })
            }
        }
    }

    fn summary(&self, runs: &[RunOverview], of: &str) -> String {
        let since = range(&self.since);
        let kind = if self.failed { " with problems" } else { "" };
        if runs.is_empty() {
            return format!("no runs{kind} of {of}{since}");
        }
        let troubled = runs.iter().filter(|run| run.has_trouble()).count();
        let all = plural(runs.len(), "run");
        match troubled {
            _ if self.failed => format!("{of}{since}: {all}{kind}"),
            0 => format!("{of}{since}: {all}, none with problems"),
            some => format!("{of}{since}: {all}, {some} with problems"),
        }
    }
}

/// The runs of this machine, and how many cannot be read.
fn local_runs(
    file: &LoadedPipeline,
    results: &std::path::Path,
    query: &RunQuery,
) -> Result<(Vec<RunOverview>, usize), CommandError> {
    let (runs, unreadable) = past_runs(&file.root, results, query.since.as_ref(), query.only.as_ref())
        .map_err(|error| CommandError::Results(format!("cannot read `{}`: {error}", results.display())))?;
    for run in &unreadable {
        let (path, reason) = (tidy(&run.path), tidy(&run.reason));
        message(&format!("{}error{}: cannot read `{path}`: {reason}", Style::ERROR, Style::END));
    }
    let runs = runs.into_iter().take(query.limit.unwrap_or(usize::MAX));
    Ok((runs.map(RunOverview::from).collect(), unreadable.len()))
}

#[cfg(feature = "aws")]
async fn account_runs(
    file: &LoadedPipeline,
    environment: &str,
    query: &RunQuery,
    global: &GlobalArgs,
) -> Result<Vec<RunOverview>, CommandError> {
    use super::aws_session::EnvironmentAccount;
    use crate::operate::runs::account::overview;

    let account = EnvironmentAccount::open(file, environment, global).await?;
    let table = account.state_table().await?;
    let found = match &query.only {
        Some(run) => table.find(run).await.map(|run| run.into_iter().collect()),
        None => table.newest(query.since.as_ref(), query.limit).await,
    };
    let found = found.map_err(|error| account.explained(error, environment))?;
    let now = Timestamp::now();
    Ok(found.into_iter().map(|stored| overview(stored, now)).collect())
}

#[cfg(not(feature = "aws"))]
async fn account_runs(
    _: &LoadedPipeline,
    _: &str,
    _: &RunQuery,
    _: &GlobalArgs,
) -> Result<Vec<RunOverview>, CommandError> {
    Err(CommandError::NeedsAws("runs".to_owned()))
}

fn table(runs: &[RunOverview]) -> String {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(["run", "state", "ok", "failed", "dropped", "took", "most frequent failure"]);
    for run in runs {
        let count = |count: u64| if count == 0 { "-".to_owned() } else { count.to_string() };
        table.add_row([
            run.run.to_string(),
            run.progress(),
            run.succeeded.to_string(),
            count(run.failed),
            count(run.dropped()),
            run.took_s().map(duration).unwrap_or_default(),
            run.failures
                .first()
                .map(|first| FailureReasons(std::slice::from_ref(first)).to_string())
                .unwrap_or_default(),
        ]);
    }
    for column in 2..6 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A run with everything that is known of it.
pub(super) fn detail(run: &RunOverview) -> String {
    let mut lines = vec![format!("run {}: {}", run.run, run.progress())];
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<10} {value}"));
    if let Ok(time) = run.run.time() {
        line("scheduled", time.to_string());
    }
    if let Some(last) = run.last_activity {
        let took = run.took_s().map(|seconds| format!(", after {}", duration(seconds))).unwrap_or_default();
        line("last write", format!("{last:.0}{took}"));
    }
    if let Some(items) = run.items {
        line("items", items.to_string());
    }
    line("records", format!("{} ok, {} failed", run.succeeded, run.failed));
    if let Some(reused) = run.reused.filter(|reused| *reused > 0) {
        line("reused", format!("{reused} findings from the cache"));
    }
    let labels: Vec<String> = run.labels.iter().map(|(label, count)| format!("{count} {}", label.as_str())).collect();
    if !labels.is_empty() {
        line("labels", labels.join(", "));
    }
    for (stage, count) in &run.dropped {
        line("dropped", format!("{count} at {stage}"));
    }
    if let Some(error) = &run.error {
        line("error", tidy(error));
    }
    for failure in &run.failures {
        line("failed", FailureReasons(std::slice::from_ref(failure)).to_string());
        match (&failure.message, &failure.item) {
            (Some(message), item) => {
                let item = item.as_deref().map(|item| format!("{}: ", one_line(item))).unwrap_or_default();
                line("", format!("{item}{}", tidy(message)));
            }
            (None, _) => line("", format!("{} {}", failure.code.meaning(), failure.code.advice())),
        }
    }
    lines.join("\n")
}

/// What to type about a run that is not as it should be.
pub(super) fn hint(run: &RunOverview, environment: &str, place: ResultPlace) {
    let scheduled = run.run.time().map(|time| time.to_string()).unwrap_or_default();
    let text = match (run.state, place) {
        (RunState::Interrupted, ResultPlace::Local) => {
            format!("run {} was interrupted: `fanggen run --env {environment}` resumes it", run.run)
        }
        (RunState::Interrupted, ResultPlace::Account) => format!(
            "the producer of run {} stopped before it had sent all chunks: `fanggen invoke --env {environment} --at \
             {scheduled}` resumes it",
            run.run
        ),
        (RunState::Stalled, _) => format!(
            "run {} has not finished a chunk for an hour: `fanggen dlq ls --env {environment}` shows the messages that \
             failed",
            run.run
        ),
        _ if run.failed > 0 && place == ResultPlace::Account => {
            format!("`fanggen results --env {environment} --run {} --failed` shows the failed records", run.run)
        }
        _ => return,
    };
    message(&text);
}
