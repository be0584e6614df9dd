//! `fanggen drift`: whether somebody changed by hand what the stack made.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::open::{Cloud, wait_for};
use crate::commands::rendered::Rendered;
use crate::commands::{Done, Ended, Failure, Global, Opened, Style, plural, pretty, print, words};
use crate::config::mistake::Severity;
use crate::deploy::aws::stack::Drift;
use crate::deploy::error::DeployError;

/// Seconds between two looks at a comparison that CloudFormation is making.
const LOOK_S: u64 = 2;

/// Show what was changed by hand since the last apply
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen drift --env prod

Exit codes: 0 as it was applied, 2 something differs, 1 error. What CloudFormation cannot compare is counted apart.")]
pub struct DriftCommand {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct Compared {
    /// Resources that are as they were applied.
    same: usize,
    /// Those that were changed.
    modified: Vec<Drift>,
    /// Those that are gone.
    deleted: Vec<Drift>,
    /// Those that CloudFormation cannot compare.
    unknown: Vec<String>,
    /// Why CloudFormation gave up, where it did.
    failed: Option<String>,
}

impl DriftCommand {
    pub fn execute(self, global: &Global) -> Done {
        let opened = global.open(Severity::Error)?;
        let environment = opened.environment(self.env.as_deref())?.to_owned();
        let rendered = Rendered::of(&opened, global, None)?;
        let compared = wait_for(compare(&opened, &environment, &rendered, global))??;
        let differs = compared.modified.len() + compared.deleted.len();
        if global.json {
            print(&pretty(&compared));
        } else {
            show(&compared, &opened);
        }
        let unknown = match compared.unknown.len() {
            0 => String::new(),
            count => format!(", {} that CloudFormation cannot compare", plural(count, "resource")),
        };
        if let Some(reason) = &compared.failed {
            words(&format!(
                "{}warning{}: CloudFormation could not compare everything: {reason}",
                Style::WARNING,
                Style::END
            ));
            if differs == 0 {
                return Err(Ended(1).into());
            }
        }
        if differs == 0 {
            words(&format!(
                "{}no drift{}: {} as applied{unknown}",
                Style::GOOD,
                Style::END,
                plural(compared.same, "resource")
            ));
            return Ok(());
        }
        words(&format!(
            "{}drift{}: {}{unknown}\n  apply compares with what was applied, and so does not see it: change it back by hand",
            Style::WARNING,
            Style::END,
            plural(differs, "resource")
        ));
        Err(Ended(2).into())
    }
}

async fn compare(
    opened: &Opened,
    environment: &str,
    rendered: &Rendered,
    global: &Global,
) -> Result<Compared, Failure> {
    let cloud = Cloud::open(opened, environment, rendered).await?;
    let deployment = cloud.deployment(false, global.json)?;
    deployment.found().await?;
    let stack = &deployment.stack;
    let detection = stack.detect_drift().await.map_err(DeployError::from)?;
    let mut failed = None;
    loop {
        let (status, reason) = stack.drift_detection(&detection).await.map_err(DeployError::from)?;
        match status.as_str() {
            "DETECTION_IN_PROGRESS" => {}
            // A failure of some resources still compares the others: these are the unknown ones.
            "DETECTION_FAILED" => {
                failed = Some(reason.unwrap_or_else(|| "it does not say why".to_owned()));
                break;
            }
            _ => break,
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(LOOK_S)) => {}
            () = deployment.interrupt.wait() => return Err(DeployError::Interrupted.into()),
        }
    }
    let mut compared = Compared { failed, ..Compared::default() };
    let mut answered = BTreeSet::new();
    for drift in stack.drifts().await.map_err(DeployError::from)? {
        answered.insert(drift.resource.clone());
        match drift.status.as_str() {
            "IN_SYNC" => compared.same += 1,
            "MODIFIED" => compared.modified.push(drift),
            "DELETED" => compared.deleted.push(drift),
            _ => compared.unknown.push(drift.resource),
        }
    }
    // Types without drift detection are not in CloudFormation's answer at all.
    let silent = stack.resources().await.map_err(DeployError::from)?.into_iter().map(|event| event.resource);
    compared.unknown.extend(silent.filter(|id| !answered.contains(id)));
    Ok(compared)
}

fn show(compared: &Compared, opened: &Opened) {
    let path = |id: &str| {
        let plans = opened.plans.values();
        let found = plans.flat_map(|plan| plan.resources()).find(|resource| resource.id.as_str() == id);
        found.map(|resource| format!("  {}", resource.path)).unwrap_or_default()
    };
    for drift in &compared.deleted {
        print(&format!("{}- {}{} {}{}", Style::ERROR, drift.resource, Style::END, drift.kind, path(&drift.resource)));
    }
    for drift in &compared.modified {
        print(&format!("{}~ {}{} {}{}", Style::WARNING, drift.resource, Style::END, drift.kind, path(&drift.resource)));
        for (property, expected, found) in &drift.differences {
            print(&format!("    {property}: {expected} -> {found}"));
        }
    }
}
