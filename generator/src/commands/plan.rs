//! `fanggen plan`: what an apply would change; or, offline, all resources of an environment.

#[cfg(feature = "aws")]
use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::args::GlobalArgs;
#[cfg(feature = "aws")]
use super::aws_session::{AwsSession, with_location};
#[cfg(feature = "aws")]
use super::block_on::block_on;
use super::error::{CommandError, CommandResult};
#[cfg(feature = "aws")]
use super::output::{Style, message};
use super::output::{print, to_json};
use super::pipeline_file::LoadedPipeline;
#[cfg(feature = "aws")]
use super::{apply, desired_items, rendered::Rendered};
use crate::config::mistake::Severity;
#[cfg(feature = "aws")]
use crate::deploy::apply::ApplyOptions;
#[cfg(feature = "aws")]
use crate::deploy::items::TableChanges;
#[cfg(feature = "aws")]
use crate::deploy::preview::{Preview, preview};
#[cfg(feature = "aws")]
use crate::deploy::seed::SeedOptions;
#[cfg(feature = "aws")]
use crate::deploy::stack_state::StackState;
use crate::show::next_runs::NextRuns;
use crate::show::tree::PlanTree;

/// Show what apply would change
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen plan --env prod              show what an apply would change in the account
  fanggen plan --env prod --save       the same, and keep the change set for `fanggen apply --change-set`
  fanggen plan --offline               show all resources as a tree, from the file alone

Exit codes: 0 nothing to do, 2 changes, 1 error.")]
pub struct PlanArgs {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Plan from the file alone, without asking AWS what is deployed
    #[arg(long)]
    offline: bool,
    /// Keep the change set, to apply it after a review
    #[cfg(feature = "aws")]
    #[arg(long, conflicts_with = "offline")]
    save: bool,
    /// The folder for generated files [default: `generated` beside the file]
    #[cfg(feature = "aws")]
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<std::path::PathBuf>,
}

impl PlanArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Warning)?;
        let environment = file.environment(self.env.as_deref())?;
        if !self.offline {
            #[cfg(feature = "aws")]
            return self.deployed(&file, environment, global);
            #[cfg(not(feature = "aws"))]
            return Err(CommandError::NeedsAws("plan".to_owned()));
        }
        let plan = file.plan(environment)?;
        let next_runs = NextRuns::of(&plan.schedule, Timestamp::now());
        print(&if global.json {
            let mut shown = json!(plan);
            shown["next_runs"] = json!(next_runs);
            to_json(&shown)
        } else {
            PlanTree(plan, &next_runs).to_string()
        });
        Ok(())
    }
}

#[cfg(feature = "aws")]
struct Planned {
    stack: String,
    preview: Preview,
    items: BTreeMap<String, TableChanges>,
    files: Vec<String>,
    /// Whether an apply would enable the schedule.
    enables_schedule: bool,
}

#[cfg(feature = "aws")]
impl PlanArgs {
    /// Compares with what is deployed. Exit code 2 where an apply would change something.
    fn deployed(&self, file: &LoadedPipeline, environment: &str, global: &GlobalArgs) -> CommandResult {
        let rendered = Rendered::of(file, global, self.out.clone())?;
        let stale = rendered.is_stale(environment);
        if stale {
            message(&format!(
                "{}note{}: {} is stale: run `fanggen render` before an apply",
                Style::WARNING,
                Style::END,
                rendered.folder.display()
            ));
        }
        let Planned { stack, preview, items, files, enables_schedule } =
            block_on(self.compare(file, environment, &rendered, global))??;
        let writes: usize = items.values().map(TableChanges::writes).sum();
        let changed = preview.changes.is_some() || writes > 0 || !files.is_empty() || enables_schedule;
        let next_runs = NextRuns::of(&file.plan(environment)?.schedule, Timestamp::now());
        if global.json {
            let (changes, set) = (&preview.changes, &preview.change_set);
            print(&to_json(&json!({
                "stack": stack, "changed": changed, "changes": changes, "change_set": set, "items": items,
                "files": files, "next_runs": next_runs, "enables_schedule": enables_schedule,
            })));
        } else {
            if let Some(changes) = &preview.changes {
                print(changes.text().to_string().trim_end());
            }
            for (table, rows) in &items {
                print(&format!("\nitems of table `{table}`: {rows}"));
            }
            for file in &files {
                print(&format!("\nupload `s3://{file}`"));
            }
            if enables_schedule {
                print("\nenable the schedule, once the items are written");
            }
            message(&format!("the schedule fires {}", next_runs.lines().join("\n                   ")));
        }
        let dangers = preview.changes.iter().flat_map(|changes| changes.dangers()).filter(|danger| !danger.kept);
        let lost: Vec<String> = dangers.map(|danger| format!("--replace {}", danger.id)).collect();
        let stops = match lost.is_empty() {
            true => String::new(),
            false => format!("\n  apply refuses to lose this data unless you add `{}`", lost.join(" ")),
        };
        match &preview.change_set {
            Some(name) => message(&format!(
                "saved as {name}; apply exactly this change set with\n  fanggen apply --env {environment} --change-set \
                 {name}{stops}"
            )),
            None if changed => {
                if self.save {
                    message("only items differ, and a change set holds no items: nothing was saved");
                }
                let render = if stale { "fanggen render && " } else { "" };
                message(&format!("apply with `{render}fanggen apply --env {environment}`{stops}"));
            }
            None => message(&format!("{}nothing to do{}: stack `{stack}` is up to date", Style::SUCCESS, Style::END)),
        }
        if changed { Err(CommandError::Exit(2)) } else { Ok(()) }
    }

    async fn compare(
        &self,
        file: &LoadedPipeline,
        environment: &str,
        rendered: &Rendered,
        global: &GlobalArgs,
    ) -> Result<Planned, CommandError> {
        let session = AwsSession::open(file, environment, rendered).await?;
        let deployment = session.deployment(false, global.json)?;
        let wanted = desired_items::rows(file, &deployment).await?;
        let files = desired_items::files(file, &deployment)?;
        let options = SeedOptions { wanted, files, ..SeedOptions::default() };
        let found = deployment.stack().find().await?;
        let (runtime, no_runtime) = apply::runtime_to_deploy(file, &deployment, found.as_ref(), self.save)?;
        let apply_options = ApplyOptions { runtime: runtime.as_ref(), no_runtime, ..ApplyOptions::default() };
        let preview = preview(&deployment.change_sets(), found.clone(), &apply_options, self.save).await;
        let preview = preview.map_err(|error| with_location(error, file, environment))?;
        if preview.changes.is_some() {
            deployment.warn_if_throttled().await;
        }
        let seeder = deployment.seeder();
        let state = seeder.load_state(found.as_ref(), &options).await?;
        // A new stack is always created with its schedule disabled: that is no news.
        let enables_schedule =
            found.as_ref().is_some_and(|found| found.state() == StackState::Stable && !found.is_ready());
        let items = if state.is_done { BTreeMap::new() } else { seeder.table_changes(&state, &options).await? };
        let id = found.as_ref().map_or("", |found| &found.id);
        let files = seeder.changed_files(id, &state, &options);
        Ok(Planned { stack: deployment.client.name.clone(), preview, items, files, enables_schedule })
    }
}
