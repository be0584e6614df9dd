//! Tables: their descriptions, all rows of a table of items, and the deletion of retained tables.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, PutRequest, Select, WriteRequest};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::item_rows;
use crate::deploy::aws::account::Account;
use crate::deploy::aws::api_call::ApiCall;
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::call_log::logged_client;
use crate::deploy::count::Count;
use crate::deploy::items::{ItemRow, RowHash, RowHashes, TableChanges};
use crate::resources::{self, Target};

/// Rows of one BatchWriteItem
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>).
const BATCH: usize = 25;
/// Larger tables are not counted row by row: DynamoDB's own number is used, which is at most six hours old.
const COUNTED: u64 = 100_000;
/// The first wait after unprocessed rows; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long a batch may make no progress.
const MAX_STALL: Duration = Duration::from_secs(60);
/// How often, and for how long, a table that is being deleted is polled.
const POLL: Duration = Duration::from_secs(1);
const MAX_DELETE: Duration = Duration::from_secs(600);

const TABLE: Target = Target::Each(&resources::dynamodb::TABLE);

const WRITE_BATCH: &str = "dynamodb:BatchWriteItem";

/// The IAM actions of this client's calls.
pub const CALLS: &[ApiCall] = &[
    ApiCall::new(item_rows::GET_BATCH, Target::ItemTables).operate(),
    ApiCall::new(WRITE_BATCH, Target::ItemTables).operate(),
    ApiCall::new(item_rows::DELETE, Target::ItemTables).operate(),
    ApiCall::new("dynamodb:DeleteTable", TABLE),
    ApiCall::new("dynamodb:DescribeTable", TABLE).plan(),
    ApiCall::new("dynamodb:DescribeTable", Target::ItemTables).plan().operate(),
    ApiCall::new(item_rows::GET, Target::ItemTables).operate(),
    ApiCall::new("dynamodb:ListTagsOfResource", TABLE).plan(),
    ApiCall::new(item_rows::PUT, Target::ItemTables).operate(),
    // To count rows that would be lost, and to compare items.
    ApiCall::new("dynamodb:Scan", TABLE),
    ApiCall::new("dynamodb:Scan", Target::ItemTables).plan().operate(),
    ApiCall::new(item_rows::UPDATE, Target::ItemTables).operate(),
    ApiCall::new("dynamodb:UpdateTable", TABLE),
];

/// A table as DynamoDB describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDescription {
    /// Its id: a table that was deleted and created again has another.
    pub id: String,
    /// The number of rows, at most six hours old.
    pub rows: u64,
    /// Whether it is protected from deletion.
    pub protected: bool,
    /// `ACTIVE`, `DELETING` and so on.
    pub status: String,
}

/// The client.
#[derive(Clone, Debug)]
pub struct DynamoDbClient(pub(super) Client);

impl DynamoDbClient {
    /// Creates the client without a call.
    #[must_use]
    pub fn open(account: &Account) -> Self {
        Self(logged_client!(aws_sdk_dynamodb, account))
    }

    /// Describes a table; nothing if it does not exist.
    ///
    /// # Errors
    /// A failed call.
    pub async fn find(&self, table: &str) -> Result<Option<TableDescription>, CallError> {
        let answer = self.0.describe_table().table_name(table).send().await;
        match answer.map_err(|error| CallError::of("dynamodb:DescribeTable", error)) {
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
            Ok(answer) => Ok(answer.table.map(|table| TableDescription {
                // Without an id, the time of creation tells two tables of one name apart.
                id: table.table_id.unwrap_or_else(|| {
                    table.creation_date_time.map_or_else(String::new, |made| made.secs().to_string())
                }),
                rows: table.item_count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default(),
                protected: table.deletion_protection_enabled.unwrap_or_default(),
                status: table.table_status.map_or_else(String::new, |status| status.as_str().to_owned()),
            })),
        }
    }

    /// The tags of a table; none if it does not exist.
    ///
    /// # Errors
    /// A failed call.
    pub async fn tags(&self, table: &str) -> Result<BTreeMap<String, String>, CallError> {
        const ACTION: &str = "dynamodb:ListTagsOfResource";
        let found = self.0.describe_table().table_name(table).send().await;
        let arn = match found.map_err(|error| CallError::of("dynamodb:DescribeTable", error)) {
            Err(error) if error.is_absent() => return Ok(BTreeMap::new()),
            other => other?.table.and_then(|table| table.table_arn).unwrap_or_default(),
        };
        // A table has 50 tags at most, and a page has as many.
        let answer = self.0.list_tags_of_resource().resource_arn(arn).send().await;
        let tags = answer.map_err(|error| CallError::of(ACTION, error))?.tags.unwrap_or_default();
        Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    /// Reads the hashes of all rows by their key. Rows without the key attribute are ignored.
    ///
    /// # Errors
    /// A failed call.
    pub async fn read(&self, table: &str, key: &str) -> Result<RowHashes, CallError> {
        let mut hashes = RowHashes::new();
        // Consistent, to see what an interrupted command has just written.
        let scan = self.0.scan().table_name(table).consistent_read(true);
        let mut pages = scan.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::of("dynamodb:Scan", error))?;
            for row in page.items.unwrap_or_default() {
                let row = cells(row);
                if let Some(name) = row.get(key) {
                    hashes.insert(name.clone(), RowHash::of(&row));
                }
            }
        }
        Ok(hashes)
    }

    /// Puts and deletes the rows of the changes, and gives the keys of those that are written to `each`, batch by batch: what
    /// it was given stays written, whatever happens then. Unprocessed rows are sent again.
    ///
    /// # Errors
    /// A call that failed, and a table that accepts no rows for a minute.
    pub async fn write(
        &self,
        table: &str,
        key: &str,
        changes: &TableChanges,
        each: &mut (dyn FnMut(&[&str]) + Send),
    ) -> Result<(), CallError> {
        // The changes have each key once, so no batch has a key twice.
        let puts = changes.put.iter().map(|(name, put)| (name.as_str(), Some(&put.row)));
        let writes: Vec<_> = puts.chain(changes.delete.iter().map(|name| (name.as_str(), None))).collect();
        for batch in writes.chunks(BATCH) {
            let requests = batch.iter().map(|(name, row)| write_request(key, name, *row));
            let mut waiting = requests.collect::<Result<Vec<_>, _>>().map_err(|error| unsent(WRITE_BATCH, &error))?;
            let mut open: Vec<&str> = batch.iter().map(|(name, _)| *name).collect();
            let (mut wait, mut last) = (FIRST_WAIT, Instant::now());
            loop {
                let answer = self.0.batch_write_item().request_items(table, waiting).send().await;
                let answer = answer.map_err(|error| CallError::of(WRITE_BATCH, error))?;
                waiting = answer.unprocessed_items.unwrap_or_default().remove(table).unwrap_or_default();
                let (left, written): (Vec<&str>, Vec<&str>) =
                    open.iter().partition(|name| waiting.iter().any(|request| key_of(request, key) == Some(name)));
                each(&written);
                if waiting.is_empty() {
                    break;
                }
                if !written.is_empty() {
                    last = Instant::now();
                } else if last.elapsed() > MAX_STALL {
                    let message = format!("the table `{table}` accepted none of {} rows for a minute", left.len());
                    return Err(refused(WRITE_BATCH, "UnprocessedItems", &message));
                }
                open = left;
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
        Ok(())
    }

    /// Counts the rows; nothing if the table does not exist.
    ///
    /// # Errors
    /// A failed call.
    pub async fn count(&self, table: &str) -> Result<Option<Count>, CallError> {
        let Some(found) = self.find(table).await? else { return Ok(None) };
        if found.rows > COUNTED {
            return Ok(Some(Count::About(found.rows)));
        }
        // DynamoDB's own number may be hours old, and zero for a table that is not empty.
        let mut rows = 0;
        let mut pages = self.0.scan().table_name(table).select(Select::Count).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::of("dynamodb:Scan", error));
            match page {
                Err(error) if error.is_absent() => return Ok(None),
                page => rows += u64::try_from(page?.count).unwrap_or_default(),
            }
            if rows > COUNTED {
                return Ok(Some(Count::MoreThan(COUNTED)));
            }
        }
        Ok(Some(Count::Exactly(rows)))
    }

    /// Deletes a table with all its rows, protected or not, and waits until it is deleted. A table that does not exist is no error.
    ///
    /// # Errors
    /// A call that failed, and a table that still exists after ten minutes.
    pub async fn delete(&self, table: &str) -> Result<(), CallError> {
        let start = Instant::now();
        let mut asked = false;
        while let Some(found) = self.find(table).await? {
            if start.elapsed() > MAX_DELETE {
                let message = format!("the table `{table}` still exists after ten minutes, in {}", found.status);
                return Err(refused("dynamodb:DeleteTable", "StillThere", &message));
            }
            let step = match () {
                () if asked || found.status == "DELETING" => Ok(()),
                () if found.protected => self.unprotect(table).await,
                () => self.drop(table).await.map(|()| asked = true),
            };
            match step {
                // Somebody, or the previous call, is changing it: try again.
                Err(error) if error.is("ResourceInUseException") => {}
                Err(error) if !error.is_absent() => return Err(error),
                _ => {}
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    async fn unprotect(&self, table: &str) -> Result<(), CallError> {
        let call = self.0.update_table().table_name(table).deletion_protection_enabled(false);
        call.send().await.map(|_| ()).map_err(|error| CallError::of("dynamodb:UpdateTable", error))
    }

    async fn drop(&self, table: &str) -> Result<(), CallError> {
        let call = self.0.delete_table().table_name(table);
        call.send().await.map(|_| ()).map_err(|error| CallError::of("dynamodb:DeleteTable", error))
    }
}

/// A request to put a row, or to delete it where there is none.
fn write_request(key: &str, name: &str, row: Option<&ItemRow>) -> Result<WriteRequest, BuildError> {
    let text = |cell: &str| AttributeValue::S(cell.to_owned());
    let request = WriteRequest::builder();
    Ok(match row {
        Some(row) => {
            let row = row.iter().map(|(name, cell)| (name.clone(), text(cell))).collect();
            request.put_request(PutRequest::builder().set_item(Some(row)).build()?).build()
        }
        None => request.delete_request(DeleteRequest::builder().key(key, text(name)).build()?).build(),
    })
}

/// The key of the row that a request writes.
fn key_of<'a>(request: &'a WriteRequest, key: &str) -> Option<&'a str> {
    let put = request.put_request.as_ref().and_then(|put| put.item.get(key));
    let deleted = || request.delete_request.as_ref().and_then(|delete| delete.key.get(key));
    put.or_else(deleted)?.as_s().ok().map(String::as_str)
}

pub(super) fn refused(action: &'static str, code: &str, message: &str) -> CallError {
    CallError::Refused { action, code: code.to_owned(), message: message.to_owned(), status: 200 }
}

pub(super) fn unsent(action: &'static str, error: &dyn std::error::Error) -> CallError {
    refused(action, "Unsent", &error.to_string())
}

/// The attributes of a row as strings, as the source `dynamodb` reads them: other types become JSON.
pub(super) fn cells(row: HashMap<String, AttributeValue>) -> ItemRow {
    let cell = |value: Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    row.into_iter().filter_map(|(name, value)| Some((name, cell(plain(value))?))).collect()
}

fn plain(value: AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => Value::String(text),
        AttributeValue::Bool(flag) => Value::Bool(flag),
        AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => json!(texts),
        AttributeValue::L(values) => values.into_iter().map(plain).collect(),
        AttributeValue::M(values) => values.into_iter().map(|(name, value)| (name, plain(value))).collect(),
        AttributeValue::B(blob) => json!(blob.as_ref()),
        AttributeValue::Bs(blobs) => blobs.iter().map(|blob| json!(blob.as_ref())).collect(),
        // Null is no value; so is a type that DynamoDB gets one day.
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_somebody_wrote_into_a_row_is_read_as_text() {
        let row = HashMap::from([
            ("name".to_owned(), AttributeValue::S("Apple".into())),
            ("age".to_owned(), AttributeValue::N("49".into())),
            ("good".to_owned(), AttributeValue::Bool(true)),
            ("tags".to_owned(), AttributeValue::L(vec![AttributeValue::S("a".into()), AttributeValue::Null(true)])),
            ("nothing".to_owned(), AttributeValue::Null(true)),
        ]);
        let expected = [("age", "49"), ("good", "true"), ("name", "Apple"), ("tags", r#"["a",null]"#)];
        assert_eq!(cells(row), expected.map(|(name, cell)| (name.to_owned(), cell.to_owned())).into());
    }
}
