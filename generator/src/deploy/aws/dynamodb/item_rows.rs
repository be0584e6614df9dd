//! Rows of items under conditions: up to a hundred in one transaction, so that no row is overwritten by accident.
//!
//! A transaction has a token, so an attempt whose answer was lost is not taken for somebody else's write when it is repeated.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use tokio::time::{Instant, sleep};

use super::tables::{DynamoDbClient, cells, refused, unsent};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::items::ItemRow;

/// The IAM actions of the parts of a transaction: it has none of its own
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>).
pub(super) const PUT: &str = "dynamodb:PutItem";
pub(super) const UPDATE: &str = "dynamodb:UpdateItem";
pub(super) const DELETE: &str = "dynamodb:DeleteItem";
pub(super) const GET: &str = "dynamodb:GetItem";
pub(super) const GET_BATCH: &str = "dynamodb:BatchGetItem";

/// The most attributes that a condition compares: expressions are limited to 4 KB.
const COMPARED: usize = 100;
/// The first wait after a conflict or throttling; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long a transaction may make no progress.
const MAX_STALL: Duration = Duration::from_secs(60);

/// How long a transaction is repeated after the SDK gave up: it retries less and less where many calls of one client fail, as
/// among the thousands of a long list.
const MAX_FAULT: Duration = Duration::from_secs(30);

/// One row to write, under its condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowAction {
    /// Puts a row.
    Put {
        /// The row.
        row: ItemRow,
        /// Whether there must be no row with its key.
        new: bool,
    },
    /// Changes attributes of a row that must exist.
    Change {
        /// Its key.
        key: String,
        /// Attributes to set.
        set: ItemRow,
        /// Attributes to remove.
        clear: BTreeSet<String>,
    },
    /// Deletes a row that must exist.
    Delete {
        /// Its key.
        key: String,
    },
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowReply {
    /// The row was written.
    Done,
    /// The condition does not hold: the row that is there, if any.
    Refused(Option<ItemRow>),
}

impl DynamoDbClient {
    /// Writes up to a hundred rows in one transaction. Rows whose condition does not hold are left out, and the others
    /// written in a second one. Conflicts with others and throttling are waited for.
    ///
    /// # Errors
    /// A failed call, and a table that accepts nothing for a minute.
    pub async fn write_rows(&self, table: &str, key: &str, actions: &[RowAction]) -> Result<Vec<RowReply>, CallError> {
        let mut replies = vec![RowReply::Done; actions.len()];
        let mut open: Vec<usize> = (0..actions.len()).collect();
        let (mut wait, start) = (FIRST_WAIT, Instant::now());
        let mut token = token();
        while !open.is_empty() {
            let parts = open.iter().map(|place| part(table, key, &actions[*place]));
            let parts = parts.collect::<Result<Vec<_>, _>>()?;
            let call = self.0.transact_write_items().set_transact_items(Some(parts)).client_request_token(&token);
            let Err(error) = call.send().await else { break };
            let reasons = reasons(&error);
            if reasons.len() != open.len() {
                let error = CallError::of(PUT, error);
                if start.elapsed() > MAX_FAULT || !error.is_passing() {
                    return Err(error);
                }
                // It may have been executed all the same: under its token, that is no second one.
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
                continue;
            }
            token = self::token();
            let (count, mut left) = (open.len(), Vec::new());
            for (place, (code, there)) in open.into_iter().zip(reasons) {
                match code.as_str() {
                    "ConditionalCheckFailed" => replies[place] = RowReply::Refused(there),
                    "None" => left.push(place),
                    code if is_passing(code) => {
                        if start.elapsed() > MAX_STALL {
                            let text = format!("the table `{table}` accepted no rows for a minute");
                            return Err(refused(PUT, code, &text));
                        }
                        left.push(place);
                    }
                    _ => return Err(CallError::of(PUT, error)),
                }
            }
            // Without the rows that were refused, the next attempt is another one, and there is nothing to wait for.
            if left.len() == count {
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            open = left;
        }
        Ok(replies)
    }

    /// Gives a row another key, with all that it has, in one transaction: the old row is deleted only if the new one is put.
    /// Nothing is written if the old row has changed since it was read.
    ///
    /// # Errors
    /// A failed call.
    pub async fn rename(&self, table: &str, key: &str, old: &str, new: &str) -> Result<Renaming, CallError> {
        let call = self.0.get_item().table_name(table).key(key, AttributeValue::S(old.to_owned()));
        let read = call.consistent_read(true).send().await.map_err(|error| CallError::of(GET, error))?;
        let Some(row) = read.item else { return Ok(Renaming::NoOld) };
        let mut renamed = row.clone();
        renamed.insert(key.to_owned(), AttributeValue::S(new.to_owned()));
        let put = Put::builder().table_name(table).set_item(Some(renamed.clone()));
        let put = put.condition_expression("attribute_not_exists(#k)").expression_attribute_names("#k", key).build();
        let mut delete = Delete::builder().table_name(table).key(key, AttributeValue::S(old.to_owned()));
        let mut condition = "attribute_exists(#k)".to_owned();
        for (number, (name, value)) in row.iter().filter(|(name, _)| *name != key).take(COMPARED).enumerate() {
            condition.push_str(&format!(" AND #a{number} = :a{number}"));
            delete = delete.expression_attribute_names(format!("#a{number}"), name);
            delete = delete.expression_attribute_values(format!(":a{number}"), value.clone());
        }
        let delete = delete.condition_expression(condition).expression_attribute_names("#k", key).build();
        let (put, delete) =
            (put.map_err(|error| unsent(PUT, &error))?, delete.map_err(|error| unsent(DELETE, &error))?);
        let parts =
            vec![TransactWriteItem::builder().put(put).build(), TransactWriteItem::builder().delete(delete).build()];
        let (mut wait, start) = (FIRST_WAIT, Instant::now());
        loop {
            let Err(error) = self.0.transact_write_items().set_transact_items(Some(parts.clone())).send().await else {
                return Ok(Renaming::Done { before: cells(row), after: cells(renamed) });
            };
            let codes: Vec<String> = reasons(&error).into_iter().map(|(code, _)| code).collect();
            match codes.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["ConditionalCheckFailed", _] => return Ok(Renaming::NewExists),
                [_, "ConditionalCheckFailed"] => return Ok(Renaming::OldChanged),
                [one, other] if (is_passing(one) || is_passing(other)) && start.elapsed() < MAX_STALL => {}
                _ => return Err(CallError::of(PUT, error)),
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Reads up to a hundred rows by their keys.
    ///
    /// # Errors
    /// A failed call, and a table that gives no rows for a minute.
    pub async fn rows(&self, table: &str, key: &str, keys: &[&str]) -> Result<BTreeMap<String, ItemRow>, CallError> {
        let mut found = BTreeMap::new();
        let one = |name: &&str| HashMap::from([(key.to_owned(), AttributeValue::S((*name).to_owned()))]);
        let asked = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(keys.iter().map(one).collect()));
        let mut asked = Some(asked.build().map_err(|error| unsent(GET_BATCH, &error))?);
        let (mut wait, mut last) = (FIRST_WAIT, Instant::now());
        while let Some(open) = asked.take() {
            let answer = self.0.batch_get_item().request_items(table, open).send().await;
            let answer = answer.map_err(|error| CallError::of(GET_BATCH, error))?;
            let rows = answer.responses.unwrap_or_default().remove(table).unwrap_or_default();
            if !rows.is_empty() {
                last = Instant::now();
            }
            for row in rows.into_iter().map(cells) {
                if let Some(name) = row.get(key) {
                    found.insert(name.clone(), row);
                }
            }
            asked = answer.unprocessed_keys.unwrap_or_default().remove(table);
            if asked.is_some() {
                if last.elapsed() > MAX_STALL {
                    let text = format!("the table `{table}` returned no rows for a minute");
                    return Err(refused(GET_BATCH, "UnprocessedKeys", &text));
                }
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
        Ok(found)
    }

    /// Reads all rows page by page, and gives each page to `each`.
    ///
    /// # Errors
    /// A failed call.
    pub async fn scan_rows(&self, table: &str, mut each: impl FnMut(Vec<ItemRow>)) -> Result<(), CallError> {
        let mut pages = self.0.scan().table_name(table).consistent_read(true).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::of("dynamodb:Scan", error))?;
            each(page.items.unwrap_or_default().into_iter().map(cells).collect());
        }
        Ok(())
    }
}

/// What came of a new name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renaming {
    /// The row has the new key.
    Done {
        /// The row as it was.
        before: ItemRow,
        /// The row as it is.
        after: ItemRow,
    },
    /// There is no row with the old key.
    NoOld,
    /// There is a row with the new key already.
    NewExists,
    /// Somebody changed the row in between.
    OldChanged,
}

/// A token of a transaction, by which DynamoDB knows it again for ten minutes.
fn token() -> String {
    let random = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", random(), random())
}

/// Whether a reason goes away by itself.
fn is_passing(code: &str) -> bool {
    ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"].contains(&code)
}

/// Why a transaction was cancelled, for each of its parts; empty if it failed otherwise.
fn reasons<R>(error: &SdkError<TransactWriteItemsError, R>) -> Vec<(String, Option<ItemRow>)> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
        return Vec::new();
    };
    let of = |reason: &aws_sdk_dynamodb::types::CancellationReason| {
        (reason.code.clone().unwrap_or_else(|| "None".to_owned()), reason.item.clone().map(cells))
    };
    cancelled.cancellation_reasons().iter().map(of).collect()
}

/// An action as a part of a transaction. The attributes' names are placeholders, since DynamoDB reserves hundreds of words.
fn part(table: &str, key: &str, action: &RowAction) -> Result<TransactWriteItem, CallError> {
    let text = |value: &String| AttributeValue::S(value.clone());
    let old = ReturnValuesOnConditionCheckFailure::AllOld;
    let part = TransactWriteItem::builder();
    Ok(match action {
        RowAction::Put { row, new } => {
            let row = row.iter().map(|(name, cell)| (name.clone(), text(cell))).collect();
            let mut put = Put::builder().table_name(table).set_item(Some(row));
            if *new {
                put = put.condition_expression("attribute_not_exists(#k)").expression_attribute_names("#k", key);
                put = put.return_values_on_condition_check_failure(old);
            }
            part.put(put.build().map_err(|error| unsent(PUT, &error))?).build()
        }
        RowAction::Change { key: name, set, clear } => {
            let mut update = Update::builder().table_name(table).key(key, text(name));
            let (mut sets, mut removes) = (Vec::new(), Vec::new());
            for (number, (name, value)) in set.iter().enumerate() {
                sets.push(format!("#s{number} = :s{number}"));
                update = update.expression_attribute_names(format!("#s{number}"), name);
                update = update.expression_attribute_values(format!(":s{number}"), text(value));
            }
            for (number, name) in clear.iter().enumerate() {
                removes.push(format!("#r{number}"));
                update = update.expression_attribute_names(format!("#r{number}"), name);
            }
            let clause = |word, parts: Vec<String>| (!parts.is_empty()).then(|| format!("{word} {}", parts.join(", ")));
            let clauses: Vec<String> = [clause("SET", sets), clause("REMOVE", removes)].into_iter().flatten().collect();
            update = update.update_expression(clauses.join(" "));
            update = update.condition_expression("attribute_exists(#k)").expression_attribute_names("#k", key);
            part.update(update.build().map_err(|error| unsent(UPDATE, &error))?).build()
        }
        RowAction::Delete { key: name } => {
            let delete = Delete::builder().table_name(table).key(key, text(name));
            let delete = delete.condition_expression("attribute_exists(#k)").expression_attribute_names("#k", key);
            part.delete(delete.build().map_err(|error| unsent(DELETE, &error))?).build()
        }
    })
}
