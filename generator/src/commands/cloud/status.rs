//! `fanggen status`: how each environment stands in the account.

use clap::Args;
use serde::Serialize;

use super::open::{Cloud, wait_for};
use crate::commands::rendered::Rendered;
use crate::commands::{Done, Failure, Global, Opened, Style, pretty, print};
use crate::config::mistake::Severity;
use crate::deploy::lock::{self, Holder};
use crate::deploy::stack_state::{Described, Standing};

/// Show how the environments stand in the account
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen status               all environments
  fanggen status --env prod --json")]
pub struct Status {
    /// Only this environment
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
}

/// How an environment stands.
#[derive(Debug, Serialize)]
struct Stands {
    environment: String,
    stack: String,
    region: String,
    standing: Standing,
    /// Whether it is what was rendered.
    current: bool,
    described: Option<Described>,
    /// Who is at work on it.
    at_work: Option<Holder>,
}

impl Status {
    pub fn execute(self, global: &Global) -> Done {
        let opened = global.open(Severity::Error)?;
        let rendered = Rendered::of(&opened, global, None)?;
        let environments = opened.environments(self.env.as_deref())?;
        let work = async {
            let mut all = Vec::new();
            for environment in environments {
                all.push(stands(&opened, environment, &rendered, global).await?);
            }
            Ok::<Vec<Stands>, Failure>(all)
        };
        let all = wait_for(work)??;
        if global.json {
            print(&pretty(&all));
        } else {
            all.iter().for_each(|stands| print(&line(stands)));
        }
        Ok(())
    }
}

async fn stands(opened: &Opened, environment: String, rendered: &Rendered, global: &Global) -> Result<Stands, Failure> {
    let cloud = Cloud::open(opened, &environment, rendered).await?;
    let deployment = cloud.deployment(false, global.json)?;
    let described = deployment.find().await?;
    let held = deployment.bucket.read(&lock::key(&deployment.stack.name)).await.unwrap_or(None);
    let at_work = held.and_then(|object| serde_json::from_str(&object.text).ok());
    Ok(Stands {
        stack: deployment.stack.name.clone(),
        region: cloud.account.region.clone(),
        standing: described.as_ref().map_or(Standing::Absent, Described::standing),
        current: deployment.carried(described.as_ref(), None),
        at_work,
        environment,
        described,
    })
}

fn line(stands: &Stands) -> String {
    let (dim, end) = (Style::DIM, Style::END);
    let status = match &stands.described {
        None => "not deployed".to_owned(),
        Some(found) if stands.current => format!("{}{}{end}, as rendered", Style::GOOD, found.status),
        Some(found) if stands.standing == Standing::Settled => {
            format!("{}{}{end}, not as rendered: `fanggen plan` shows what differs", Style::WARNING, found.status)
        }
        Some(found) => format!("{}{}{end}", Style::WARNING, found.status),
    };
    let found = stands.described.as_ref();
    let since = found.and_then(|found| found.updated.or(found.created)).map(|at| format!("  {dim}since {at:.0}{end}"));
    let reason = found.and_then(|found| found.reason.as_ref()).map(|reason| format!("\n  {reason}"));
    let work = stands
        .at_work
        .as_ref()
        .map(|holder| format!("\n  {} at work: {} since {:.0}", holder.what, holder.who, holder.since));
    let protected = if found.is_some_and(|found| found.protected) { "  protected" } else { "" };
    let parts: String = [since, reason, work].into_iter().flatten().collect();
    format!("{:<12} {:<28} {:<14} {status}{protected}{parts}", stands.environment, stands.stack, stands.region)
}
