//! Tables of rows: results are put into them, items are scanned from them.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;

use super::attributes::{self, Attributes};
use super::batch::Batches;
use super::call::failed;
use crate::component::services::{ScanPage, ScannedItem, TableRow, TableScan, TableStore};
use crate::model::error::{Error, ErrorCode};
use crate::model::hash::sha256_hex;
use crate::model::items::{self, Columns, key_fault};
use crate::model::record::Item;

/// Rows that a producer holds at most, of all segments together: some megabytes.
const PAGE: u64 = 4_000;

/// A table, by name or ARN.
pub struct DynamodbTable(pub Batches);

#[async_trait]
impl TableStore for DynamodbTable {
    async fn put(&self, rows: Vec<TableRow>) -> Result<String, Error> {
        self.0.write(rows.into_iter().map(attributes::row).collect()).await?;
        Ok(self.0.table.clone())
    }

    async fn scan(&self, scan: TableScan<'_>) -> Result<ScanPage, Error> {
        const ACTION: &str = "dynamodb:Scan";
        let table = self.0.table.as_str();
        // A page of DynamoDB's is a mebibyte, which short rows fill by the hundred thousand.
        let rows = i32::try_from(PAGE / scan.segments.max(1)).unwrap_or(1).max(100);
        let mut call = self.0.client.scan().table_name(table).limit(rows);
        if scan.segments > 1 {
            let part = |number: u64| i32::try_from(number).unwrap_or(i32::MAX);
            call = call.segment(part(scan.segment)).total_segments(part(scan.segments));
        }
        if let Some(after) = scan.after {
            let unreadable = || {
                Error::permanent(
                    ErrorCode::CursorUnreadable,
                    format!("`{after}` is not a place in the table `{table}`"),
                )
            };
            call = call.set_exclusive_start_key(Some(attributes::decode_key(after).ok_or_else(unreadable)?));
        }
        let page = projected(call, &scan).send().await.map_err(|error| failed(ACTION, table, error))?;
        let last = page.last_evaluated_key.filter(|key| !key.is_empty());
        // What the table's key is made of shows where a page ends; a table of one page has the one that the source names.
        let names: Vec<String> = match &last {
            Some(key) => key.keys().cloned().collect(),
            None => scan
                .after
                .and_then(attributes::decode_key)
                .map_or_else(|| vec![scan.key.to_owned()], |key| key.into_keys().collect()),
        };
        let start = scan.after.unwrap_or_default();
        let items = page.items.unwrap_or_default().into_iter().map(|row| found(row, scan.key, &names, start)).collect();
        Ok(ScanPage { items, next: last.as_ref().and_then(attributes::place) })
    }
}

/// Only the attributes that are needed, where they are known. Names go apart: any word may be one of DynamoDB's own.
fn projected(call: ScanFluentBuilder, scan: &TableScan<'_>) -> ScanFluentBuilder {
    if scan.attributes.is_empty() {
        return call;
    }
    let mut names: Vec<&str> = std::iter::once(scan.key).chain(scan.attributes.iter().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    let names: HashMap<String, String> =
        names.iter().enumerate().map(|(place, name)| (format!("#n{place}"), (*name).to_owned())).collect();
    let wanted = names.keys().cloned().collect::<Vec<_>>().join(", ");
    call.projection_expression(wanted).set_expression_attribute_names(Some(names))
}

/// The item of a row, and the place behind it: its key, whose attributes have these names. Where the source did not ask
/// for all of them, it is the place before its page: what comes twice then is known by its name.
fn found(row: Attributes, key: &str, names: &[String], start: &str) -> ScannedItem {
    let own: Option<Attributes> = names.iter().map(|name| Some((name.clone(), row.get(name)?.clone()))).collect();
    let place = own.as_ref().and_then(attributes::place).unwrap_or_else(|| start.to_owned());
    let written = match row.get(key) {
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => text.clone(),
        _ => String::new(),
    };
    match items::from_json(attributes::to_json(row), key, &Columns::default()) {
        Ok(item) => ScannedItem { item, error: None, cursor: place },
        Err(error) => ScannedItem { item: Item::named(name(&written, &place)), error: Some(error), cursor: place },
    }
}

/// What an item is called whose row cannot be read: as the row says, or in a way that may be stored.
fn name(written: &str, place: &str) -> String {
    if key_fault(written).is_none() {
        return written.to_owned();
    }
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut name: String = written.trim().chars().take(100).map(clean).collect();
    name.push_str(if name.is_empty() { "row " } else { " row " });
    name.push_str(&sha256_hex(place)[..8]);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[(&str, AttributeValue)]) -> Attributes {
        cells.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn a_row_that_cannot_be_read_is_an_item_all_the_same() {
        let names = ["name".to_owned()];
        let good =
            found(row(&[("name", attributes::text("Apple")), ("text", attributes::text("good"))]), "name", &names, "");
        assert_eq!((good.item.text.as_deref(), good.error), (Some("good"), None));
        assert_eq!(good.cursor, r#"{"name":{"S":"Apple"}}"#);
        let odd = found(row(&[("name", attributes::text("a\nb"))]), "name", &names, "");
        assert_eq!(odd.error.expect("a reason").code, ErrorCode::KeyUnfit);
        assert_eq!(odd.item.key, "a\u{fffd}b row 80bc237b", "a known value, since stored data depends on it");
        let wrong = row(&[("name", attributes::text("Apple")), ("url", AttributeValue::L(Vec::new()))]);
        let wrong = found(wrong, "name", &names, "");
        assert_eq!(
            (wrong.item.key.as_str(), wrong.error.expect("a reason").code.as_str()),
            ("Apple", "row_unreadable")
        );
    }

    #[test]
    fn a_place_is_the_whole_key_or_the_start_of_the_page() {
        let names = ["name".to_owned(), "when".to_owned()];
        let both = row(&[
            ("name", attributes::text("Apple")),
            ("when", attributes::number(1)),
            ("text", attributes::text("x")),
        ]);
        assert_eq!(found(both, "name", &names, "").cursor, r#"{"name":{"S":"Apple"},"when":{"N":"1"}}"#);
        let one = row(&[("name", attributes::text("Apple"))]);
        assert_eq!(found(one, "name", &names, "the start").cursor, "the start");
    }
}
