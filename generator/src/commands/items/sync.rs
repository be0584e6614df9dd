//! `fanggen items diff` and `sync`: the pipeline's file and the stores of its items, compared three ways as `apply` does.

use clap::Args;
use serde_json::json;

use super::super::args::GlobalArgs;
use super::super::aws_session::{AwsSession, with_location};
use super::super::block_on::block_on;
use super::super::desired_items;
use super::super::error::{CommandError, CommandResult};
use super::super::output::{Style, message, print, to_json};
use super::super::pipeline_file::LoadedPipeline;
use super::super::rendered::Rendered;
use crate::config::mistake::Severity;
use crate::deploy::artifacts::ensure_bucket;
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::seed::{SeedOptions, SeedResult};

/// Show how the items of the file differ from those in the account
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen items diff --env prod
  fanggen items diff --prune --json

Exit codes: 0 `sync` has nothing to do, 2 it would write something, 1 error.")]
pub struct DiffArgs {
    #[command(flatten)]
    sync: SyncTarget,
}

/// Write what is new in the file, as `apply --only items` does
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen items sync --env prod           add and change; nothing is deleted
  fanggen items sync --prune --yes        also delete what was removed from the file, without a prompt

What others changed in the table, and what `items add`, `update` and `remove` did, is never undone. If this is interrupted, run
it again: it continues where it stopped.")]
pub struct SyncArgs {
    #[command(flatten)]
    sync: SyncTarget,
    /// Answer yes to the prompt before anything is deleted
    #[arg(short, long)]
    yes: bool,
}

/// What is compared.
#[derive(Clone, Debug, Args)]
struct SyncTarget {
    /// The environment [default: `dev`, or the first of the file]
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// Also delete items that were removed from the file
    #[arg(long)]
    prune: bool,
}

impl SyncTarget {
    async fn options(&self, file: &LoadedPipeline, deployment: &Deployment<'_>) -> Result<SeedOptions, CommandError> {
        Ok(SeedOptions {
            wanted: desired_items::rows(file, deployment).await?,
            files: desired_items::files(file, deployment)?,
            prune: self.prune,
            run: true,
            // Only deletions are asked for.
            confirmed: true,
        })
    }
}

impl DiffArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let environment = file.environment(self.sync.env.as_deref())?.to_owned();
        let rendered = Rendered::of(&file, global, None)?;
        let would_write = block_on(self.compare(&file, &environment, &rendered, global))??;
        if would_write { Err(CommandError::Exit(2)) } else { Ok(()) }
    }

    /// Prints the differences; gives whether `sync` would write anything.
    async fn compare(
        &self,
        file: &LoadedPipeline,
        environment: &str,
        rendered: &Rendered,
        global: &GlobalArgs,
    ) -> Result<bool, CommandError> {
        let session = AwsSession::open(file, environment, rendered).await?;
        let deployment = session.deployment(false, global.json)?;
        let stack = deployment.stack().require(deployment.caller).await?;
        let options = self.sync.options(file, &deployment).await?;
        let seeder = deployment.seeder();
        let state = seeder.load_state(Some(&stack), &options).await?;
        let tables = seeder.table_changes(&state, &options).await?;
        let files = seeder.changed_files(&stack.id, &state, &options);
        if global.json {
            print(&to_json(&json!({ "tables": tables, "files": files })));
        } else {
            for (table, changes) in &tables {
                print(&format!("table `{table}`: {changes}"));
                if changes.unknown > 0 {
                    print(&format!("  and {} only in the table, which `sync` leaves there", changes.unknown));
                }
            }
            files.iter().for_each(|file| print(&format!("s3://{file}: differs from the file on this machine")));
        }
        Ok(tables.values().any(|changes| changes.writes() > 0) || !files.is_empty())
    }
}

impl SyncArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let environment = file.environment(self.sync.env.as_deref())?.to_owned();
        let rendered = Rendered::of(&file, global, None)?;
        let value = block_on(self.sync(&file, &environment, &rendered, global))??;
        if global.json {
            print(&to_json(&json!({ "items": value })));
        }
        Ok(())
    }

    async fn sync(
        &self,
        file: &LoadedPipeline,
        environment: &str,
        rendered: &Rendered,
        global: &GlobalArgs,
    ) -> Result<Option<SeedResult>, CommandError> {
        let session = AwsSession::open(file, environment, rendered).await?;
        let deployment = session.deployment(self.yes, global.json)?;
        let stack = deployment.stack().require(deployment.caller).await?;
        let options = self.sync.options(file, &deployment).await?;
        let seeder = deployment.seeder();
        let state = seeder.load_state(Some(&stack), &options).await?;
        if state.is_done {
            message(&format!("{}nothing to do{}: the items are up to date", Style::SUCCESS, Style::END));
            if state.has_removed_rows {
                message("items that were removed from the file are still in their table: `--prune` deletes them");
            }
            return Ok(None);
        }
        ensure_bucket(&deployment.bucket, deployment.operator()).await?;
        let lock = deployment.lock("items sync").await?;
        // Read again: another command may have written items in between.
        let work = async {
            let state = seeder.load_state(Some(&stack), &options).await?;
            seeder.write(&stack, state, &options, &lock).await
        };
        let done: Result<SeedResult, DeployError> = work.await;
        let released = lock.release().await;
        let done = done.map_err(|error| with_location(error, file, environment))?;
        released.map_err(DeployError::from)?;
        for (table, changes) in &done.tables {
            message(&format!("items of table `{table}`: {changes}"));
        }
        done.files.iter().for_each(|file| message(&format!("uploaded `s3://{file}`")));
        Ok(Some(done))
    }
}
