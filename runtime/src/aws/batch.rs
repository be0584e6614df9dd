//! Many rows at once: written 25 a call, read 100 a call; what DynamoDB left undone is asked for again.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{KeysAndAttributes, PutRequest, WriteRequest};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::attributes::Attributes;
use super::call::failed;
use super::retry::Retry;
use crate::component::meter::Meter;
use crate::model::error::{Error, ErrorCode};

/// Rows of one BatchWriteItem, and keys of one BatchGetItem
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
const WRITES: usize = 25;
const READS: usize = 100;
/// Calls at once: a chunk of 100 rows is written in one go.
const AT_ONCE: usize = 4;

/// A table of many rows.
#[derive(Clone)]
pub struct Batches {
    /// The client.
    pub client: Client,
    /// What is counted: rows that DynamoDB left undone are its way to ask for patience.
    pub meter: Arc<Meter>,
    /// The table, by name or ARN.
    pub table: String,
}

impl Batches {
    /// Writes rows, of which no two have the same key.
    ///
    /// # Errors
    /// What kept one of them from being written; others may have been.
    pub async fn write(&self, rows: Vec<Attributes>) -> Result<(), Error> {
        let unmade = |error: &dyn std::fmt::Display| Error::permanent(ErrorCode::AwsRefused, format!("a row: {error}"));
        let put = |row| {
            let put = PutRequest::builder().set_item(Some(row)).build().map_err(|error| unmade(&error))?;
            Ok(WriteRequest::builder().put_request(put).build())
        };
        let mut calls: Vec<Vec<WriteRequest>> = Vec::new();
        for row in rows {
            match calls.last_mut().filter(|call| call.len() < WRITES) {
                Some(call) => call.push(put(row)?),
                None => calls.push(vec![put(row)?]),
            }
        }
        stream::iter(calls.into_iter().map(Ok)).try_for_each_concurrent(AT_ONCE, |call| self.write_some(call)).await
    }

    async fn write_some(&self, mut waiting: Vec<WriteRequest>) -> Result<(), Error> {
        const ACTION: &str = "dynamodb:BatchWriteItem";
        let mut tries = Retry::default();
        loop {
            let before = waiting.len();
            let answer = self.client.batch_write_item().request_items(&self.table, waiting).send().await;
            let answer = answer.map_err(|error| failed(ACTION, &self.table, error))?;
            waiting = answer.unprocessed_items.unwrap_or_default().into_values().flatten().collect();
            if waiting.is_empty() {
                return Ok(());
            }
            self.again(ACTION, &mut tries, waiting.len() < before).await?;
        }
    }

    /// Reads the rows of these keys, of which no two are the same, as far as they are there.
    ///
    /// # Errors
    /// What kept one of them from being read.
    pub async fn read(&self, keys: Vec<Attributes>) -> Result<Vec<Attributes>, Error> {
        let calls: Vec<Vec<Attributes>> = keys.chunks(READS).map(<[_]>::to_vec).collect();
        let calls = stream::iter(calls).map(|call| self.read_some(call)).buffered(AT_ONCE);
        let pages: Vec<Vec<Attributes>> = calls.try_collect().await?;
        Ok(pages.into_iter().flatten().collect())
    }

    async fn read_some(&self, keys: Vec<Attributes>) -> Result<Vec<Attributes>, Error> {
        const ACTION: &str = "dynamodb:BatchGetItem";
        let unmade = |error| Error::permanent(ErrorCode::AwsRefused, format!("`{ACTION}`: {error}"));
        let asked = KeysAndAttributes::builder().set_keys(Some(keys)).build().map_err(unmade)?;
        let mut waiting = HashMap::from([(self.table.clone(), asked)]);
        let (mut rows, mut tries) = (Vec::new(), Retry::default());
        loop {
            let answer = self.client.batch_get_item().set_request_items(Some(waiting)).send().await;
            let answer = answer.map_err(|error| failed(ACTION, &self.table, error))?;
            let read: Vec<_> = answer.responses.unwrap_or_default().into_values().flatten().collect();
            waiting = answer.unprocessed_keys.unwrap_or_default();
            waiting.retain(|_, keys| !keys.keys().is_empty());
            let further = !read.is_empty();
            rows.extend(read);
            if waiting.is_empty() {
                return Ok(rows);
            }
            self.again(ACTION, &mut tries, further).await?;
        }
    }

    async fn again(&self, action: &str, tries: &mut Retry, further: bool) -> Result<(), Error> {
        self.meter.add_throttled();
        if tries.next(further).await {
            return Ok(());
        }
        let words = format!("`{action}` on `{}`: DynamoDB left rows undone again and again", self.table);
        Err(Error::transient(ErrorCode::Throttled, words))
    }
}
