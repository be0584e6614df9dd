//! The rows of runs and replays in the state table.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use fanggen_runtime::aws::state_rows::{PK, RUNS, SK, StoredRun, producer_key, replay_key, stored_value};
use fanggen_runtime::model::run::{Chunk, RunId};
use tokio::time::sleep;

use super::tables::unsent;
use crate::deploy::aws::account::Account;
use crate::deploy::aws::api_call::{ApiCall, calls};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::call_log::logged_client;
use crate::resources::Target;

/// Rows of one BatchGetItem
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>).
const BATCH: usize = 100;
/// The first wait after unprocessed keys; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

calls! { "dynamodb":
    [operate_only] GET_BATCH = "BatchGetItem" on Target::StateTable,
    [operate_only] GET = "GetItem" on Target::StateTable,
    [operate_only] QUERY = "Query" on Target::StateTable,
}

type Row = HashMap<String, AttributeValue>;

/// The state table of an environment.
#[derive(Clone, Debug)]
pub struct RunRowsClient {
    client: Client,
    table: String,
}

impl RunRowsClient {
    /// Creates the client without a call.
    #[must_use]
    pub fn open(account: &Account, table: String) -> Self {
        Self { client: logged_client!(aws_sdk_dynamodb, account), table }
    }

    /// The newest runs since a moment, the newest first, at most `limit` of them. Two calls for a hundred runs; more if some
    /// with over a hundred chunks are incomplete.
    ///
    /// # Errors
    /// A failed call.
    pub async fn newest(&self, since: Option<&RunId>, limit: Option<usize>) -> Result<Vec<StoredRun>, CallError> {
        let mut runs = Vec::new();
        let mut call = self.client.query().table_name(&self.table).scan_index_forward(false).consistent_read(true);
        call = call.expression_attribute_names("#pk", PK).expression_attribute_values(":runs", text(RUNS));
        call = match since {
            None => call.key_condition_expression("#pk = :runs"),
            Some(since) => call
                .key_condition_expression("#pk = :runs AND #sk >= :since")
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":since", text(since.as_str())),
        };
        let page_size = limit.and_then(|limit| i32::try_from(limit).ok());
        let mut pages = call.set_limit(page_size).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::of(QUERY, error))?;
            runs.extend(page.items().iter().filter_map(StoredRun::parse));
            if limit.is_some_and(|limit| runs.len() >= limit) {
                break;
            }
        }
        runs.truncate(limit.unwrap_or(usize::MAX));
        self.add_chunks(&mut runs).await?;
        Ok(runs)
    }

    /// One run; nothing if its producer has not begun, or its rows have expired.
    ///
    /// # Errors
    /// A failed call.
    pub async fn find(&self, run: &RunId) -> Result<Option<StoredRun>, CallError> {
        let call = self.client.get_item().table_name(&self.table).set_key(Some(producer_key(run)));
        let answer = call.consistent_read(true).send().await.map_err(|error| CallError::of(GET, error))?;
        let Some(stored) = answer.item().and_then(StoredRun::parse) else { return Ok(None) };
        let mut runs = [stored];
        self.add_chunks(&mut runs).await?;
        let [stored] = runs;
        Ok(Some(stored))
    }

    /// What became of chunks in a replay, in the same order; nothing for a chunk that is not done. One call for a hundred
    /// chunks.
    ///
    /// # Errors
    /// A failed call.
    pub async fn replay_outcomes(&self, replay: &str, chunks: &[Chunk]) -> Result<Vec<Option<String>>, CallError> {
        let keys: Vec<Row> = chunks.iter().map(|chunk| replay_key(replay, chunk)).collect();
        let rows: Vec<Row> = self.rows(&keys).await?.into_values().flatten().collect();
        let is_at = |row: &Row, key: &Row| key.iter().all(|(name, value)| row.get(name) == Some(value));
        let outcome = |key: &Row| rows.iter().find(|row| is_at(row, key)).and_then(stored_value).map(str::to_owned);
        Ok(keys.iter().map(outcome).collect())
    }

    /// Reads the chunks of runs: the first row of each, then the others of those that need them.
    async fn add_chunks(&self, runs: &mut [StoredRun]) -> Result<(), CallError> {
        let first: Vec<Row> = runs.iter().map(StoredRun::first_page_key).collect();
        let first = self.rows(&first).await?;
        let (mut others, mut owners) = (Vec::new(), HashMap::new());
        for (index, stored) in runs.iter_mut().enumerate() {
            let Some(row) = partition(&stored.first_page_key()).and_then(|key| first.get(key)) else { continue };
            owners.insert(partition(&stored.first_page_key()).unwrap_or_default().to_owned(), index);
            for row in row {
                others.extend(stored.add_first_page(row));
            }
        }
        for (key, rows) in self.rows(&others).await? {
            if let Some(stored) = owners.get(&key).and_then(|index| runs.get_mut(*index)) {
                rows.iter().for_each(|row| stored.add_page(row));
            }
        }
        Ok(())
    }

    /// The rows with these keys that exist, by partition.
    async fn rows(&self, keys: &[Row]) -> Result<HashMap<String, Vec<Row>>, CallError> {
        let mut found: HashMap<String, Vec<Row>> = HashMap::new();
        for batch in keys.chunks(BATCH) {
            let (mut open, mut wait) = (batch.to_vec(), FIRST_WAIT);
            while !open.is_empty() {
                let keys = KeysAndAttributes::builder().set_keys(Some(open.clone())).consistent_read(true).build();
                let keys = keys.map_err(|error| unsent(GET_BATCH, &error))?;
                let answer = self.client.batch_get_item().request_items(&self.table, keys).send().await;
                let answer = answer.map_err(|error| CallError::of(GET_BATCH, error))?;
                for row in answer.responses.unwrap_or_default().into_values().flatten() {
                    if let Some(key) = partition(&row) {
                        found.entry(key.to_owned()).or_default().push(row);
                    }
                }
                let left = answer.unprocessed_keys.unwrap_or_default().into_values();
                open = left.flat_map(|left| left.keys).collect();
                if !open.is_empty() {
                    sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
        Ok(found)
    }
}

fn partition(row: &Row) -> Option<&str> {
    Some(row.get(PK)?.as_s().ok()?.as_str())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
