//! `fanggen status`: the state of each environment in the account.

use clap::Args;
use serde::Serialize;

use super::args::GlobalArgs;
use super::aws_session::AwsSession;
use super::block_on::block_on;
use super::error::{CommandError, CommandResult};
use super::output::{Style, plural, print, to_json};
use super::pipeline_file::LoadedPipeline;
use super::rendered::Rendered;
use crate::config::mistake::{Severity, tidy};
use crate::deploy::artifacts::is_up_to_date;
use crate::deploy::aws::cloudwatch::{AlarmDescription, CloudWatchClient};
use crate::deploy::error::DeployError;
use crate::deploy::lock::{self, LockHolder};
use crate::deploy::stack_state::{StackDescription, StackState};
use crate::resources::cloudwatch;

/// Show the state of each environment in the account, and its alarms
#[derive(Debug, Args)]
#[command(after_help = "The exit code is 1 if an alarm is raised, or if no environment can be read.

Examples:
  fanggen status               all environments
  fanggen status --env prod --json")]
pub struct StatusArgs {
    /// Only this environment
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
}

/// The state of an environment.
#[derive(Debug, Serialize)]
struct EnvironmentStatus {
    environment: String,
    stack: String,
    region: String,
    standing: StackState,
    /// Whether the stack is up to date.
    current: bool,
    described: Option<StackDescription>,
    /// Who holds the lock.
    at_work: Option<LockHolder>,
    /// Its alarms; empty if it has none, or is not deployed.
    alarms: Vec<AlarmDescription>,
}

/// An environment whose state cannot be read.
#[derive(Debug, Serialize)]
struct UnreadableStatus {
    environment: String,
    error: String,
}

impl StatusArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let rendered = Rendered::of(&file, global, None)?;
        let environments = file.environments(self.env.as_deref())?;
        let work = async {
            let mut all = Vec::new();
            for environment in environments {
                all.push((environment.clone(), status_of(&file, environment, &rendered, global).await));
            }
            all
        };
        let mut all = block_on(work)?;
        // What is wrong with one environment is no reason to hide the others; what is wrong with all is an error.
        if all.iter().all(|(_, status)| status.is_err())
            && let Some((_, status)) = all.pop()
        {
            return status.map(|_| ());
        }
        if global.json {
            let values: Vec<_> = all.iter().map(|(environment, status)| value(environment, status)).collect();
            print(&to_json(&values));
        } else {
            for (environment, status) in &all {
                print(&status.as_ref().map_or_else(|error| unreadable(environment, error), line));
            }
        }
        let mut known = all.iter().filter_map(|(_, status)| status.as_ref().ok());
        let raised = known.any(|status| status.alarms.iter().any(AlarmDescription::is_raised));
        if raised { Err(CommandError::Exit(1)) } else { Ok(()) }
    }
}

/// An environment in JSON, whatever is known of it.
fn value(environment: &str, status: &Result<EnvironmentStatus, CommandError>) -> serde_json::Value {
    let value = match status {
        Ok(status) => serde_json::to_value(status),
        Err(error) => {
            serde_json::to_value(UnreadableStatus { environment: environment.to_owned(), error: error.to_string() })
        }
    };
    value.unwrap_or_default()
}

fn unreadable(environment: &str, error: &CommandError) -> String {
    format!("{environment:<12} {}error{}: {error}", Style::ERROR, Style::END)
}

async fn status_of(
    file: &LoadedPipeline,
    environment: String,
    rendered: &Rendered,
    global: &GlobalArgs,
) -> Result<EnvironmentStatus, CommandError> {
    let session = AwsSession::open(file, &environment, rendered).await?;
    let deployment = session.deployment(false, global.json)?;
    let described = deployment.stack().find().await?;
    let names: Vec<String> =
        session.generated.manifest.named(cloudwatch::ALARM.name, &session.caller).map(|(_, name)| name).collect();
    let alarms = match &described {
        Some(_) if !names.is_empty() => {
            CloudWatchClient::open(&session.account).alarms(&names).await.map_err(DeployError::from)?
        }
        _ => Vec::new(),
    };
    let held = deployment.bucket.read(&lock::key(&deployment.client.name)).await.unwrap_or(None);
    let at_work = held.and_then(|object| lock::parsed(&object.text));
    Ok(EnvironmentStatus {
        stack: deployment.client.name.clone(),
        region: session.account.region.clone(),
        standing: described.as_ref().map_or(StackState::Absent, StackDescription::state),
        current: is_up_to_date(&deployment.generated.manifest, None, described.as_ref()),
        at_work,
        alarms,
        environment,
        described,
    })
}

/// The alarms of an environment: each that is raised with its text, and otherwise how many there are.
fn alarms(all: &[AlarmDescription]) -> Option<String> {
    let raised: Vec<_> = all.iter().filter(|alarm| alarm.is_raised()).collect();
    if all.is_empty() {
        return None;
    }
    if raised.is_empty() {
        let unknown = all.iter().filter(|alarm| !alarm.is_raised() && !alarm.is_ok()).count();
        let without = if unknown > 0 { format!(", {unknown} without data yet") } else { String::new() };
        return Some(format!("\n  {}: none raised{without}", plural(all.len(), "alarm")));
    }
    let shown = raised.iter().map(|alarm| {
        let since = alarm.since.map(|since| format!(" since {since:.0}")).unwrap_or_default();
        format!(
            "\n  {}ALARM{}{since} {}\n    {}",
            Style::ERROR,
            Style::END,
            tidy(&alarm.name),
            tidy(&alarm.description)
        )
    });
    Some(shown.collect())
}

fn line(environment: &EnvironmentStatus) -> String {
    let (dim, end) = (Style::DIM, Style::END);
    let status = match &environment.described {
        None => "not deployed".to_owned(),
        Some(found) if environment.current => format!("{}{}{end}, up to date", Style::SUCCESS, found.status),
        Some(found) if environment.standing == StackState::Stable => {
            format!("{}{}{end}, not up to date: `fanggen plan` shows the changes", Style::WARNING, found.status)
        }
        Some(found) => format!("{}{}{end}", Style::WARNING, found.status),
    };
    let found = environment.described.as_ref();
    let since = found.and_then(|found| found.updated.or(found.created)).map(|at| format!("  {dim}since {at:.0}{end}"));
    let reason = found.and_then(|found| found.reason.as_ref()).map(|reason| format!("\n  {reason}"));
    let work = environment
        .at_work
        .as_ref()
        .map(|holder| format!("\n  {} in progress: {} since {:.0}", holder.what, holder.who, holder.since));
    let protected = if found.is_some_and(|found| found.protected) { "  protected" } else { "" };
    let parts: String = [since, reason, work, alarms(&environment.alarms)].into_iter().flatten().collect();
    format!(
        "{:<12} {:<28} {:<14} {status}{protected}{parts}",
        environment.environment, environment.stack, environment.region
    )
}
