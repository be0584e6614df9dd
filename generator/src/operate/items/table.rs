//! Edits the rows of a table: a hundred at a time, each under its condition, with its result for the log and the summary.

use std::collections::BTreeMap;

use fanggen_runtime::model::items::Cells;

use super::edit::{EditOutcome, EditSummary, RowEdit};
use super::error::ItemsEditError;
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::dynamodb::{DynamoDbClient, Renaming, RowAction, RowReply};
use crate::deploy::error::DeployError;
use crate::deploy::interrupt::Interrupt;
use crate::log::{self, ItemChange};
use crate::not_deployed::NotDeployed;

/// Rows of one transaction
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
const BATCH: usize = 100;
/// Bytes of one transaction: DynamoDB takes 4 MB, and counts more than names and values.
const BATCH_BYTES: usize = 3 * 1024 * 1024;

/// The table of a source.
pub struct ItemsTable {
    /// The client.
    pub client: DynamoDbClient,
    /// Its physical name.
    pub name: String,
    /// The attribute of the key.
    pub key: String,
    /// Who edits: the caller's ARN, if the edits are logged.
    pub who: String,
    /// The environment.
    pub environment: String,
}

/// Why rows cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TableEditError {
    /// What the user can mend.
    #[error(transparent)]
    Items(#[from] ItemsEditError),
    /// A failed call, and everything else about a deployment.
    #[error(transparent)]
    Deploy(#[from] DeployError),
}

impl ItemsTable {
    /// The table in messages.
    #[must_use]
    pub fn place(&self) -> String {
        format!("table `{}`", self.name)
    }

    fn failed(&self, error: CallError) -> TableEditError {
        if error.is("ResourceNotFoundException") {
            return ItemsEditError::from(NotDeployed::new(&self.environment, "table", &self.name)).into();
        }
        DeployError::from(error.on(&self.name)).into()
    }

    /// Gives all rows to `each`, page by page.
    ///
    /// # Errors
    /// A failed call.
    pub async fn read(&self, each: impl FnMut(Vec<Cells>)) -> Result<(), TableEditError> {
        self.client.scan_rows(&self.name, each).await.map_err(|error| self.failed(error))
    }

    /// Makes all edits, and reports the number of edits after each batch.
    ///
    /// # Errors
    /// A failed call, and an interruption: what was written until then stays.
    pub async fn edit(
        &self,
        edits: impl Iterator<Item = Result<RowEdit, ItemsEditError>>,
        dry_run: bool,
        interrupt: &Interrupt,
        mut progress: impl FnMut(usize),
    ) -> Result<EditSummary, TableEditError> {
        let mut summary = EditSummary::of(&self.place(), dry_run);
        let (mut batch, mut bytes, mut done) = (Vec::new(), 0, 0);
        let mut edits = edits.peekable();
        while let Some(edit) = edits.next() {
            let edit = edit?;
            bytes += edit.bytes();
            batch.push(edit);
            let next = edits.peek().map_or(0, |next| next.as_ref().map_or(0, RowEdit::bytes));
            if batch.len() < BATCH && bytes + next <= BATCH_BYTES && edits.peek().is_some() {
                continue;
            }
            if interrupt.raised() {
                return Err(ItemsEditError::Stopped(done).into());
            }
            self.edit_batch(&batch, &mut summary).await?;
            done += batch.len();
            progress(done);
            (batch, bytes) = (Vec::new(), 0);
        }
        Ok(summary)
    }

    async fn edit_batch(&self, edits: &[RowEdit], summary: &mut EditSummary) -> Result<(), TableEditError> {
        // A change depends on what is there. Otherwise rows are read only for a dry run and for the log.
        let must_read = |edit: &RowEdit| match edit {
            RowEdit::Add { .. } => summary.dry_run,
            RowEdit::Change { .. } => true,
            RowEdit::Remove { .. } => summary.dry_run || log::is_on(),
        };
        let keys: Vec<&str> = edits.iter().filter(|edit| must_read(edit)).map(RowEdit::key).collect();
        let there = match keys.is_empty() {
            true => BTreeMap::new(),
            false => self.client.rows(&self.name, &self.key, &keys).await.map_err(|error| self.failed(error))?,
        };
        if summary.dry_run {
            for edit in edits {
                summary.count(edit.key(), edit.outcome(there.get(edit.key())).0);
            }
            return Ok(());
        }
        let mut actions: Vec<(&RowEdit, RowAction)> = Vec::new();
        for edit in edits {
            let action = match edit {
                RowEdit::Add { row, .. } => RowAction::Put { row: row.clone(), new: true },
                RowEdit::Remove { key } => RowAction::Delete { key: key.clone() },
                RowEdit::Change { key, set, clear } => {
                    let outcome = edit.outcome(there.get(key)).0;
                    if outcome != EditOutcome::Changed {
                        summary.count(key, outcome);
                        continue;
                    }
                    RowAction::Change { key: key.clone(), set: set.clone(), clear: clear.clone() }
                }
            };
            actions.push((edit, action));
        }
        let replies = self.write(actions.iter().map(|(_, action)| action.clone()).collect()).await?;
        let mut replacing = Vec::new();
        for ((edit, _), reply) in actions.into_iter().zip(replies) {
            match (edit, reply) {
                (RowEdit::Add { .. }, RowReply::Refused(before)) => {
                    let before = before.unwrap_or_default();
                    let (outcome, after) = edit.outcome(Some(&before));
                    match after {
                        Some(after) => replacing.push((edit.key(), outcome, before, after)),
                        None => summary.count(edit.key(), outcome),
                    }
                }
                (_, RowReply::Refused(_)) => summary.count(edit.key(), EditOutcome::Missing),
                (RowEdit::Add { row, .. }, RowReply::Done) => {
                    self.note(summary, edit.key(), EditOutcome::Added, None, Some(row));
                }
                (RowEdit::Remove { key }, RowReply::Done) => {
                    self.note(summary, key, EditOutcome::Removed, there.get(key), None);
                }
                (RowEdit::Change { key, .. }, RowReply::Done) => {
                    let before = there.get(key);
                    let after = edit.outcome(before).1;
                    self.note(summary, key, EditOutcome::Changed, before, after.as_ref());
                }
            }
        }
        let puts = replacing.iter().map(|(.., after)| RowAction::Put { row: after.clone(), new: false }).collect();
        self.write(puts).await?;
        for (key, outcome, before, after) in &replacing {
            self.note(summary, key, *outcome, Some(before), Some(after));
        }
        Ok(())
    }

    async fn write(&self, actions: Vec<RowAction>) -> Result<Vec<RowReply>, TableEditError> {
        self.client.write_rows(&self.name, &self.key, &actions).await.map_err(|error| self.failed(error))
    }

    fn note(
        &self,
        summary: &mut EditSummary,
        key: &str,
        outcome: EditOutcome,
        before: Option<&Cells>,
        after: Option<&Cells>,
    ) {
        summary.count(key, outcome);
        if let Some(action) = outcome.action() {
            log::change(&ItemChange { action, item: key, place: &self.name, who: &self.who, before, after });
        }
    }

    /// Gives an item another name, with all its attributes.
    ///
    /// # Errors
    /// No such item, a name that is taken, and a failed call: nothing is changed then.
    pub async fn rename(&self, old: &str, new: &str, dry_run: bool) -> Result<EditSummary, TableEditError> {
        let (place, mut summary) = (self.place(), EditSummary::of(&self.place(), dry_run));
        let renamed = if dry_run {
            let there =
                self.client.rows(&self.name, &self.key, &[old, new]).await.map_err(|error| self.failed(error))?;
            match (there.get(old), there.get(new)) {
                (None, _) => Renaming::NoOld,
                (_, Some(_)) => Renaming::NewExists,
                (Some(before), None) => Renaming::Done { before: before.clone(), after: before.clone() },
            }
        } else {
            let renamed = self.client.rename(&self.name, &self.key, old, new).await;
            renamed.map_err(|error| self.failed(error))?
        };
        let (old, new) = (old.to_owned(), new.to_owned());
        match renamed {
            Renaming::NoOld => Err(ItemsEditError::NoOld { old, place }.into()),
            Renaming::NewExists => Err(ItemsEditError::NewExists { old, new, place }.into()),
            Renaming::OldChanged => Err(ItemsEditError::OldChanged { old, place }.into()),
            Renaming::Done { before, after } => {
                summary.renamed = 1;
                if !dry_run {
                    let (before, after) = (Some(&before), Some(&after));
                    let change =
                        ItemChange { action: "rename", item: &old, place: &self.name, who: &self.who, before, after };
                    log::change(&change);
                }
                Ok(summary)
            }
        }
    }
}
