//! `fanggen validate`: is the file good, and what is derived from it?

use clap::Args;
use serde_json::json;

use super::{Done, Global, Opened, Style, listed, pretty, print, words};
use crate::config::mistake::Severity;

/// Check the file, and print every mistake at once
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen validate
  fanggen validate --explain --env prod   every derived value of prod, with its reason and its page
  fanggen validate --json                 mistakes for an editor or a pipeline")]
pub struct Validate {
    /// Print every derived value with its reason
    #[arg(long)]
    explain: bool,
    /// The environment to explain [default: all]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
}

impl Validate {
    pub fn execute(self, global: &Global) -> Done {
        let opened = global.open(Severity::Warning)?;
        let environments: Vec<&str> = match &self.env {
            Some(asked) => vec![opened.environment(Some(asked))?],
            None => opened.config.environments.iter().map(String::as_str).collect(),
        };
        if global.json {
            let mut result = json!({ "valid": true, "mistakes": listed(&opened.config), "environments": environments });
            if self.explain {
                for environment in &environments {
                    result["derived"][*environment] = json!(opened.plan(environment)?.reasons);
                }
            }
            print(&pretty(&result));
            return Ok(());
        }
        if self.explain {
            for environment in &environments {
                explain(&opened, environment)?;
            }
        }
        words(&format!("{}good{}: {}", Style::GOOD, Style::END, describe(&opened)));
        Ok(())
    }
}

fn explain(opened: &Opened, environment: &str) -> Result<(), super::Failure> {
    let mut of = "";
    print(environment);
    for derived in &opened.plan(environment)?.reasons.0 {
        if derived.of != of {
            of = &derived.of;
            print(&format!("  {of}"));
        }
        print(&format!("    {} = {}", derived.what, derived.value));
        print(&format!("      {}{}{}", Style::DIM, derived.why, Style::END));
        if !derived.page.is_empty() {
            print(&format!("      {}{}{}", Style::DIM, derived.page, Style::END));
        }
    }
    Ok(())
}

fn describe(opened: &Opened) -> String {
    let names = opened.config.environments.join(", ");
    let Some(pipeline) = opened.config.pipelines.values().next() else { return names };
    let flow = [&pipeline.sources, &pipeline.stages, &pipeline.sinks]
        .map(|list| list.iter().map(|component| component.name.as_str()).collect::<Vec<_>>().join(", "));
    format!("{} for {names}: {} -> {} -> {}", pipeline.head.name, flow[0], flow[1], flow[2])
}
