//! The rows of a sink's table, read back.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use fanggen_runtime::component::services::TableRow;
use serde_json::Value;

use crate::deploy::aws::account::Account;
use crate::deploy::aws::api_call::{ApiCall, calls};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::call_log::logged_client;
use crate::resources::Target;

calls! { "dynamodb":
    [operate_only] QUERY = "Query" on Target::ResultTables,
    [operate_only] SCAN = "Scan" on Target::ResultTables,
}

/// The key attributes of a table of results.
const ITEM: &str = "item";
const RUN: &str = "run";

/// The table of a sink.
#[derive(Clone, Debug)]
pub struct ResultRowsClient {
    client: Client,
    table: String,
}

impl ResultRowsClient {
    /// Creates the client without a call.
    #[must_use]
    pub fn open(account: &Account, table: String) -> Self {
        Self { client: logged_client!(aws_sdk_dynamodb, account), table }
    }

    /// The rows of an item since a run: one call per megabyte of its own rows.
    ///
    /// # Errors
    /// A failed call.
    pub async fn of_item(&self, item: &str, since: Option<&str>) -> Result<Vec<TableRow>, CallError> {
        let mut call = self.client.query().table_name(&self.table);
        call = call.expression_attribute_names("#item", ITEM).expression_attribute_values(":item", text(item));
        call = match since {
            None => call.key_condition_expression("#item = :item"),
            Some(since) => call
                .key_condition_expression("#item = :item AND #run >= :since")
                .expression_attribute_names("#run", RUN)
                .expression_attribute_values(":since", text(since)),
        };
        let mut rows = Vec::new();
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            rows.extend(
                page.map_err(|error| CallError::of(QUERY, error))?.items.unwrap_or_default().into_iter().map(row),
            );
        }
        Ok(rows)
    }

    /// The rows of all items since a run: one call per megabyte of the whole table.
    ///
    /// # Errors
    /// A failed call.
    pub async fn all(&self, since: Option<&str>) -> Result<Vec<TableRow>, CallError> {
        let mut call = self.client.scan().table_name(&self.table);
        if let Some(since) = since {
            call = call
                .filter_expression("#run >= :since")
                .expression_attribute_names("#run", RUN)
                .expression_attribute_values(":since", text(since));
        }
        let mut rows = Vec::new();
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            rows.extend(
                page.map_err(|error| CallError::of(SCAN, error))?.items.unwrap_or_default().into_iter().map(row),
            );
        }
        Ok(rows)
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn row(attributes: HashMap<String, AttributeValue>) -> TableRow {
    attributes.into_iter().map(|(name, value)| (name, json(value))).collect()
}

/// A value as the sink wrote it.
fn json(value: AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::N(number) => serde_json::from_str(&number).unwrap_or(Value::String(number)),
        AttributeValue::Bool(flag) => Value::Bool(flag),
        AttributeValue::L(values) => values.into_iter().map(json).collect(),
        AttributeValue::M(values) => values.into_iter().map(|(name, value)| (name, json(value))).collect(),
        _ => Value::Null,
    }
}
