//! The state table: the progress and chunks of runs, cached values, and notes of sinks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure, TransactWriteItem, Update,
};
use jiff::Timestamp;

use super::attributes::{Attributes, MAX_ROW_BYTES, integer, number, row_size, string};
use super::batch::BatchTable;
use super::call::{build_error, call_error};
use super::pages::{self, ChunkPage};
use super::retry::Retry;
use super::state_rows::{
    LEASE, PK, PROGRESS, SK, UNTIL, VALUE, key, page_key, parse_progress, producer_key, replay_key, run_key,
    stored_value,
};
use crate::component::state::{ChunkStatus, Claim, Counts, NoteVisitor, Progress, RunStatus, State};
use crate::model::error::{Error, ErrorCode};
use crate::model::run::{Chunk, RunId};

/// The TTL attribute: when a row expires, in seconds since the Unix epoch.
const EXPIRES: &str = "expires";

/// Attribute of a producer's row: who holds the lease.
const OWNER: &str = "owner";

/// How long the state of a run is kept, in days.
const RUN_DAYS: u64 = 30;

const UPDATE: &str = "dynamodb:UpdateItem";

/// The state in a DynamoDB table.
pub struct DynamodbState {
    table: BatchTable,
    /// The run whose number of chunks is already stored.
    counted: Mutex<Option<(RunId, u64)>>,
}

/// The TTL value for a number of days from now.
fn expires_in(days: u64) -> i64 {
    Timestamp::now().as_second().saturating_add(i64::try_from(days).unwrap_or(0).saturating_mul(86_400))
}

/// The end of a lease that starts now.
fn lease_end() -> i64 {
    Timestamp::now().as_millisecond() + i64::try_from(LEASE.as_millis()).unwrap_or(0)
}

impl DynamodbState {
    /// The state in this table.
    pub fn new(table: BatchTable) -> Self {
        Self { table, counted: Mutex::default() }
    }

    fn name(&self) -> &str {
        &self.table.table
    }

    /// An update of a row of a run, which also renews its TTL. `clauses` are appended to the update expression.
    fn update(&self, key: Attributes, clauses: &str) -> UpdateItemFluentBuilder {
        let call = self.table.client.update_item().table_name(self.name()).set_key(Some(key));
        call.update_expression(format!("SET #expires = :expires{clauses}"))
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_values(":expires", number(expires_in(RUN_DAYS)))
    }

    /// Updates a row of chunks and returns its new content. Retries if the update conflicts with the producer's
    /// transaction.
    async fn update_page(&self, call: UpdateItemFluentBuilder) -> Result<ChunkPage, Error> {
        let mut retry = Retry::default();
        loop {
            let error = match call.clone().return_values(ReturnValue::AllNew).send().await {
                Ok(response) => return Ok(ChunkPage::parse(&response.attributes.unwrap_or_default())),
                Err(error) => error,
            };
            let conflict = error.as_service_error().is_some_and(UpdateItemError::is_transaction_conflict_exception);
            if !conflict || !retry.wait(false).await {
                return Err(call_error(UPDATE, self.name(), error));
            }
        }
    }

    /// Saves progress and the number of chunks in one transaction, so that the number is known before the last chunk is
    /// complete.
    async fn save_chunk_count(&self, run: &RunId, owner: &str, progress: &str, expected: u64) -> Result<(), Error> {
        // IAM has no action for transactions, only for the updates in them.
        const ACTION: &str = UPDATE;
        let set = |page: u64, name: &str, value: u64| {
            Update::builder()
                .table_name(self.name())
                .set_key(Some(page_key(run, page)))
                .update_expression("SET #name = :value, #expires = :expires")
                .expression_attribute_names("#name", name)
                .expression_attribute_names("#expires", EXPIRES)
                .expression_attribute_values(":value", number(value))
                .expression_attribute_values(":expires", number(expires_in(RUN_DAYS)))
                .build()
        };
        let progress = Update::builder()
            .table_name(self.name())
            .set_key(Some(producer_key(run)))
            .condition_expression("#owner = :me")
            .update_expression("SET #progress = :progress, #until = :until, #expires = :expires")
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_names("#progress", PROGRESS)
            .expression_attribute_names("#until", UNTIL)
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_values(":me", string(owner))
            .expression_attribute_values(":progress", string(progress))
            .expression_attribute_values(":until", number(lease_end()))
            .expression_attribute_values(":expires", number(expires_in(RUN_DAYS)))
            .build();
        let mut updates = vec![progress, set(0, pages::EXPECTED, expected)];
        let (last, page_expected) = pages::last_page(expected);
        if last > 0 {
            updates.push(set(last, pages::PAGE_EXPECTED, page_expected));
        }
        let updates =
            updates.into_iter().collect::<Result<Vec<_>, _>>().map_err(|error| build_error(ACTION, &error))?;
        let items: Vec<_> =
            updates.into_iter().map(|update| TransactWriteItem::builder().update(update).build()).collect();
        let mut retry = Retry::default();
        loop {
            let call = self.table.client.transact_write_items().set_transact_items(Some(items.clone()));
            let Err(error) = call.send().await else { return Ok(()) };
            let reasons: Vec<&str> = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                    canceled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect()
                }
                _ => Vec::new(),
            };
            if reasons.contains(&"ConditionalCheckFailed") {
                return Err(lease_lost(run));
            }
            // The transaction was canceled because a worker updated the same row, or because of throttling.
            let transient_reasons = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
            let is_transient = reasons.iter().any(|reason| transient_reasons.contains(reason));
            if !is_transient || !retry.wait(false).await {
                let mut error = call_error(ACTION, self.name(), error);
                error.transient |= is_transient;
                return Err(error);
            }
        }
    }
}

fn lease_lost(run: &RunId) -> Error {
    Error::permanent(ErrorCode::LeaseLost, format!("another producer has taken over run {run}"))
}

/// The claim that a producer's row allows.
fn parse_claim(row: &Attributes) -> Result<Claim, Error> {
    let Some(progress) = parse_progress(row)? else { return Ok(Claim::New) };
    Ok(if progress.ended { Claim::Finished(progress) } else { Claim::Resumed(progress) })
}

/// The remaining milliseconds of the lease in a producer's row.
fn lease_left(row: &Attributes) -> u64 {
    let left = integer(row, UNTIL).unwrap_or_else(lease_end) - Timestamp::now().as_millisecond();
    u64::try_from(left).unwrap_or(0)
}

#[async_trait]
impl State for DynamodbState {
    async fn claim_run(&self, run: &RunId, owner: &str) -> Result<Claim, Error> {
        let call = self
            .update(producer_key(run), ", #owner = :me, #until = :until")
            .condition_expression("attribute_not_exists(#pk) OR #owner = :me OR #until < :now")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_names("#until", UNTIL)
            .expression_attribute_values(":me", string(owner))
            .expression_attribute_values(":until", number(lease_end()))
            .expression_attribute_values(":now", number(Timestamp::now().as_millisecond()))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        match call.send().await {
            Ok(response) => parse_claim(&response.attributes.unwrap_or_default()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failure)) => {
                    let row = failure.item().cloned().unwrap_or_default();
                    let claim = parse_claim(&row)?;
                    Ok(if matches!(claim, Claim::Finished(_)) { claim } else { Claim::Held(lease_left(&row)) })
                }
                _ => Err(call_error(UPDATE, self.name(), error)),
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
        let progress = serde_json::to_string(progress).map_err(|error| {
            Error::permanent(ErrorCode::StateUnwritable, format!("cannot serialize the progress of the run: {error}"))
        })?;
        let counted = expected.map(|expected| (run.clone(), expected));
        let known = self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(expected) = expected
            && counted != known
        {
            self.save_chunk_count(run, owner, &progress, expected).await?;
            *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = counted;
            return Ok(());
        }
        let call = self
            .update(producer_key(run), ", #progress = :progress, #until = :until")
            .condition_expression("#owner = :me")
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_names("#progress", PROGRESS)
            .expression_attribute_names("#until", UNTIL)
            .expression_attribute_values(":me", string(owner))
            .expression_attribute_values(":progress", string(progress))
            .expression_attribute_values(":until", number(lease_end()));
        call.send().await.map(|_| ()).map_err(|error| match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => lease_lost(run),
            _ => call_error(UPDATE, self.name(), error),
        })
    }

    async fn chunk_status(&self, chunk: &Chunk) -> Result<ChunkStatus, Error> {
        let key = page_key(&chunk.run, pages::page_of(chunk.number));
        let call = self.table.client.get_item().table_name(self.name()).set_key(Some(key));
        let (done, took) = (pages::chunk_attribute(chunk.number), pages::sinks_attribute(chunk.number));
        let call = call
            .consistent_read(true)
            .projection_expression("#done, #took")
            .expression_attribute_names("#done", &done)
            .expression_attribute_names("#took", &took);
        let response = call.send().await.map_err(|error| call_error("dynamodb:GetItem", self.name(), error))?;
        let row = response.item.unwrap_or_default();
        let names = row.get(&took).and_then(|names| names.as_ss().ok()).cloned().unwrap_or_default();
        Ok(ChunkStatus { done: row.get(&done).and_then(pages::parse_counts), sinks: names.into_iter().collect() })
    }

    async fn record_sinks(&self, chunk: &Chunk, sinks: &BTreeSet<String>) -> Result<(), Error> {
        // `ADD` merges the sets of concurrent deliveries that reached different sinks.
        let call = self
            .update(page_key(&chunk.run, pages::page_of(chunk.number)), " ADD #took :sinks")
            .expression_attribute_names("#took", pages::sinks_attribute(chunk.number))
            .expression_attribute_values(":sinks", AttributeValue::Ss(sinks.iter().cloned().collect()));
        self.update_page(call).await.map(|_| ())
    }

    async fn complete_chunk(&self, chunk: &Chunk, counts: &Counts) -> Result<RunStatus, Error> {
        let set = |page: u64, name: String, counts: &Counts| {
            self.update(page_key(&chunk.run, page), ", #name = :counts, #at = :at")
                .expression_attribute_names("#name", name)
                .expression_attribute_names("#at", pages::LAST_CHUNK_AT)
                .expression_attribute_values(":counts", string(pages::format_counts(counts)))
                .expression_attribute_values(":at", number(Timestamp::now().as_millisecond()))
        };
        let index = pages::page_of(chunk.number);
        let page = self.update_page(set(index, pages::chunk_attribute(chunk.number), counts)).await?;
        if index == 0 {
            return Ok(page.status());
        }
        match page.total_counts() {
            Some(total) => Ok(self.update_page(set(0, pages::total_attribute(index), &total)).await?.status()),
            None => Ok(RunStatus::default()),
        }
    }

    async fn record_replay(&self, chunk: &Chunk, replay: &str, outcome: &str) -> Result<(), Error> {
        let call = self
            .update(replay_key(replay, chunk), ", #value = :value")
            .expression_attribute_names("#value", VALUE)
            .expression_attribute_values(":value", string(outcome));
        call.send().await.map(|_| ()).map_err(|error| call_error(UPDATE, self.name(), error))
    }

    async fn replay_outcome(&self, chunk: &Chunk, replay: &str) -> Result<Option<String>, Error> {
        let call = self.table.client.get_item().table_name(self.name()).set_key(Some(replay_key(replay, chunk)));
        let response = call.consistent_read(true).send().await;
        let response = response.map_err(|error| call_error("dynamodb:GetItem", self.name(), error))?;
        Ok(response.item.as_ref().and_then(stored_value).map(str::to_owned))
    }

    async fn mark_notified(&self, run: &RunId) -> Result<(), Error> {
        let call = self.update(page_key(run, 0), ", #notified = :yes");
        let call = call.expression_attribute_names("#notified", pages::NOTIFIED);
        self.update_page(call.expression_attribute_values(":yes", number(1))).await.map(|_| ())
    }

    async fn get_cached(&self, keys: &[String]) -> Result<BTreeMap<String, String>, Error> {
        let keys: BTreeSet<&String> = keys.iter().collect();
        let rows = self.table.read(keys.into_iter().map(|pk| key(pk, "-")).collect()).await?;
        let value = |row: Attributes| Some((row.get(PK)?.as_s().ok()?.clone(), row.get(VALUE)?.as_s().ok()?.clone()));
        Ok(rows.into_iter().filter_map(value).collect())
    }

    async fn put_cached(&self, values: Vec<(String, String)>, days: u64) -> Result<(), Error> {
        let expires = number(expires_in(days));
        let row = |(pk, value): (String, String)| {
            let mut row = key(pk, "-");
            row.extend([(VALUE.to_owned(), string(value)), (EXPIRES.to_owned(), expires.clone())]);
            row
        };
        // The last value of a key wins. A value too large for a row is not cached.
        let values: BTreeMap<String, String> = values.into_iter().collect();
        self.table.write(values.into_iter().map(row).filter(|row| row_size(row) <= MAX_ROW_BYTES).collect()).await
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
        row.extend([(VALUE.to_owned(), string(value)), (EXPIRES.to_owned(), number(expires_in(days)))]);
        let call = self.table.client.put_item().table_name(self.name()).set_item(Some(row));
        let call =
            call.expression_attribute_names("#pk", PK).return_values_on_condition_check_failure(OnFailure::AllOld);
        let call = match known {
            None => call.condition_expression("attribute_not_exists(#pk)"),
            Some(known) => call
                .condition_expression("attribute_not_exists(#pk) OR #value = :known")
                .expression_attribute_names("#value", VALUE)
                .expression_attribute_values(":known", string(known)),
        };
        let Err(error) = call.send().await else { return Ok(None) };
        let Some(PutItemError::ConditionalCheckFailedException(failure)) = error.as_service_error() else {
            return Err(call_error(ACTION, self.name(), error));
        };
        let current = failure.item().and_then(|row| row.get(VALUE)?.as_s().ok()).cloned().unwrap_or_default();
        // The row already has the new value if an earlier attempt succeeded but its response was lost.
        Ok(Some(current).filter(|current| current != value))
    }

    async fn add_note(&self, chunk: &Chunk, sink: &str, note: String) -> Result<(), Error> {
        let sk = format!("note#{sink}#{:06}", chunk.number);
        let mut row = key(run_key(&chunk.run), sk);
        row.extend([(VALUE.to_owned(), string(note)), (EXPIRES.to_owned(), number(expires_in(RUN_DAYS)))]);
        let call = self.table.client.put_item().table_name(self.name()).set_item(Some(row));
        call.send().await.map(|_| ()).map_err(|error| call_error("dynamodb:PutItem", self.name(), error))
    }

    async fn for_each_note(&self, run: &RunId, sink: &str, visit: &mut NoteVisitor<'_>) -> Result<(), Error> {
        // A consistent read, since notes may have been written a moment ago.
        let call = self.table.client.query().table_name(self.name()).consistent_read(true);
        let mut pages = call
            .key_condition_expression("#pk = :run AND begins_with(#sk, :start)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":run", string(run_key(run)))
            .expression_attribute_values(":start", string(format!("note#{sink}#")))
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call_error("dynamodb:Query", self.name(), error))?;
            let note = |row: Attributes| row.get(VALUE)?.as_s().ok().cloned();
            page.items.unwrap_or_default().into_iter().filter_map(note).try_for_each(&mut *visit)?;
        }
        Ok(())
    }
}
