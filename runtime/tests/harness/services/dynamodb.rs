//! The stand-in's tables: the source is made by arithmetic, the sink's rows are counted, the state is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Map, Value, json};

use super::expression::Expression;
use super::{Refusal, Told, World, held, source};

/// A row: attributes with their types.
pub type Item = Map<String, Value>;

/// The table of the sink, as the plan of the root pipeline names it.
pub const ROWS: &str = "fang-prod-sentiment-bb6625";
/// The table of what functions remember.
pub const STATE: &str = "fang-prod-state-197371";

/// Rows of a call that writes, and of one that reads
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>).
const WRITES: usize = 25;
const READS: usize = 100;
/// Writes of a transaction.
const TRANSACTION: usize = 100;

/// The state table, by partition and sort key.
#[derive(Default)]
pub struct Tables {
    state: BTreeMap<(String, String), Item>,
}

impl Tables {
    /// How many rows are kept.
    pub fn len(&self) -> usize {
        self.state.len()
    }
}

fn invalid(words: &str) -> Refusal {
    Refusal::new("ValidationException", words)
}

/// The keys of a row, by the table's own names for them.
fn key(table: &str, item: &Value) -> Result<(String, String), Refusal> {
    let (partition, sort) = if table == STATE { ("pk", "sk") } else { ("item", "run") };
    let part = |name: &str| match item[name]["S"].as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(invalid(&format!("One of the required keys was not given a value: {table}.{name}"))),
    };
    Ok((part(partition)?, part(sort)?))
}

/// Which of the tables a call is about: `source`, `rows` or `state`.
pub fn label(request: &Value) -> &'static str {
    let batch = || request["RequestItems"].as_object()?.keys().next().map(String::as_str);
    match request["TableName"].as_str().or_else(batch) {
        Some(source::TABLE) => "source",
        Some(ROWS) => "rows",
        // A transaction names its table once a write, and only the state has them.
        Some(STATE) | None => "state",
        Some(_) => "another table",
    }
}

/// Answers a call.
pub fn answer(world: &World, operation: &str, request: Value) -> Told {
    let table = request["TableName"].as_str().unwrap_or_default();
    match operation {
        "Scan" if table == source::TABLE => Ok(source::scan(&request, world.settings.items)),
        "BatchWriteItem" => batch_write(world, &request),
        "BatchGetItem" => batch_get(world, &request),
        "GetItem" => {
            let key = key(state(table)?, &request["Key"])?;
            Ok(held(&world.tables).state.get(&key).map_or_else(|| json!({}), |item| json!({ "Item": item })))
        }
        "PutItem" | "UpdateItem" | "DeleteItem" => {
            let mut tables = held(&world.tables);
            let change = Change::of(&tables, operation, state(table)?, &request)?;
            if !change.admitted {
                return Err(refused(&request, &change));
            }
            let told = change.told(&request);
            tables.make(change);
            Ok(told)
        }
        "TransactWriteItems" => transact(world, &request),
        "Query" => query(world, state(table)?, &request),
        other => Err(Refusal::unknown(&format!("{other} of {table}"))),
    }
}

fn state(table: &str) -> Result<&str, Refusal> {
    if table == STATE { Ok(table) } else { Err(Refusal::unknown(&format!("the table {table}"))) }
}

/// What a call does to one row.
struct Change {
    key: (String, String),
    before: Option<Item>,
    after: Option<Item>,
    admitted: bool,
}

impl Change {
    fn of(tables: &Tables, operation: &str, table: &str, request: &Value) -> Result<Self, Refusal> {
        let put = operation.starts_with("Put");
        let keyed = &request[if put { "Item" } else { "Key" }];
        let key = key(table, keyed)?;
        let before = tables.state.get(&key).cloned();
        let admitted = match request["ConditionExpression"].as_str() {
            Some(condition) => Expression::of(condition, request).holds(before.as_ref().unwrap_or(&Item::new()))?,
            None => true,
        };
        let named = || keyed.as_object().cloned().unwrap_or_default();
        let after = match operation {
            _ if !admitted => None,
            _ if put => Some(named()),
            "UpdateItem" | "Update" => {
                let mut item = before.clone().unwrap_or_else(named);
                if let Some(update) = request["UpdateExpression"].as_str() {
                    Expression::of(update, request).update(&mut item)?;
                }
                Some(item)
            }
            _ => None,
        };
        Ok(Self { key, before, after, admitted })
    }

    /// What the caller wants to hear of it.
    fn told(&self, request: &Value) -> Value {
        let attributes = match request["ReturnValues"].as_str().unwrap_or("NONE") {
            "ALL_OLD" => self.before.clone(),
            "ALL_NEW" => self.after.clone(),
            kind @ ("UPDATED_OLD" | "UPDATED_NEW") => {
                let (before, after) = (self.before.clone().unwrap_or_default(), self.after.clone().unwrap_or_default());
                let other = |name: &String| before.get(name) != after.get(name);
                let of = if kind == "UPDATED_OLD" { &before } else { &after };
                Some(of.iter().filter(|(name, _)| other(name)).map(|(n, v)| (n.clone(), v.clone())).collect())
            }
            _ => None,
        };
        attributes.map_or_else(|| json!({}), |attributes| json!({ "Attributes": attributes }))
    }
}

impl Tables {
    fn make(&mut self, change: Change) {
        match change.after {
            Some(item) => self.state.insert(change.key, item),
            None => self.state.remove(&change.key),
        };
    }
}

fn refused(request: &Value, change: &Change) -> Refusal {
    let mut refusal = Refusal::new("ConditionalCheckFailedException", "The conditional request failed");
    if let ("ALL_OLD", Some(item)) =
        (request["ReturnValuesOnConditionCheckFailure"].as_str().unwrap_or_default(), &change.before)
    {
        refusal.more = json!({ "Item": item });
    }
    refusal
}

fn transact(world: &World, request: &Value) -> Told {
    let mut tables = held(&world.tables);
    let writes = request["TransactItems"].as_array().map(Vec::as_slice).unwrap_or_default();
    if writes.is_empty() || writes.len() > TRANSACTION {
        return Err(invalid("1 validation error detected: a transaction has 1 to 100 writes"));
    }
    let mut changes = Vec::new();
    let mut keys = BTreeSet::new();
    for write in writes {
        let (operation, inner) =
            write.as_object().and_then(|it| it.iter().next()).ok_or_else(|| invalid("no write"))?;
        let change = Change::of(&tables, operation, state(inner["TableName"].as_str().unwrap_or_default())?, inner)?;
        if !keys.insert(change.key.clone()) {
            return Err(invalid("Transaction request cannot include multiple operations on one item"));
        }
        changes.push((operation.as_str(), inner, change));
    }
    if changes.iter().any(|(_, _, change)| !change.admitted) {
        let reason = |(_, inner, change): &(&str, &Value, Change)| {
            if change.admitted {
                return json!({ "Code": "None" });
            }
            let refusal = refused(inner, change);
            let mut reason = json!({ "Code": "ConditionalCheckFailed", "Message": refusal.words });
            if let Some(item) = refusal.more.get("Item") {
                reason["Item"] = item.clone();
            }
            reason
        };
        let reasons: Vec<Value> = changes.iter().map(reason).collect();
        let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
        let words = format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        );
        let mut refusal = Refusal::new("TransactionCanceledException", words);
        refusal.more = json!({ "CancellationReasons": reasons });
        return Err(refusal);
    }
    for (operation, _, change) in changes {
        if operation != "ConditionCheck" {
            tables.make(change);
        }
    }
    Ok(json!({}))
}

fn batch_write(world: &World, request: &Value) -> Told {
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
                let mut rows = held(&world.rows);
                let mut hash = DefaultHasher::new();
                key.hash(&mut hash);
                if rows.is_new(hash.finish()) {
                    rows.add(source::number(&key.0), item.get("failure").is_some());
                }
            }
            // What was paid for is most of the state, and nobody asks again in a measurement of one run.
            STATE if world.settings.forget && key.0.starts_with("finding#") => {}
            STATE => {
                held(&world.tables).state.insert(key, item.as_object().cloned().unwrap_or_default());
            }
            other => return Err(Refusal::unknown(&format!("the table {other}"))),
        }
    }
    Ok(json!({ "UnprocessedItems": {} }))
}

fn batch_get(world: &World, request: &Value) -> Told {
    let tables = held(&world.tables);
    let mut found = Map::new();
    for (name, asked) in request["RequestItems"].as_object().into_iter().flatten() {
        let keys = asked["Keys"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !(1..=READS).contains(&keys.len()) {
            return Err(invalid("Too many items requested for the BatchGetItem call"));
        }
        let mut items: Vec<Value> = Vec::new();
        for asked in keys {
            items.extend(tables.state.get(&key(state(name)?, asked)?).map(|item| json!(item)));
        }
        found.insert(name.clone(), items.into());
    }
    Ok(json!({ "Responses": found, "UnprocessedKeys": {} }))
}

/// The rows that a key condition names, in the order of their keys, all at once.
fn query(world: &World, _table: &str, request: &Value) -> Told {
    let condition = request["KeyConditionExpression"].as_str().unwrap_or_default();
    let mut items = Vec::new();
    for item in held(&world.tables).state.values() {
        if Expression::of(condition, request).holds(item)? {
            items.push(json!(item));
        }
    }
    let count = items.len();
    Ok(match request["Select"].as_str() {
        Some("COUNT") => json!({ "Count": count, "ScannedCount": count }),
        _ => json!({ "Count": count, "ScannedCount": count, "Items": items }),
    })
}
