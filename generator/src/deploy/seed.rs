//! Writes the items of the pipeline's file into the tables and buckets, and starts the first run: what follows the stack. An
//! interrupted one continues where it stopped.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::artifacts::items_state_key;
use super::aws::account::{Account, CallerIdentity};
use super::aws::dynamodb::{DynamoDbClient, TableDescription};
use super::aws::s3::artifacts::{ArtifactBucket, StoredObject};
use super::aws::s3::item_files::ItemFilesClient;
use super::change_set::ChangeSets;
use super::error::DeployError;
use super::first_run::{StartedRun, start};
use super::generated::Manifest;
use super::items::source_files::{self, SourceFiles};
use super::items::{AppliedState, ItemRow, TableChanges, WantedRows, WriteReason};
use super::lock::DeployLock;
use super::stack_state::{StackDescription, now};
use super::ui::Operator;
use crate::log::{self, ItemChange};
use crate::metadata::FirstRun;

/// How often, and how far apart, a table that is being created is polled: for a minute.
const TABLE_POLLS: u32 = 60;
const TABLE_POLL: Duration = Duration::from_secs(1);

/// Rows of one BatchGetItem
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>).
const GET_BATCH: usize = 100;

/// The rows that each table should have, by its physical name.
pub type WantedTables = BTreeMap<String, WantedRows>;

/// What to write, and how.
#[derive(Clone, Debug, Default)]
pub struct SeedOptions {
    /// The rows.
    pub wanted: WantedTables,
    /// The files that functions read.
    pub files: SourceFiles,
    /// Whether rows that were removed from the file are deleted.
    pub prune: bool,
    /// Whether the first run is started; if not, no later apply starts it either.
    pub run: bool,
    /// Whether the user has already confirmed the changes of the stack, and with them its items.
    pub confirmed: bool,
}

/// What was written and started.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SeedResult {
    /// What was done to each table.
    pub tables: BTreeMap<String, TableChanges>,
    /// The files that were uploaded, by bucket and key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Whether the schedule was enabled.
    pub enabled_schedule: bool,
    /// The run that was started.
    pub run: Option<StartedRun>,
}

/// What was applied last to the items of an environment.
#[derive(Debug)]
pub struct SeedState {
    applied: AppliedState,
    tag: Option<String>,
    /// Whether there is nothing left to do.
    pub is_done: bool,
    /// Whether rows that were removed from the file are still in their table.
    pub has_removed_rows: bool,
}

/// Writes the items of one environment.
#[derive(Clone)]
pub struct Seeder<'a> {
    /// The SDK's configuration.
    pub account: &'a Account,
    /// Who is calling.
    pub caller: &'a CallerIdentity,
    /// What was rendered.
    pub manifest: &'a Manifest,
    /// Where it is kept what was applied last.
    pub bucket: &'a ArtifactBucket,
    /// The change sets of the stack.
    pub sets: ChangeSets<'a>,
    /// Who is told and asked.
    pub operator: Operator<'a>,
}

impl Seeder<'_> {
    fn state_key(&self) -> String {
        items_state_key(&self.manifest.stack)
    }

    /// Reads what was applied last to this stack.
    ///
    /// # Errors
    /// A state that cannot be read, and failed calls.
    pub async fn load_state(
        &self,
        found: Option<&StackDescription>,
        options: &SeedOptions,
    ) -> Result<SeedState, DeployError> {
        let stack = found.map_or("", |found| &found.id);
        let object = self.bucket.read(&self.state_key()).await?;
        let (applied, tag) = match object {
            Some(StoredObject { text, tag, .. }) => {
                let place = || format!("{}/{}", self.bucket.name, self.state_key());
                let read = AppliedState::read(text.as_bytes());
                (read.map_err(|error| DeployError::ItemsState { place: place(), error })?, Some(tag))
            }
            None => (AppliedState::empty(stack), None),
        };
        let started = !options.run || applied.first_run_started(stack);
        let uploaded = source_files::changed(&options.files, applied.uploaded(stack)).is_empty();
        let is_done = tag.is_some()
            && started
            && uploaded
            && found.is_some_and(StackDescription::is_ready)
            && applied.is_done(stack, &options.wanted, options.prune);
        let has_removed_rows = applied.has_removed_rows(&options.wanted);
        Ok(SeedState { applied, tag, is_done, has_removed_rows })
    }

    /// What would change in each table.
    ///
    /// # Errors
    /// Failed calls.
    pub async fn table_changes(
        &self,
        state: &SeedState,
        options: &SeedOptions,
    ) -> Result<BTreeMap<String, TableChanges>, DeployError> {
        let client = DynamoDbClient::open(self.account);
        let mut changes = BTreeMap::new();
        for (name, wanted) in &options.wanted {
            // A table that does not exist yet has no rows.
            let (id, rows) = match client.find(name).await? {
                Some(table) => (table.id, client.read(name, wanted.key()).await?),
                None => Default::default(),
            };
            let last = state.applied.table(name, &id);
            changes.insert(name.clone(), TableChanges::of(&last, wanted, &rows, options.prune));
        }
        Ok(changes)
    }

    /// The files that would be uploaded, by bucket and key.
    #[must_use]
    pub fn changed_files(&self, stack: &str, state: &SeedState, options: &SeedOptions) -> Vec<String> {
        let changed = source_files::changed(&options.files, state.applied.uploaded(stack));
        changed.iter().map(|(place, _)| source_files::name(place)).collect()
    }

    /// Writes the rows and files, and starts the first run, under the lock.
    ///
    /// # Errors
    /// An interruption between two tables, and failed calls; the same command continues.
    pub async fn write(
        &self,
        stack: &StackDescription,
        state: SeedState,
        options: &SeedOptions,
        lock: &DeployLock,
    ) -> Result<SeedResult, DeployError> {
        let SeedState { mut applied, mut tag, .. } = state;
        let mut result = SeedResult::default();
        let client = DynamoDbClient::open(self.account);
        for (name, wanted) in &options.wanted {
            let Some(table) = created_table(&client, name).await? else {
                let environment = self.manifest.environment.clone();
                return Err(DeployError::NoTable { table: name.clone(), environment });
            };
            let rows = client.read(name, wanted.key()).await?;
            let changes = TableChanges::of(&applied.table(name, &table.id), wanted, &rows, options.prune);
            // Deletions are always confirmed separately.
            if changes.writes() > 0 && !(options.confirmed && changes.delete.is_empty()) {
                self.confirm_rows(name, &changes, options).await?;
            }
            lock.check()?;
            if changes.writes() > 0 {
                applied.set_table(&stack.id, name, changes.while_writing());
                self.save_state(&applied, &mut tag).await?;
                self.write_rows(&client, name, wanted, &changes).await?;
            }
            applied.set_table(&stack.id, name, changes.when_written());
            result.tables.insert(name.clone(), changes);
            if self.operator.interrupt.raised() {
                self.save_state(&applied, &mut tag).await?;
                return Err(DeployError::InterruptedBetweenSteps(NO_ITEMS));
            }
        }
        result.files = self.upload_files(stack, &mut applied, options, lock).await?;
        applied.keep_only(&options.wanted);
        applied.set_stack(&stack.id);
        self.save_state(&applied, &mut tag).await?;
        let ready = self.enable_schedule(stack, lock).await?;
        result.enabled_schedule = ready.is_some();
        if !applied.first_run_started(&stack.id) {
            if options.run && self.manifest.first_run == FirstRun::Apply {
                self.stop_if_interrupted("the schedule is enabled, the first run is not started")?;
                // The time is in the stack: the command after an interruption starts the same run and no second one.
                let time = ready.as_ref().unwrap_or(stack).ready_time();
                result.run = Some(start(self.manifest, self.caller, self.account, time).await?);
            }
            applied.set_first_run_started(&stack.id);
            self.save_state(&applied, &mut tag).await?;
        }
        Ok(result)
    }

    /// Enables the schedule if it is not, and gives the stack with the time of the first run.
    async fn enable_schedule(
        &self,
        stack: &StackDescription,
        lock: &DeployLock,
    ) -> Result<Option<StackDescription>, DeployError> {
        if stack.is_ready() {
            return Ok(None);
        }
        self.stop_if_interrupted("the stack is deployed and the items are written, the schedule is not enabled")?;
        Ok(Some(self.sets.set_ready(stack, &now(), Some(lock)).await?))
    }

    fn stop_if_interrupted(&self, state: &'static str) -> Result<(), DeployError> {
        if self.operator.interrupt.raised() { Err(DeployError::InterruptedBetweenSteps(state)) } else { Ok(()) }
    }

    async fn confirm_rows(
        &self,
        table: &str,
        changes: &TableChanges,
        options: &SeedOptions,
    ) -> Result<(), DeployError> {
        let asked = self.operator.confirm(&format!("items of table `{table}`: {changes}\n\nWrite them?")).await;
        // The stack may have been changed already: then the message must not say that it is unchanged.
        asked.map_err(|stop| match stop {
            DeployError::Declined if options.confirmed => DeployError::DeclinedItems,
            DeployError::Interrupted if options.confirmed => DeployError::InterruptedBetweenSteps(NO_ITEMS),
            other => other,
        })
    }

    /// Uploads the changed files, and gives their names.
    async fn upload_files(
        &self,
        stack: &StackDescription,
        applied: &mut AppliedState,
        options: &SeedOptions,
        lock: &DeployLock,
    ) -> Result<Vec<String>, DeployError> {
        // Files in the buckets of an earlier stack are not in these buckets.
        let mut uploaded = applied.uploaded(&stack.id).clone();
        let client = ItemFilesClient::open(self.account, &self.caller.account);
        let changed = source_files::changed(&options.files, applied.uploaded(&stack.id));
        let names: Vec<String> = changed.iter().map(|(place, _)| source_files::name(place)).collect();
        if !changed.is_empty() && !options.confirmed {
            let lines: Vec<String> = names.iter().map(|name| format!("  s3://{name}")).collect();
            self.operator.confirm(&format!("files of items:\n{}\n\nUpload them?", lines.join("\n"))).await?;
        }
        for (place, file) in changed {
            lock.check()?;
            client.put(&place.0, &place.1, &file.path).await?;
            source_files::record(&mut uploaded, place, file);
        }
        source_files::keep_only(&mut uploaded, &options.files);
        applied.files = uploaded;
        Ok(names)
    }

    async fn write_rows(
        &self,
        client: &DynamoDbClient,
        name: &str,
        wanted: &WantedRows,
        changes: &TableChanges,
    ) -> Result<(), DeployError> {
        let before = self.rows_before(client, name, wanted.key(), changes).await?;
        let (ui, what) = (self.operator.ui, format!("items of {name}"));
        let (mut done, all) = (0, changes.writes());
        ui.start_progress(&what, all);
        // Each batch is logged as soon as it is written, so that a killed command has told what it did.
        let mut each = |keys: &[&str]| {
            done += keys.len();
            ui.set_progress(&what, done as u64, all as u64);
            for item in keys {
                let (before, after) = (before.get(*item), changes.put.get(*item).map(|put| &put.row));
                let action = match (before, after) {
                    (_, None) => "remove",
                    (Some(_), Some(_)) => "replace",
                    (None, Some(_)) => "add",
                };
                log::change(&ItemChange { action, item, place: name, who: &self.caller.arn, before, after });
            }
        };
        let written = client.write(name, wanted.key(), changes, &mut each).await;
        ui.finish_progress();
        Ok(written?)
    }

    /// The rows that are about to be replaced or deleted, if changes are logged.
    async fn rows_before(
        &self,
        client: &DynamoDbClient,
        table: &str,
        key: &str,
        changes: &TableChanges,
    ) -> Result<BTreeMap<String, ItemRow>, DeployError> {
        let mut before = BTreeMap::new();
        if log::is_on() {
            let changed = changes.put.iter().filter(|(_, put)| put.why == WriteReason::Changed).map(|(key, _)| key);
            let keys: Vec<&str> = changed.chain(&changes.delete).map(String::as_str).collect();
            for part in keys.chunks(GET_BATCH) {
                before.extend(client.rows(table, key, part).await?);
            }
        }
        Ok(before)
    }

    async fn save_state(&self, applied: &AppliedState, tag: &mut Option<String>) -> Result<(), DeployError> {
        let text = String::from_utf8(applied.bytes()).unwrap_or_default();
        let written = self.bucket.write(&self.state_key(), &text, tag.as_deref()).await?;
        *tag = Some(written.ok_or(DeployError::ItemsChanged)?);
        Ok(())
    }
}

/// Where an interrupted apply stands between the stack and its items.
pub const NO_ITEMS: &str = "the stack is deployed, the items are not written";

/// A table, once it is created: after an express deployment it may still be in progress.
async fn created_table(client: &DynamoDbClient, name: &str) -> Result<Option<TableDescription>, DeployError> {
    for _ in 0..TABLE_POLLS {
        match client.find(name).await? {
            Some(table) if table.status == "CREATING" || table.status == "UPDATING" => {
                tokio::time::sleep(TABLE_POLL).await;
            }
            other => return Ok(other),
        }
    }
    Ok(client.find(name).await?)
}
