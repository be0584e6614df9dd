//! DynamoDB tables: writes results, and scans items.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;

use super::attributes::{self, Attributes};
use super::batch::BatchTable;
use super::call::call_error;
use crate::component::services::{ScanPage, ScannedItem, TableRow, TableScan, TableStore};
use crate::model::error::{Error, ErrorCode};
use crate::model::hash::sha256_hex;
use crate::model::items::{self, Columns, invalid_key};
use crate::model::record::Item;

/// Maximum rows in a producer's memory, of all segments together: some megabytes.
const MAX_ROWS: u64 = 4_000;

/// A DynamoDB table, by name or ARN.
pub struct DynamodbTable(pub BatchTable);

#[async_trait]
impl TableStore for DynamodbTable {
    async fn put(&self, rows: Vec<TableRow>) -> Result<String, Error> {
        self.0.write(rows.into_iter().map(attributes::to_attributes).collect()).await?;
        Ok(self.0.table.clone())
    }

    async fn scan(&self, scan: TableScan<'_>) -> Result<ScanPage, Error> {
        const ACTION: &str = "dynamodb:Scan";
        let table = self.0.table.as_str();
        // A page of 1 MiB could hold a hundred thousand short rows.
        let limit = i32::try_from(MAX_ROWS / scan.segments.max(1)).unwrap_or(1).max(100);
        let mut call = self.0.client.scan().table_name(table).limit(limit);
        if scan.segments > 1 {
            let convert = |number: u64| i32::try_from(number).unwrap_or(i32::MAX);
            call = call.segment(convert(scan.segment)).total_segments(convert(scan.segments));
        }
        if let Some(after) = scan.after {
            let key = attributes::decode_key(after).ok_or_else(|| {
                let message = format!("`{after}` is not a valid cursor for the table `{table}`");
                Error::permanent(ErrorCode::CursorUnreadable, message)
            })?;
            call = call.set_exclusive_start_key(Some(key));
        }
        let page = with_projection(call, &scan).send().await.map_err(|error| call_error(ACTION, table, error))?;
        let last = page.last_evaluated_key.filter(|key| !key.is_empty());
        // The key attributes: of the page's last key, or of the cursor, or, in a table of one page, the source's key.
        let key_names: Vec<String> = match &last {
            Some(key) => key.keys().cloned().collect(),
            None => scan
                .after
                .and_then(attributes::decode_key)
                .map_or_else(|| vec![scan.key.to_owned()], |key| key.into_keys().collect()),
        };
        let start = scan.after.unwrap_or_default();
        let items = page
            .items
            .unwrap_or_default()
            .into_iter()
            .map(|row| scanned_item(row, scan.key, &key_names, start))
            .collect();
        Ok(ScanPage { items, next: last.as_ref().and_then(attributes::encode_key) })
    }
}

/// Restricts a scan to the requested attributes. Placeholders avoid conflicts with DynamoDB's reserved words.
fn with_projection(call: ScanFluentBuilder, scan: &TableScan<'_>) -> ScanFluentBuilder {
    if scan.attributes.is_empty() {
        return call;
    }
    let mut names: Vec<&str> = std::iter::once(scan.key).chain(scan.attributes.iter().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    let names: HashMap<String, String> =
        names.iter().enumerate().map(|(index, name)| (format!("#n{index}"), (*name).to_owned())).collect();
    let projection = names.keys().cloned().collect::<Vec<_>>().join(", ");
    call.projection_expression(projection).set_expression_attribute_names(Some(names))
}

/// The item of a row, with the row's key as its cursor. If the scan does not include all key attributes, the cursor is
/// the start of the page; items that are then read twice are recognized by their keys.
fn scanned_item(row: Attributes, key: &str, key_names: &[String], start: &str) -> ScannedItem {
    let row_key: Option<Attributes> =
        key_names.iter().map(|name| Some((name.clone(), row.get(name)?.clone()))).collect();
    let cursor = row_key.as_ref().and_then(attributes::encode_key).unwrap_or_else(|| start.to_owned());
    let item_key = match row.get(key) {
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => text.clone(),
        _ => String::new(),
    };
    match items::from_json(attributes::to_json(row), key, &Columns::default()) {
        Ok(item) => ScannedItem { item, error: None, cursor },
        Err(error) => ScannedItem { item: Item::named(fallback_key(&item_key, &cursor)), error: Some(error), cursor },
    }
}

/// The key of an item whose row is invalid: the row's own if it is valid, or else one derived from it and the cursor.
fn fallback_key(key: &str, cursor: &str) -> String {
    if invalid_key(key).is_none() {
        return key.to_owned();
    }
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let prefix: String = key.trim().chars().take(100).map(clean).collect();
    let space = if prefix.is_empty() { "" } else { " " };
    let hash = &sha256_hex(cursor)[..8];
    format!("{prefix}{space}row {hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[(&str, AttributeValue)]) -> Attributes {
        cells.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn an_invalid_row_becomes_an_item_with_an_error() {
        let names = ["name".to_owned()];
        let good = scanned_item(
            row(&[("name", attributes::string("Apple")), ("text", attributes::string("good"))]),
            "name",
            &names,
            "",
        );
        assert_eq!((good.item.text.as_deref(), good.error), (Some("good"), None));
        assert_eq!(good.cursor, r#"{"name":{"S":"Apple"}}"#);
        let invalid = scanned_item(row(&[("name", attributes::string("a\nb"))]), "name", &names, "");
        assert_eq!(invalid.error.expect("an error").code, ErrorCode::KeyUnfit);
        assert_eq!(invalid.item.key, "a\u{fffd}b row 80bc237b", "a known value, since stored data depends on it");
        let wrong = row(&[("name", attributes::string("Apple")), ("url", AttributeValue::L(Vec::new()))]);
        let wrong = scanned_item(wrong, "name", &names, "");
        assert_eq!(
            (wrong.item.key.as_str(), wrong.error.expect("an error").code.as_str()),
            ("Apple", "row_unreadable")
        );
    }

    #[test]
    fn a_cursor_is_the_complete_key_or_the_start_of_the_page() {
        let names = ["name".to_owned(), "when".to_owned()];
        let both = row(&[
            ("name", attributes::string("Apple")),
            ("when", attributes::number(1)),
            ("text", attributes::string("x")),
        ]);
        assert_eq!(scanned_item(both, "name", &names, "").cursor, r#"{"name":{"S":"Apple"},"when":{"N":"1"}}"#);
        let one = row(&[("name", attributes::string("Apple"))]);
        assert_eq!(scanned_item(one, "name", &names, "the start").cursor, "the start");
    }
}
