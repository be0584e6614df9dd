//! The state table: runs with their producer, chunks that are done, values that were paid for, notes of sinks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure, TransactWriteItem, Update,
};
use jiff::Timestamp;

use super::attributes::{Attributes, ROW_BYTES, length, number, text};
use super::batch::Batches;
use super::call::failed;
use super::pages::{self, ChunkPage};
use super::retry::Retry;
use crate::component::state::{ChunkStatus, Claim, Counts, NoteVisitor, Progress, RunStatus, State};
use crate::model::error::{Error, ErrorCode};
use crate::model::run::{Chunk, RunId};

/// The keys of the table.
const PK: &str = "pk";
const SK: &str = "sk";
/// When a row ends, in seconds since 1970.
const EXPIRES: &str = "expires";
/// What a row of one value holds.
const VALUE: &str = "value";

const OWNER: &str = "owner";
const UNTIL: &str = "until";
const PROGRESS: &str = "progress";

/// For how long a producer is taken to be at work after it last said so: longer than it takes to send a batch.
const LEASE: Duration = Duration::from_secs(45);
/// For how long what is known of a run is kept, in days.
const RUN_DAYS: u64 = 30;

const UPDATE: &str = "dynamodb:UpdateItem";

/// The table.
pub struct DynamodbState {
    table: Batches,
    /// The run whose chunks this process has counted out already.
    counted: Mutex<Option<(RunId, u64)>>,
}

fn run_key(run: &RunId) -> String {
    format!("run#{run}")
}

fn key(pk: impl Into<String>, sk: impl Into<String>) -> Attributes {
    Attributes::from([(PK.to_owned(), text(pk)), (SK.to_owned(), text(sk))])
}

/// So many days from now, as DynamoDB wants it.
fn expires(days: u64) -> i64 {
    Timestamp::now().as_second().saturating_add(i64::try_from(days).unwrap_or(0).saturating_mul(86_400))
}

fn until() -> i64 {
    Timestamp::now().as_millisecond() + i64::try_from(LEASE.as_millis()).unwrap_or(0)
}

impl DynamodbState {
    /// What is remembered in this table.
    pub fn of(table: Batches) -> Self {
        Self { table, counted: Mutex::default() }
    }

    fn name(&self) -> &str {
        &self.table.table
    }

    /// An update of a row of a run, which keeps the row for long enough.
    fn update(&self, run: &RunId, sk: &str, more: &str) -> UpdateItemFluentBuilder {
        let call = self.table.client.update_item().table_name(self.name()).set_key(Some(key(run_key(run), sk)));
        call.update_expression(format!("SET #expires = :expires{more}"))
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_values(":expires", number(expires(RUN_DAYS)))
    }

    /// An update of a row with chunks, and how it is then. A producer that says how many there are may be at the same
    /// row, which DynamoDB then refuses.
    async fn page(&self, call: UpdateItemFluentBuilder) -> Result<ChunkPage, Error> {
        let mut tries = Retry::default();
        loop {
            let error = match call.clone().return_values(ReturnValue::AllNew).send().await {
                Ok(answer) => return Ok(ChunkPage::read(&answer.attributes.unwrap_or_default())),
                Err(error) => error,
            };
            let again = error.as_service_error().is_some_and(UpdateItemError::is_transaction_conflict_exception);
            if !again || !tries.next(false).await {
                return Err(failed(UPDATE, self.name(), error));
            }
        }
    }

    /// Writes progress down together with the number of chunks, so that no chunk of the last ones is done before it is
    /// known.
    async fn count_out(&self, run: &RunId, owner: &str, progress: &str, expected: u64) -> Result<(), Error> {
        // IAM knows the updates of a transaction, and not the transaction.
        const ACTION: &str = UPDATE;
        let unmade = |error| Error::permanent(ErrorCode::AwsRefused, format!("`{ACTION}`: {error}"));
        let set = |sk: &str, name: &str, value: u64| {
            Update::builder()
                .table_name(self.name())
                .set_key(Some(key(run_key(run), sk)))
                .update_expression("SET #name = :value, #expires = :expires")
                .expression_attribute_names("#name", name)
                .expression_attribute_names("#expires", EXPIRES)
                .expression_attribute_values(":value", number(value))
                .expression_attribute_values(":expires", number(expires(RUN_DAYS)))
                .build()
        };
        let note = Update::builder()
            .table_name(self.name())
            .set_key(Some(key(run_key(run), "producer")))
            .condition_expression("#owner = :me")
            .update_expression("SET #progress = :progress, #until = :until, #expires = :expires")
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_names("#progress", PROGRESS)
            .expression_attribute_names("#until", UNTIL)
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_values(":me", text(owner))
            .expression_attribute_values(":progress", text(progress))
            .expression_attribute_values(":until", number(until()))
            .expression_attribute_values(":expires", number(expires(RUN_DAYS)))
            .build();
        let mut updates = vec![note.map_err(unmade)?, set(&pages::sort(0), pages::EXPECTED, expected).map_err(unmade)?];
        let (last, here) = pages::last(expected);
        if last > 0 {
            updates.push(set(&pages::sort(last), pages::HERE, here).map_err(unmade)?);
        }
        let items: Vec<_> =
            updates.into_iter().map(|update| TransactWriteItem::builder().update(update).build()).collect();
        let mut tries = Retry::default();
        loop {
            let call = self.table.client.transact_write_items().set_transact_items(Some(items.clone()));
            let Err(error) = call.send().await else { return Ok(()) };
            let reasons: Vec<&str> = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect()
                }
                _ => Vec::new(),
            };
            if reasons.contains(&"ConditionalCheckFailed") {
                return Err(lost(run));
            }
            // Nothing of it was done: a worker was at the same row, or there were too many calls.
            let passes = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
            let again = reasons.iter().any(|reason| passes.contains(reason));
            if !again || !tries.next(false).await {
                let mut error = failed(ACTION, self.name(), error);
                error.transient |= again;
                return Err(error);
            }
        }
    }
}

fn lost(run: &RunId) -> Error {
    let words = format!("another producer has taken run {run} over, and goes on with it");
    Error::permanent(ErrorCode::LeaseLost, words)
}

/// What a producer's row says.
fn begun(row: &Attributes) -> Result<Claim, Error> {
    let Some(progress) = row.get(PROGRESS).and_then(|value| value.as_s().ok()) else { return Ok(Claim::New) };
    let progress: Progress = serde_json::from_str(progress).map_err(|_| {
        let words =
            "what is known of the run was written by another version: start it again when this one is everywhere";
        Error::permanent(ErrorCode::StateUnreadable, words)
    })?;
    Ok(if progress.ended { Claim::Finished(progress) } else { Claim::Resumed(progress) })
}

/// For how many milliseconds the lease of a producer's row still holds.
fn held(row: &Attributes) -> u64 {
    let until = row.get(UNTIL).and_then(|until| until.as_n().ok()?.parse::<i64>().ok());
    let left = until.unwrap_or_else(self::until) - Timestamp::now().as_millisecond();
    u64::try_from(left).unwrap_or(0)
}

#[async_trait]
impl State for DynamodbState {
    async fn claim_run(&self, run: &RunId, owner: &str) -> Result<Claim, Error> {
        let call = self
            .update(run, "producer", ", #owner = :me, #until = :until")
            .condition_expression("attribute_not_exists(#pk) OR #owner = :me OR #until < :now")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_names("#until", UNTIL)
            .expression_attribute_values(":me", text(owner))
            .expression_attribute_values(":until", number(until()))
            .expression_attribute_values(":now", number(Timestamp::now().as_millisecond()))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        match call.send().await {
            Ok(answer) => begun(&answer.attributes.unwrap_or_default()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    let row = refused.item().cloned().unwrap_or_default();
                    let begun = begun(&row)?;
                    Ok(if matches!(begun, Claim::Finished(_)) { begun } else { Claim::Held(held(&row)) })
                }
                _ => Err(failed(UPDATE, self.name(), error)),
            },
        }
    }

    async fn save_progress(
        &self,
        run: &RunId,
        owner: &str,
        progress: &Progress,
        expected: Option<u64>,
    ) -> Result<(), Error> {
        let unwritable = |error| Error::permanent(ErrorCode::StateUnwritable, format!("the run's progress: {error}"));
        let progress = serde_json::to_string(progress).map_err(unwritable)?;
        let counted = expected.map(|expected| (run.clone(), expected));
        let known = self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(expected) = expected
            && counted != known
        {
            self.count_out(run, owner, &progress, expected).await?;
            *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = counted;
            return Ok(());
        }
        let call = self
            .update(run, "producer", ", #progress = :progress, #until = :until")
            .condition_expression("#owner = :me")
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_names("#progress", PROGRESS)
            .expression_attribute_names("#until", UNTIL)
            .expression_attribute_values(":me", text(owner))
            .expression_attribute_values(":progress", text(progress))
            .expression_attribute_values(":until", number(until()));
        call.send().await.map(|_| ()).map_err(|error| match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => lost(run),
            _ => failed(UPDATE, self.name(), error),
        })
    }

    async fn chunk_status(&self, chunk: &Chunk) -> Result<ChunkStatus, Error> {
        let sk = pages::sort(pages::of(chunk.number));
        let call = self.table.client.get_item().table_name(self.name()).set_key(Some(key(run_key(&chunk.run), sk)));
        let (done, took) = (pages::chunk(chunk.number), pages::sinks(chunk.number));
        let call = call
            .consistent_read(true)
            .projection_expression("#done, #took")
            .expression_attribute_names("#done", &done)
            .expression_attribute_names("#took", &took);
        let answer = call.send().await.map_err(|error| failed("dynamodb:GetItem", self.name(), error))?;
        let row = answer.item.unwrap_or_default();
        let names = row.get(&took).and_then(|names| names.as_ss().ok()).cloned().unwrap_or_default();
        Ok(ChunkStatus { done: row.get(&done).and_then(pages::counts), sinks: names.into_iter().collect() })
    }

    async fn record_sinks(&self, chunk: &Chunk, sinks: &BTreeSet<String>) -> Result<(), Error> {
        // Two deliveries at once may each have come so far with other sinks: what one adds, the other does not undo.
        let call = self
            .update(&chunk.run, &pages::sort(pages::of(chunk.number)), " ADD #took :sinks")
            .expression_attribute_names("#took", pages::sinks(chunk.number))
            .expression_attribute_values(":sinks", AttributeValue::Ss(sinks.iter().cloned().collect()));
        self.page(call).await.map(|_| ())
    }

    async fn complete_chunk(&self, chunk: &Chunk, counts: Counts) -> Result<RunStatus, Error> {
        let set = |page: u64, name: String, counts: Counts| {
            self.update(&chunk.run, &pages::sort(page), ", #name = :counts")
                .expression_attribute_names("#name", name)
                .expression_attribute_values(":counts", text(pages::word(counts)))
        };
        let place = pages::of(chunk.number);
        let page = self.page(set(place, pages::chunk(chunk.number), counts)).await?;
        if place == 0 {
            return Ok(page.status());
        }
        match page.total_counts() {
            Some(total_counts) => Ok(self.page(set(0, pages::total(place), total_counts)).await?.status()),
            None => Ok(RunStatus::default()),
        }
    }

    async fn mark_notified(&self, run: &RunId) -> Result<(), Error> {
        let call = self.update(run, &pages::sort(0), ", #told = :yes").expression_attribute_names("#told", pages::TOLD);
        self.page(call.expression_attribute_values(":yes", number(1))).await.map(|_| ())
    }

    async fn get_cached(&self, keys: &[String]) -> Result<BTreeMap<String, String>, Error> {
        let keys: BTreeSet<&String> = keys.iter().collect();
        let rows = self.table.read(keys.into_iter().map(|pk| key(pk, "-")).collect()).await?;
        let value = |row: Attributes| Some((row.get(PK)?.as_s().ok()?.clone(), row.get(VALUE)?.as_s().ok()?.clone()));
        Ok(rows.into_iter().filter_map(value).collect())
    }

    async fn put_cached(&self, values: Vec<(String, String)>, days: u64) -> Result<(), Error> {
        let expires = number(expires(days));
        let row = |(pk, value): (String, String)| {
            let mut row = key(pk, "-");
            row.extend([(VALUE.to_owned(), text(value)), (EXPIRES.to_owned(), expires.clone())]);
            row
        };
        // Of two values of one key the last one counts; one that fits into no row is not remembered, and found again.
        let values: BTreeMap<String, String> = values.into_iter().collect();
        self.table.write(values.into_iter().map(row).filter(|row| length(row) <= ROW_BYTES).collect()).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        known: Option<&str>,
        value: &str,
        days: u64,
    ) -> Result<Option<String>, Error> {
        const ACTION: &str = "dynamodb:PutItem";
        let mut row = self::key(key, "-");
        row.extend([(VALUE.to_owned(), text(value)), (EXPIRES.to_owned(), number(expires(days)))]);
        let call = self.table.client.put_item().table_name(self.name()).set_item(Some(row));
        let call =
            call.expression_attribute_names("#pk", PK).return_values_on_condition_check_failure(OnFailure::AllOld);
        let call = match known {
            None => call.condition_expression("attribute_not_exists(#pk)"),
            Some(known) => call
                .condition_expression("attribute_not_exists(#pk) OR #value = :known")
                .expression_attribute_names("#value", VALUE)
                .expression_attribute_values(":known", text(known)),
        };
        let Err(error) = call.send().await else { return Ok(None) };
        let Some(PutItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() else {
            return Err(failed(ACTION, self.name(), error));
        };
        let there = refused.item().and_then(|row| row.get(VALUE)?.as_s().ok()).cloned().unwrap_or_default();
        // An answer that was lost on the way: the first try had done it.
        Ok(Some(there).filter(|there| there != value))
    }

    async fn add_note(&self, chunk: &Chunk, sink: &str, note: String) -> Result<(), Error> {
        let sk = format!("note#{sink}#{:06}", chunk.number);
        let mut row = key(run_key(&chunk.run), sk);
        row.extend([(VALUE.to_owned(), text(note)), (EXPIRES.to_owned(), number(expires(RUN_DAYS)))]);
        let call = self.table.client.put_item().table_name(self.name()).set_item(Some(row));
        call.send().await.map(|_| ()).map_err(|error| failed("dynamodb:PutItem", self.name(), error))
    }

    async fn for_each_note(&self, run: &RunId, sink: &str, visit: &mut NoteVisitor<'_>) -> Result<(), Error> {
        // Consistent: the note of the chunk before the last one may be a moment old.
        let call = self.table.client.query().table_name(self.name()).consistent_read(true);
        let mut pages = call
            .key_condition_expression("#pk = :run AND begins_with(#sk, :start)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":run", text(run_key(run)))
            .expression_attribute_values(":start", text(format!("note#{sink}#")))
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("dynamodb:Query", self.name(), error))?;
            let note = |row: Attributes| row.get(VALUE)?.as_s().ok().cloned();
            page.items.unwrap_or_default().into_iter().filter_map(note).try_for_each(&mut *visit)?;
        }
        Ok(())
    }
}
