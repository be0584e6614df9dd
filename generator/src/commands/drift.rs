//! `fanggen drift`: whether resources of the stack were changed by hand.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::args::GlobalArgs;
use super::aws_session::AwsSession;
use super::block_on::block_on;
use super::error::{CommandError, CommandResult};
use super::output::{Style, message, plural, print, to_json};
use super::pipeline_file::LoadedPipeline;
use super::rendered::Rendered;
use crate::config::mistake::Severity;
use crate::deploy::aws::cloudformation::Drift;
use crate::deploy::error::DeployError;

/// Seconds between two polls of the drift detection.
const POLL_S: u64 = 2;

/// Show what was changed by hand since the last apply
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen drift --env prod

Exit codes: 0 no drift, 2 drift, 1 error. Resources that CloudFormation cannot compare are counted separately.")]
pub struct DriftArgs {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct DriftReport {
    /// Resources without drift.
    same: usize,
    /// Resources that were changed.
    modified: Vec<Drift>,
    /// Resources that were deleted.
    deleted: Vec<Drift>,
    /// Resources that CloudFormation cannot compare.
    unknown: Vec<String>,
    /// Why the detection failed, where it did.
    failed: Option<String>,
}

impl DriftArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let environment = file.environment(self.env.as_deref())?.to_owned();
        let rendered = Rendered::of(&file, global, None)?;
        let report = block_on(detect(&file, &environment, &rendered, global))??;
        let differs = report.modified.len() + report.deleted.len();
        if global.json {
            print(&to_json(&report));
        } else {
            show(&report, &file);
        }
        let unknown = match report.unknown.len() {
            0 => String::new(),
            count => format!(", {} that CloudFormation cannot compare", plural(count, "resource")),
        };
        if let Some(reason) = &report.failed {
            message(&format!(
                "{}warning{}: CloudFormation could not compare everything: {reason}",
                Style::WARNING,
                Style::END
            ));
            if differs == 0 {
                return Err(CommandError::Exit(1));
            }
        }
        if differs == 0 {
            message(&format!(
                "{}no drift{}: {} unchanged{unknown}",
                Style::SUCCESS,
                Style::END,
                plural(report.same, "resource")
            ));
            return Ok(());
        }
        message(&format!(
            "{}drift{}: {} changed{unknown}\n  apply does not revert these changes, since it compares with the deployed template: revert them by hand",
            Style::WARNING,
            Style::END,
            plural(differs, "resource")
        ));
        Err(CommandError::Exit(2))
    }
}

/// Runs CloudFormation's drift detection.
async fn detect(
    file: &LoadedPipeline,
    environment: &str,
    rendered: &Rendered,
    global: &GlobalArgs,
) -> Result<DriftReport, CommandError> {
    let session = AwsSession::open(file, environment, rendered).await?;
    let deployment = session.deployment(false, global.json)?;
    deployment.stack().require(deployment.caller).await?;
    let stack = &deployment.client;
    let detection = stack.detect_drift().await.map_err(DeployError::from)?;
    let mut failed = None;
    loop {
        let (status, reason) = stack.drift_detection(&detection).await.map_err(DeployError::from)?;
        match status.as_str() {
            "DETECTION_IN_PROGRESS" => {}
            // The detection may fail for some resources, which are then the unknown ones.
            "DETECTION_FAILED" => {
                failed = Some(reason.unwrap_or_else(|| "no reason given".to_owned()));
                break;
            }
            _ => break,
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(POLL_S)) => {}
            () = deployment.operator().interrupt.wait() => return Err(DeployError::Interrupted.into()),
        }
    }
    let mut report = DriftReport { failed, ..DriftReport::default() };
    let mut answered = BTreeSet::new();
    for drift in stack.drifts().await.map_err(DeployError::from)? {
        answered.insert(drift.resource.clone());
        match drift.status.as_str() {
            "IN_SYNC" => report.same += 1,
            "MODIFIED" => report.modified.push(drift),
            "DELETED" => report.deleted.push(drift),
            _ => report.unknown.push(drift.resource),
        }
    }
    // Types without drift detection are missing from the answer.
    let all = stack.resources().await.map_err(DeployError::from)?.into_iter().map(|event| event.resource);
    report.unknown.extend(all.filter(|id| !answered.contains(id)));
    Ok(report)
}

fn show(report: &DriftReport, file: &LoadedPipeline) {
    let path = |id: &str| {
        let plans = file.plans.values();
        let found = plans.flat_map(|plan| plan.resources()).find(|resource| resource.id.as_str() == id);
        found.map(|resource| format!("  {}", resource.path)).unwrap_or_default()
    };
    for drift in &report.deleted {
        print(&format!("{}- {}{} {}{}", Style::ERROR, drift.resource, Style::END, drift.kind, path(&drift.resource)));
    }
    for drift in &report.modified {
        print(&format!("{}~ {}{} {}{}", Style::WARNING, drift.resource, Style::END, drift.kind, path(&drift.resource)));
        for (property, expected, found) in &drift.differences {
            print(&format!("    {property}: {expected} -> {found}"));
        }
    }
}
