//! Sink `dynamodb`: one row per item and run in a table of the pipeline, to be queried by item.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::component::services::{Services, TableRow, TableStore};
use crate::component::{
    BilledUnit, Binding, Card, Component, ComponentRole, Described, Instance, PermissionTarget, RequiredPermission,
    Sink, Store, TimeToLive,
};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Item, Record};
use crate::model::run::Chunk;
use crate::model::values::{Bounded, Name};

/// Writes one row per item and run, or per entry if a stage makes several records from an item. A retry overwrites the
/// same rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DynamodbSinkSettings {
    /// The last part of the table's name. Default: the name of the sink.
    #[serde(default, skip_serializing)]
    pub table: Option<Name>,
    /// Number of days after which rows are deleted. By default they are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_days: Option<Bounded<1, 36_500>>,
}

impl Described for DynamodbSinkSettings {
    const CARD: Card = Card {
        stores: true,
        ..Card::new(
            ComponentRole::Sink,
            "dynamodb",
            "one row per item and run in a table, optionally with an expiry",
            "[sinks.latest]\ntype = \"dynamodb\"\ntable = \"sentiment\"\nttl_days = 90\n",
        )
    };
}

impl Component for DynamodbSinkSettings {
    fn store(&self, name: &str) -> Option<Store> {
        Some(Store::Table {
            name: self.table.as_ref().map_or_else(|| name.into(), ToString::to_string),
            partition_key: "item".into(),
            sort_key: Some("run".into()),
            ttl: Some(TimeToLive { attribute: "expires", enabled: self.ttl_days.is_some() }),
        })
    }

    fn permissions(&self, _name: &str) -> Vec<RequiredPermission> {
        vec![RequiredPermission {
            actions: vec!["dynamodb:BatchWriteItem"],
            target: PermissionTarget::Store,
            reason: "the worker writes the rows of a chunk, 25 per call",
        }]
    }

    fn units(&self) -> Vec<BilledUnit> {
        vec![BilledUnit { name: "dynamodb_write", per_record: 1.0, reason: "assuming rows of up to 1 KB" }]
    }

    fn open(&self, binding: Binding, services: &dyn Services) -> Result<Instance, Error> {
        let table = services.table(binding.store.as_deref().unwrap_or(&binding.name))?;
        Ok(Instance::Sink(Box::new(DynamodbSink { table, ttl_days: self.ttl_days.map(Bounded::get) })))
    }
}

struct DynamodbSink {
    table: Arc<dyn TableStore>,
    ttl_days: Option<u64>,
}

impl DynamodbSink {
    /// When the rows of a run expire, counted from the day of the run so that a retry writes the same.
    fn expires(&self, chunk: &Chunk) -> Option<i64> {
        let days = i64::try_from(self.ttl_days?).ok()?;
        let day: Date = chunk.run.date().parse().ok()?;
        let start: Timestamp = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        Some(start.as_second() + (days + 1) * 86_400)
    }
}

#[async_trait]
impl Sink for DynamodbSink {
    async fn write(&self, chunk: &Chunk, records: &[Record]) -> Result<String, Error> {
        // One row per item and run: if an item is in the source twice, the first record counts, and the failure of the second
        // does not replace it, whichever chunk each of them is in.
        let is_second =
            |record: &&Record| record.failure.as_ref().is_some_and(|it| it.error.code == ErrorCode::ItemTwice);
        let mut seen = HashSet::new();
        let rows = records
            .iter()
            .filter(|record| !is_second(record))
            .filter(|record| seen.insert((&record.item.key, &record.run, &record.entry)))
            .map(|record| row(record, self.expires(chunk)))
            .collect::<Result<_, _>>()?;
        self.table.put(rows).await
    }
}

/// The record that a row was made from, without the body of its text, which rows do not keep; nothing for a row of another
/// shape.
#[must_use]
pub fn record_of_row(row: &TableRow) -> Option<Record> {
    let text = |name: &str| row.get(name).and_then(serde_json::Value::as_str);
    let of = |name: &str| row.get(name).cloned().unwrap_or_default();
    let run = text("run")?;
    let run = run.split_once('#').map_or(run, |(run, _)| run);
    let mut record = Record::new(run, text("source")?, Item::named(text("item")?));
    record.entry = text("entry").map(ToOwned::to_owned);
    record.findings = serde_json::from_value(of("findings")).ok()?;
    if let serde_json::Value::Object(mut origin) = of("text") {
        origin.insert("body".into(), json!(""));
        record.text = serde_json::from_value(serde_json::Value::Object(origin)).ok()?;
    }
    record.failure = serde_json::from_value(of("failure")).ok()?;
    Some(record)
}

/// The row of a record, with the most used attributes at the top level.
fn row(record: &Record, expires: Option<i64>) -> Result<TableRow, Error> {
    let unwritable =
        |error| Error::permanent(ErrorCode::RecordUnwritable, format!("cannot serialize the record: {error}"));
    let mut row = TableRow::new();
    row.insert("item".into(), json!(record.item.key));
    // The entries of a run sort after one another, below the run's id.
    let sort = record.entry.as_ref().map_or_else(|| record.run.clone(), |entry| format!("{}#{entry}", record.run));
    row.insert("run".into(), json!(sort));
    if let Some(entry) = &record.entry {
        row.insert("entry".into(), json!(entry));
    }
    row.insert("source".into(), json!(record.source));
    if let Some(finding) = record.finding() {
        row.insert("label".into(), json!(finding.label));
        row.insert("score".into(), json!(finding.score));
        row.insert("engine".into(), json!(finding.engine));
    }
    row.insert("findings".into(), serde_json::to_value(&record.findings).map_err(unwritable)?);
    if let Some(text) = &record.text {
        // Rows are billed by the kilobyte, so the text itself stays in the archive.
        let mut origin = serde_json::to_value(text).map_err(unwritable)?;
        if let Some(origin) = origin.as_object_mut() {
            origin.remove("body");
        }
        row.insert("text".into(), origin);
    }
    if let Some(failure) = &record.failure {
        row.insert("failure".into(), serde_json::to_value(failure).map_err(unwritable)?);
    }
    if let Some(expires) = expires {
        row.insert("expires".into(), json!(expires));
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::services::{ScanPage, TableScan};
    use crate::model::record::{Finding, Text};
    use crate::model::run::RunId;
    use std::sync::Mutex;

    #[derive(Default)]
    struct MemoryTable(Mutex<Vec<TableRow>>);

    #[async_trait]
    impl TableStore for MemoryTable {
        async fn put(&self, rows: Vec<TableRow>) -> Result<String, Error> {
            self.0.lock().expect("no panic").extend(rows);
            Ok(String::new())
        }

        async fn scan(&self, _: TableScan<'_>) -> Result<ScanPage, Error> {
            Ok(ScanPage::default())
        }
    }

    #[tokio::test]
    async fn no_two_rows_of_a_run_have_the_same_key() {
        let run = RunId::scheduled("2026-11-22T09:00:00Z").expect("a time");
        let mut records = ["A", "B", "A", "C"].map(|key| Record::new(run.as_str(), "s", Item::named(key)));
        for second in [2, 3] {
            // The first `C` is in another chunk.
            records[second].fail("s", Error::item_twice("A"));
        }
        let stored = Arc::new(MemoryTable::default());
        let table = DynamodbSink { table: stored.clone(), ttl_days: None };
        table.write(&Chunk::new(&run, 0, &records), &records).await.expect("written");
        let rows = stored.0.lock().expect("no panic");
        assert_eq!(rows.iter().map(|row| &row["item"]).collect::<Vec<_>>(), ["A", "B"]);
        assert!(rows.iter().all(|row| !row.contains_key("failure")));
    }

    #[test]
    fn a_record_is_read_back_from_its_row_but_for_the_body_of_its_text() {
        let text = Text { body: "A great day.".into(), source: "text".into(), ..Text::default() };
        let mut record = Record::new("20261122T090000Z", "companies", Item::named("Apple"));
        record.text = Some(text.clone());
        record.findings = vec![Finding { engine: "lexicon".into(), score: Some(0.5), ..Finding::default() }];
        record.entry = Some("e1".into());
        let mut failed = Record::new("20261122T090000Z", "companies", Item::named("Google"));
        failed.fail("texts", Error::permanent(ErrorCode::PageMissing, "no such page"));
        for record in [record, failed] {
            let read = record_of_row(&row(&record, Some(7)).expect("a row")).expect("a record");
            let kept = record.text.clone().map(|text| Text { body: String::new(), ..text });
            assert_eq!(read, Record { text: kept, ..record });
        }
        assert_eq!(record_of_row(&TableRow::from_iter([("item".to_owned(), json!("x"))])), None);
    }
}
