//! DynamoDB: items of the source table are computed, rows of the sink's table counted, and the state table is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Map, Value, json};

use super::expression::DynamoExpression;
use super::{FakeBackend, FakeServiceError, FakeServiceResult, locked, source};

/// An item: attributes with their types.
pub type FakeItem = Map<String, Value>;

/// The table of the sink, as the plan of the root pipeline names it.
pub const ROWS: &str = "fang-prod-sentiment-bb6625";
/// The state table.
pub const STATE: &str = "fang-prod-state-197371";

/// Maximum items per batch write, and per batch read
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>).
const WRITES: usize = 25;
const READS: usize = 100;
/// Maximum writes per transaction.
const TRANSACTION: usize = 100;

/// The state table, by partition and sort key.
#[derive(Default)]
pub struct FakeTables {
    state: BTreeMap<(String, String), FakeItem>,
}

impl FakeTables {
    /// How many items the state table has.
    pub fn state_len(&self) -> usize {
        self.state.len()
    }
}

fn invalid(message: &str) -> FakeServiceError {
    FakeServiceError::new("ValidationException", message)
}

/// The partition and sort key of an item.
fn key(table: &str, item: &Value) -> Result<(String, String), FakeServiceError> {
    let (partition, sort) = if table == STATE { ("pk", "sk") } else { ("item", "run") };
    let part = |name: &str| match item[name]["S"].as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(invalid(&format!("One of the required keys was not given a value: {table}.{name}"))),
    };
    Ok((part(partition)?, part(sort)?))
}

/// The table of a call: `source`, `rows` or `state`.
pub fn label(request: &Value) -> &'static str {
    let batch = || request["RequestItems"].as_object()?.keys().next().map(String::as_str);
    match request["TableName"].as_str().or_else(batch) {
        Some(source::TABLE) => "source",
        Some(ROWS) => "rows",
        // A transaction names its table with each write, and only the state table has transactions.
        Some(STATE) | None => "state",
        Some(_) => "another table",
    }
}

/// Responds to a call.
pub fn respond(backend: &FakeBackend, operation: &str, request: Value) -> FakeServiceResult {
    let table = request["TableName"].as_str().unwrap_or_default();
    match operation {
        "Scan" if table == source::TABLE => Ok(source::scan(&request, backend.settings.items)),
        "BatchWriteItem" => batch_write(backend, &request),
        "BatchGetItem" => batch_get(backend, &request),
        "GetItem" => {
            let key = key(state(table)?, &request["Key"])?;
            Ok(locked(&backend.tables).state.get(&key).map_or_else(|| json!({}), |item| json!({ "Item": item })))
        }
        "PutItem" | "UpdateItem" | "DeleteItem" => {
            let mut tables = locked(&backend.tables);
            let change = RowChange::new(&tables, operation, state(table)?, &request)?;
            if !change.allowed {
                return Err(condition_failed(&request, &change));
            }
            let returned = change.return_values(&request);
            tables.apply(change);
            Ok(returned)
        }
        "TransactWriteItems" => transact(backend, &request),
        "Query" => query(backend, state(table)?, &request),
        other => Err(FakeServiceError::unknown(&format!("{other} of {table}"))),
    }
}

fn state(table: &str) -> Result<&str, FakeServiceError> {
    if table == STATE { Ok(table) } else { Err(FakeServiceError::unknown(&format!("the table {table}"))) }
}

/// What a call does to one item.
struct RowChange {
    key: (String, String),
    before: Option<FakeItem>,
    after: Option<FakeItem>,
    allowed: bool,
}

impl RowChange {
    fn new(tables: &FakeTables, operation: &str, table: &str, request: &Value) -> Result<Self, FakeServiceError> {
        let put = operation.starts_with("Put");
        let keyed = &request[if put { "Item" } else { "Key" }];
        let key = key(table, keyed)?;
        let before = tables.state.get(&key).cloned();
        let allowed = match request["ConditionExpression"].as_str() {
            Some(condition) => {
                DynamoExpression::new(condition, request).holds(before.as_ref().unwrap_or(&FakeItem::new()))?
            }
            None => true,
        };
        let given = || keyed.as_object().cloned().unwrap_or_default();
        let after = match operation {
            _ if !allowed => None,
            _ if put => Some(given()),
            "UpdateItem" | "Update" => {
                let mut item = before.clone().unwrap_or_else(given);
                if let Some(update) = request["UpdateExpression"].as_str() {
                    DynamoExpression::new(update, request).update(&mut item)?;
                }
                Some(item)
            }
            _ => None,
        };
        Ok(Self { key, before, after, allowed })
    }

    /// The response of the call, as its `ReturnValues` demands.
    fn return_values(&self, request: &Value) -> Value {
        let attributes = match request["ReturnValues"].as_str().unwrap_or("NONE") {
            "ALL_OLD" => self.before.clone(),
            "ALL_NEW" => self.after.clone(),
            kind @ ("UPDATED_OLD" | "UPDATED_NEW") => {
                let (before, after) = (self.before.clone().unwrap_or_default(), self.after.clone().unwrap_or_default());
                let changed = |name: &String| before.get(name) != after.get(name);
                let image = if kind == "UPDATED_OLD" { &before } else { &after };
                Some(image.iter().filter(|(name, _)| changed(name)).map(|(n, v)| (n.clone(), v.clone())).collect())
            }
            _ => None,
        };
        attributes.map_or_else(|| json!({}), |attributes| json!({ "Attributes": attributes }))
    }
}

impl FakeTables {
    fn apply(&mut self, change: RowChange) {
        match change.after {
            Some(item) => self.state.insert(change.key, item),
            None => self.state.remove(&change.key),
        };
    }
}

fn condition_failed(request: &Value, change: &RowChange) -> FakeServiceError {
    let mut failure = FakeServiceError::new("ConditionalCheckFailedException", "The conditional request failed");
    if let ("ALL_OLD", Some(item)) =
        (request["ReturnValuesOnConditionCheckFailure"].as_str().unwrap_or_default(), &change.before)
    {
        failure.fields = json!({ "Item": item });
    }
    failure
}

fn transact(backend: &FakeBackend, request: &Value) -> FakeServiceResult {
    let mut tables = locked(&backend.tables);
    let writes = request["TransactItems"].as_array().map(Vec::as_slice).unwrap_or_default();
    if writes.is_empty() || writes.len() > TRANSACTION {
        return Err(invalid("1 validation error detected: a transaction has 1 to 100 writes"));
    }
    let mut changes = Vec::new();
    let mut keys = BTreeSet::new();
    for write in writes {
        let (operation, inner) =
            write.as_object().and_then(|it| it.iter().next()).ok_or_else(|| invalid("no write"))?;
        let change =
            RowChange::new(&tables, operation, state(inner["TableName"].as_str().unwrap_or_default())?, inner)?;
        if !keys.insert(change.key.clone()) {
            return Err(invalid("Transaction request cannot include multiple operations on one item"));
        }
        changes.push((operation.as_str(), inner, change));
    }
    if changes.iter().any(|(_, _, change)| !change.allowed) {
        let reason = |(_, inner, change): &(&str, &Value, RowChange)| {
            if change.allowed {
                return json!({ "Code": "None" });
            }
            let failure = condition_failed(inner, change);
            let mut reason = json!({ "Code": "ConditionalCheckFailed", "Message": failure.message });
            if let Some(item) = failure.fields.get("Item") {
                reason["Item"] = item.clone();
            }
            reason
        };
        let reasons: Vec<Value> = changes.iter().map(reason).collect();
        let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
        let message = format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        );
        let mut failure = FakeServiceError::new("TransactionCanceledException", message);
        failure.fields = json!({ "CancellationReasons": reasons });
        return Err(failure);
    }
    for (operation, _, change) in changes {
        if operation != "ConditionCheck" {
            tables.apply(change);
        }
    }
    Ok(json!({}))
}

fn batch_write(backend: &FakeBackend, request: &Value) -> FakeServiceResult {
    let tables = request["RequestItems"].as_object().ok_or_else(|| invalid("no items"))?;
    let all =
        || tables.iter().flat_map(|(name, writes)| writes.as_array().into_iter().flatten().map(move |it| (name, it)));
    if !(1..=WRITES).contains(&all().count()) {
        return Err(invalid("Too many items requested for the BatchWriteItem call"));
    }
    let mut keys = BTreeSet::new();
    for (name, write) in all() {
        let item = &write["PutRequest"]["Item"];
        let key = key(name, item)?;
        if !keys.insert((name, key.clone())) {
            return Err(invalid("Provided list of item keys contains duplicates"));
        }
        match name.as_str() {
            ROWS => {
                let mut rows = locked(&backend.rows);
                let mut hash = DefaultHasher::new();
                key.hash(&mut hash);
                if rows.is_new(hash.finish()) {
                    rows.add(source::number(&key.0), item.get("failure").is_some());
                }
            }
            // Findings are most of the state, and are never read again when a single run is measured.
            STATE if backend.settings.discard && key.0.starts_with("finding#") => {}
            STATE => {
                locked(&backend.tables).state.insert(key, item.as_object().cloned().unwrap_or_default());
            }
            other => return Err(FakeServiceError::unknown(&format!("the table {other}"))),
        }
    }
    Ok(json!({ "UnprocessedItems": {} }))
}

fn batch_get(backend: &FakeBackend, request: &Value) -> FakeServiceResult {
    let tables = locked(&backend.tables);
    let mut found = Map::new();
    for (name, requested) in request["RequestItems"].as_object().into_iter().flatten() {
        let keys = requested["Keys"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !(1..=READS).contains(&keys.len()) {
            return Err(invalid("Too many items requested for the BatchGetItem call"));
        }
        let mut items: Vec<Value> = Vec::new();
        for requested in keys {
            items.extend(tables.state.get(&key(state(name)?, requested)?).map(|item| json!(item)));
        }
        found.insert(name.clone(), items.into());
    }
    Ok(json!({ "Responses": found, "UnprocessedKeys": {} }))
}

/// The items that match a key condition, in the order of their keys, in one page.
fn query(backend: &FakeBackend, _table: &str, request: &Value) -> FakeServiceResult {
    let condition = request["KeyConditionExpression"].as_str().unwrap_or_default();
    let mut items = Vec::new();
    for item in locked(&backend.tables).state.values() {
        if DynamoExpression::new(condition, request).holds(item)? {
            items.push(json!(item));
        }
    }
    let count = items.len();
    Ok(match request["Select"].as_str() {
        Some("COUNT") => json!({ "Count": count, "ScannedCount": count }),
        _ => json!({ "Count": count, "ScannedCount": count, "Items": items }),
    })
}
