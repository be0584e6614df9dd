//! Batch reads and writes of rows, with retries of what DynamoDB leaves unprocessed.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{KeysAndAttributes, PutRequest, WriteRequest};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::attributes::Attributes;
use super::call::{build_error, call_error};
use super::retry::Retry;
use crate::component::meter::Meter;
use crate::model::error::{Error, ErrorCode};

/// Maximum number of rows per BatchWriteItem call, and of keys per BatchGetItem call
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
const MAX_WRITES: usize = 25;
const MAX_READS: usize = 100;
const WRITE: &str = "dynamodb:BatchWriteItem";
const READ: &str = "dynamodb:BatchGetItem";

/// Concurrent calls, so that the 100 rows of a chunk are written at once.
const CONCURRENCY: usize = 4;

/// A table that is read and written in batches.
#[derive(Clone)]
pub struct BatchTable {
    /// The client.
    pub client: Client,
    /// Counts throttling: DynamoDB leaves rows unprocessed when it throttles.
    pub meter: Arc<Meter>,
    /// The table, by name or ARN.
    pub table: String,
}

impl BatchTable {
    /// Writes rows. No two may have the same key.
    ///
    /// # Errors
    /// A failed call. Other rows may have been written.
    pub async fn write(&self, rows: Vec<Attributes>) -> Result<(), Error> {
        let put = |row| {
            let put = PutRequest::builder().set_item(Some(row)).build().map_err(|error| build_error(WRITE, &error))?;
            Ok(WriteRequest::builder().put_request(put).build())
        };
        let mut calls: Vec<Vec<WriteRequest>> = Vec::new();
        for row in rows {
            match calls.last_mut().filter(|call| call.len() < MAX_WRITES) {
                Some(call) => call.push(put(row)?),
                None => calls.push(vec![put(row)?]),
            }
        }
        stream::iter(calls.into_iter().map(Ok))
            .try_for_each_concurrent(CONCURRENCY, |call| self.write_batch(call))
            .await
    }

    async fn write_batch(&self, mut pending: Vec<WriteRequest>) -> Result<(), Error> {
        let mut retry = Retry::default();
        loop {
            let before = pending.len();
            let response = self.client.batch_write_item().request_items(&self.table, pending).send().await;
            let response = response.map_err(|error| call_error(WRITE, &self.table, error))?;
            pending = response.unprocessed_items.unwrap_or_default().into_values().flatten().collect();
            if pending.is_empty() {
                return Ok(());
            }
            self.wait(WRITE, &mut retry, pending.len() < before).await?;
        }
    }

    /// Reads the rows with these distinct keys. Rows that do not exist are skipped.
    ///
    /// # Errors
    /// A failed call.
    pub async fn read(&self, keys: Vec<Attributes>) -> Result<Vec<Attributes>, Error> {
        let calls: Vec<Vec<Attributes>> = keys.chunks(MAX_READS).map(<[_]>::to_vec).collect();
        let calls = stream::iter(calls).map(|call| self.read_batch(call)).buffered(CONCURRENCY);
        let pages: Vec<Vec<Attributes>> = calls.try_collect().await?;
        Ok(pages.into_iter().flatten().collect())
    }

    async fn read_batch(&self, keys: Vec<Attributes>) -> Result<Vec<Attributes>, Error> {
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).build();
        let keys = keys.map_err(|error| build_error(READ, &error))?;
        let mut pending = HashMap::from([(self.table.clone(), keys)]);
        let (mut rows, mut retry) = (Vec::new(), Retry::default());
        loop {
            let response = self.client.batch_get_item().set_request_items(Some(pending)).send().await;
            let response = response.map_err(|error| call_error(READ, &self.table, error))?;
            let read: Vec<_> = response.responses.unwrap_or_default().into_values().flatten().collect();
            pending = response.unprocessed_keys.unwrap_or_default();
            pending.retain(|_, keys| !keys.keys().is_empty());
            let progress = !read.is_empty();
            rows.extend(read);
            if pending.is_empty() {
                return Ok(rows);
            }
            self.wait(READ, &mut retry, progress).await?;
        }
    }

    /// Waits before the next attempt, or fails after too many without progress.
    async fn wait(&self, action: &str, retry: &mut Retry, progress: bool) -> Result<(), Error> {
        self.meter.add_throttled();
        if retry.wait(progress).await {
            return Ok(());
        }
        let message = format!("`{action}` on `{}`: DynamoDB kept leaving rows unprocessed", self.table);
        Err(Error::transient(ErrorCode::Throttled, message))
    }
}
