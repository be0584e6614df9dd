//! The items of the source table: computed from their numbers, and stored nowhere.

use serde_json::{Value, json};

use super::dynamodb::FakeItem;

/// The table of the source, as the plan of the root pipeline names it.
pub const TABLE: &str = "fang-prod-companies-182da4";

/// Bytes of a page of a scan, before any filter
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html>).
const PAGE_BYTES: usize = 1 << 20;

const SECTORS: [&str; 5] = ["software", "retail", "energy", "health", "transport"];

/// The key of an item.
pub fn key(number: u64) -> String {
    format!("Company {number:07}")
}

/// The number of the item with this key.
pub fn number(key: &str) -> Option<u64> {
    key.strip_prefix("Company ")?.parse().ok()
}

/// An item with typical attributes; every third one has a title that differs from its name.
fn item(number: u64) -> FakeItem {
    let mut item = FakeItem::new();
    let mut put = |name: &str, value: String| item.insert(name.into(), json!({ "S": value }));
    put("name", key(number));
    put("sector", SECTORS[(number % 5) as usize].into());
    put("language", "en".into());
    if number.is_multiple_of(3) {
        put("title", format!("{} (company)", key(number)));
    }
    item
}

/// Bytes of an item as DynamoDB counts them: names and values.
fn bytes(item: &FakeItem) -> usize {
    item.iter().map(|(name, value)| name.len() + value["S"].as_str().unwrap_or_default().len()).sum()
}

/// A page of a scan over a table of `items` items.
pub fn scan(request: &Value, items: u64) -> Value {
    let whole = |name: &str, otherwise| request[name].as_u64().unwrap_or(otherwise);
    let (segment, segments) = (whole("Segment", 0), whole("TotalSegments", 1));
    let (from, end) = (items * segment / segments, items * (segment + 1) / segments);
    let after = request["ExclusiveStartKey"]["name"]["S"].as_str().and_then(number);
    let (mut next, limit) = (after.map_or(from, |after| after + 1), whole("Limit", u64::MAX));
    let (mut page, mut size) = (Vec::new(), 0);
    while next < end && size < PAGE_BYTES && (page.len() as u64) < limit {
        let item = item(next);
        size += bytes(&item);
        page.push(Value::Object(item));
        next += 1;
    }
    let mut response = json!({ "Count": page.len(), "ScannedCount": page.len(), "Items": page });
    if next < end {
        response["LastEvaluatedKey"] = json!({ "name": { "S": key(next - 1) } });
    }
    response
}
