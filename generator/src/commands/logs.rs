//! `fanggen logs`: the logs of all functions in chronological order, past or followed.

use std::path::PathBuf;

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::args::GlobalArgs;
use super::aws_session::EnvironmentAccount;
use super::block_on::block_on;
use super::error::CommandResult;
use super::output::{Style, message};
use super::pipeline_file::LoadedPipeline;
use super::shown_logs::{LogFormatArg, LogWriter};
use crate::config::mistake::Severity;
use crate::deploy::aws::logs::events::{EventQuery, LogEventsClient};
use crate::not_deployed::NotDeployed;
use crate::operate::logs::history::{History, newest};
use crate::operate::logs::line::LogLine;
use crate::operate::logs::selection::LineSelection;
use crate::operate::logs::tail::{LogTail, POLL};
use crate::operate::logs::{FunctionEvent, FunctionLog, LogsError};
use crate::results::since::since;

/// How long before its scheduled time a run may begin, by clocks that differ.
const BEFORE_RUN: SignedDuration = SignedDuration::from_mins(5);

/// What is read unless `--since` or `--run` says otherwise.
const LAST_HOUR: &str = "1h";

/// Show the logs of the functions, in chronological order
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen logs --env prod                          all functions, the last hour
  fanggen logs -f                                  follow; Ctrl-C stops
  fanggen logs --errors --since 7d                 failures, timeouts and exhausted memory only
  fanggen logs --run 20261122T090000Z --function worker
  fanggen logs --json | jq -r 'select(.level == \"ERROR\").message'

Each line has its time (UTC), function, level and message. `--raw` prints lines as they were logged, and `--json` \
one object per line with what was understood of it. Here -f means --follow: name another pipeline's file with --file.")]
pub struct LogsArgs {
    /// Follow: print new lines as they arrive
    #[arg(short = 'f', long)]
    follow: bool,
    /// Only this function: producer, worker, or worker-STAGE (can be repeated)
    #[arg(long = "function", value_name = "FUNCTION")]
    functions: Vec<String>,
    /// Only lines since then: 1h, 30m, 7d, a date, a time, or `all` [default: 1h, or the start of --run]
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only lines until then
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    until: Option<String>,
    /// Only failures: errors of the functions, timeouts, exhausted memory, processes that ended
    #[arg(long)]
    errors: bool,
    /// Only this run, by its id or scheduled time
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Only this chunk of a run
    #[arg(long, value_name = "ID")]
    chunk: Option<String>,
    /// Only the newest lines, at most this many
    #[arg(short = 'n', long, value_name = "COUNT", visible_alias = "tail")]
    limit: Option<usize>,
    /// Print lines as they were logged
    #[arg(long, conflicts_with = "json")]
    raw: bool,
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// The pipeline's file [default: pipeline.toml]
    // In place of the option that all commands share, whose short form is taken here.
    #[arg(long = "file", value_name = "FILE")]
    file: Option<PathBuf>,
    /// What is left, which is a file for whoever takes -f for it.
    #[arg(hide = true)]
    rest: Option<String>,
}

impl LogsArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        if let Some(rest) = &self.rest {
            return Err(LogsError::SwappedFile(rest.clone()).into());
        }
        let selection = LineSelection::new(self.errors, self.run.as_deref(), self.chunk.as_deref())?;
        let query = self.query(&selection, Timestamp::now())?;
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let environment = file.environment(self.env.as_deref())?.to_owned();
        block_on(async {
            let account = EnvironmentAccount::open_to_read(&file, &environment, global).await?;
            let logs = FunctionLog::chosen(FunctionLog::all(&account.manifest), &self.functions)?;
            if account.manifest.account.is_some() {
                account.caller().await?;
            }
            let reading = LogReading {
                client: LogEventsClient::open(&account.account),
                logs,
                selection,
                query,
                environment,
                since: self.since_text(),
            };
            let format = match (self.raw, global.json) {
                (true, _) => LogFormatArg::Raw,
                (_, true) => LogFormatArg::Json,
                _ => LogFormatArg::Lines,
            };
            reading.show(LogWriter::new(format, &reading.logs), self.limit, self.follow).await
        })?
    }

    fn since_text(&self) -> String {
        let of_run = || self.run.as_ref().map(|run| format!("run {run}"));
        self.since.clone().or_else(of_run).unwrap_or_else(|| LAST_HOUR.to_owned())
    }

    fn query(&self, selection: &LineSelection, now: Timestamp) -> Result<EventQuery, LogsError> {
        let time = |text: &str| since(text, now).map_err(LogsError::Time);
        let start = match (&self.since, &selection.run) {
            (Some(text), _) => time(text)?,
            // A run may be long past.
            (None, Some(run)) => run.time().ok().and_then(|time| time.checked_sub(BEFORE_RUN).ok()),
            (None, None) => time(LAST_HOUR)?,
        };
        let end = self.until.as_deref().map(time).transpose()?.flatten();
        if let (Some(since), Some(until)) = (start, end)
            && until < since
        {
            return Err(LogsError::Backwards { since: format!("{since:.0}"), until: format!("{until:.0}") });
        }
        Ok(EventQuery { since: start, until: end, pattern: selection.pattern(), newest: None })
    }
}

/// What is read, and from where.
struct LogReading {
    client: LogEventsClient,
    logs: Vec<FunctionLog>,
    selection: LineSelection,
    query: EventQuery,
    environment: String,
    since: String,
}

impl LogReading {
    async fn show(&self, mut writer: LogWriter, limit: Option<usize>, follow: bool) -> CommandResult {
        if self.selection.hides_lambda() {
            message(
                "Lambda's own lines, such as timeouts, name no run and are not shown: leave out `--run` and `--chunk` to see them",
            );
        }
        // What was seen is remembered only for whoever follows.
        let mut tail = follow.then(|| LogTail::new(&self.client, &self.logs, self.query.clone()));
        let (shown, missing) = match limit {
            Some(count) => self.newest(&mut writer, tail.as_mut(), count).await?,
            None => self.history(&mut writer, tail.as_mut()).await?,
        };
        self.report_missing(&missing)?;
        if writer.is_closed() {
            return Ok(());
        }
        if shown == 0 && limit != Some(0) {
            let what = if self.selection == LineSelection::default() { "lines" } else { "such lines" };
            let since = if self.since == "all" { String::new() } else { format!(" since {}", self.since) };
            let more = if follow { "; waiting for new ones, Ctrl-C stops" } else { "" };
            message(&format!("no {what}{since} in environment `{}`{more}", self.environment));
        }
        match tail {
            Some(tail) => self.follow(writer, tail).await,
            None => Ok(()),
        }
    }

    /// Prints everything, page by page; gives the number of lines, and the groups that do not exist.
    async fn history(
        &self,
        writer: &mut LogWriter,
        mut tail: Option<&mut LogTail<'_>>,
    ) -> Result<(usize, Vec<&FunctionLog>), LogsError> {
        let mut history = History::new(&self.client, &self.logs, self.query.clone());
        let mut shown = 0;
        while let Some(event) = history.next().await.map_err(|error| LogsError::Call(error.by_operator()))? {
            if let Some(tail) = &mut tail {
                tail.note(&event);
            }
            shown += usize::from(self.print(writer, &event));
            if writer.is_closed() {
                break;
            }
        }
        writer.flush();
        Ok((shown, history.missing()))
    }

    /// Prints the newest lines.
    async fn newest(
        &self,
        writer: &mut LogWriter,
        mut tail: Option<&mut LogTail<'_>>,
        count: usize,
    ) -> Result<(usize, Vec<&FunctionLog>), LogsError> {
        if count == 0 {
            if let Some(tail) = tail {
                tail.start_at(Timestamp::now());
            }
            return Ok((0, Vec::new()));
        }
        let found = newest(&self.client, &self.logs, &self.query, &self.selection, count).await;
        let (events, missing) = found.map_err(|error| LogsError::Call(error.by_operator()))?;
        for event in &events {
            self.print(writer, event);
            if let Some(tail) = &mut tail {
                tail.note(event);
            }
        }
        if let (Some(tail), Some(first)) = (tail, events.first())
            && events.len() == count
        {
            // What is older was not asked for.
            tail.start_at(first.event.time);
        }
        writer.flush();
        Ok((events.len(), missing))
    }

    /// Prints what arrives, until the process is stopped or nobody reads it any more.
    async fn follow(&self, mut writer: LogWriter, mut tail: LogTail<'_>) -> CommandResult {
        let mut failing = false;
        loop {
            match tail.poll().await {
                Ok(events) => {
                    failing = false;
                    for event in &events {
                        self.print(&mut writer, event);
                    }
                    writer.flush();
                }
                // Following goes on when the network is back, and misses nothing.
                Err(error) if error.is_passing() => {
                    if !failing {
                        message(&format!("{}warning{}: {error}\n  trying again", Style::WARNING, Style::END));
                    }
                    failing = true;
                }
                Err(error) => return Err(LogsError::Call(error.by_operator()).into()),
            }
            if writer.is_closed() {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Prints an event if it is wanted: what CloudWatch Logs filters is checked once more.
    fn print(&self, writer: &mut LogWriter, event: &FunctionEvent) -> bool {
        let line = LogLine::parse(&event.event.message);
        let fits = self.selection.fits(&line);
        if fits {
            writer.write(&self.logs[event.log].function, &event.event, &line);
        }
        fits
    }

    fn report_missing(&self, missing: &[&FunctionLog]) -> Result<(), LogsError> {
        if let Some(first) = missing.first().filter(|_| missing.len() == self.logs.len()) {
            return Err(NotDeployed::new(&self.environment, "log group", &first.group).into());
        }
        for log in missing {
            message(&format!(
                "{}warning{}: the log group `{}` of `{}` does not exist\n  `fanggen drift --env {}` shows what else is missing",
                Style::WARNING,
                Style::END,
                log.group,
                log.function,
                self.environment
            ));
        }
        Ok(())
    }
}
