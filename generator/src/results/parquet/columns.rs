//! The columns of a Parquet file: where each is in a record, and the rows of a record.

use fanggen_runtime::model::record::Record;
use fanggen_runtime::sinks::JSONL_COLUMNS;
use jiff::Timestamp;
use serde_json::Value;

/// Where the findings are in a record: each of them is a row.
const FINDINGS: &str = "findings";

/// Each column, and its place in a record as JSON: first those of a sheet under the same names, then what a sheet has no room
/// for. With these, the rows of a record contain all of it.
const PLACES: &[(&str, &str)] = &[
    ("run", "run"),
    ("source", "source"),
    ("item", "item.key"),
    ("entry", "entry"),
    ("title", "text.title"),
    ("stage", "findings.stage"),
    ("engine", "findings.engine"),
    ("label", "findings.label"),
    ("score", "findings.score"),
    ("coverage", "findings.coverage"),
    ("text_source", "text.source"),
    ("url", "text.url"),
    ("published", "text.published"),
    ("failure", "failure.code"),
    ("message", "failure.message"),
    ("run_time", "run"),
    ("failed_stage", "failure.stage"),
    ("transient", "failure.transient"),
    ("retry_after_s", "failure.retry_after_s"),
    ("body", "text.body"),
    ("language", "text.language"),
    ("revision", "text.revision"),
    ("licence", "text.licence"),
    ("stands_in_for", "findings.stands_in_for"),
    ("scores", "findings.scores"),
    ("entities", "findings.entities"),
    ("targets", "findings.targets"),
    ("phrases", "findings.phrases"),
    ("personal", "findings.personal"),
    ("item_title", "item.title"),
    ("item_feed", "item.feed"),
    ("item_language", "item.language"),
    ("item_url", "item.url"),
    ("item_text", "item.text"),
    ("labels", "item.labels"),
];

/// The columns whose texts are times.
const TIMES: [&str; 2] = ["published", "run_time"];

/// The Hive type of a time.
const TIMESTAMP: &str = "timestamp";

/// The name and the Hive type of each column: those of Athena's table.
pub fn columns() -> Vec<(&'static str, &'static str)> {
    let kind = |name: &str, place| if TIMES.contains(&name) { Some(TIMESTAMP) } else { hive_type(place) };
    PLACES.iter().filter_map(|(name, place)| Some((*name, kind(name, place)?))).collect()
}

/// The Hive type at a place in a record.
fn hive_type(place: &str) -> Option<&'static str> {
    let mut names = place.split('.');
    let first = names.next()?;
    let (_, kind) = JSONL_COLUMNS.iter().find(|(name, _)| *name == first)?;
    names.try_fold(*kind, |kind, name| {
        let kind = super::schema::element(kind).unwrap_or(kind);
        super::schema::members(kind)?.into_iter().find(|(member, _)| *member == name).map(|(_, kind)| kind)
    })
}

/// The rows of a record, each with a value per column: one row per finding, or one if it has none.
///
/// # Errors
/// A record that is no JSON, which should never happen.
pub fn rows(record: &Record) -> serde_json::Result<Vec<Vec<Option<Value>>>> {
    let mut record = serde_json::to_value(record)?;
    let findings = match record.get_mut(FINDINGS).map(Value::take) {
        Some(Value::Array(findings)) if !findings.is_empty() => findings,
        _ => vec![Value::Null],
    };
    let value = |finding: &mut Value, (name, place): &(&str, &str)| {
        let value = match place.strip_prefix("findings.") {
            Some(member) => finding.get_mut(member)?.take(),
            None => place.split('.').try_fold(&record, |value, name| value.get(name))?.clone(),
        };
        if TIMES.contains(name) { microseconds(&value) } else { Some(value) }
    };
    let row = |mut finding: Value| PLACES.iter().map(|column| value(&mut finding, column)).collect();
    Ok(findings.into_iter().map(row).collect())
}

/// The microseconds since 1970 of a time; none for a text that is no time.
fn microseconds(value: &Value) -> Option<Value> {
    let time: Timestamp = value.as_str()?.parse().ok()?;
    Some(time.as_microsecond().into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fanggen_runtime::sinks::CSV_COLUMNS;

    use super::*;
    use crate::results::parquet::schema::{element, members};

    #[test]
    fn the_columns_are_those_of_a_sheet_and_everything_else_of_a_record() {
        let names: Vec<&str> = columns().iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), PLACES.len(), "every place is one of a record");
        let sheet: Vec<&str> = CSV_COLUMNS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names[..sheet.len()], sheet);
        let mut of_a_record = BTreeSet::new();
        for (name, kind) in JSONL_COLUMNS {
            match members(element(kind).unwrap_or(kind)) {
                Some(members) => {
                    of_a_record.extend(members.into_iter().map(|(member, _)| format!("{name}.{member}")));
                }
                None => drop(of_a_record.insert((*name).to_owned())),
            }
        }
        assert_eq!(PLACES.iter().map(|(_, place)| (*place).to_owned()).collect::<BTreeSet<_>>(), of_a_record);
    }

    #[test]
    fn a_time_is_utc_and_a_text_that_is_no_time_is_missing() {
        let of = |text: &str| microseconds(&Value::from(text));
        assert_eq!(of("1970-01-01T01:00:00.5+01:00"), Some(500_000.into()));
        assert_eq!(of("19700101T000001Z"), Some(1_000_000.into()));
        assert_eq!(of("1969-12-31T23:59:59.999999Z"), Some((-1).into()));
        assert_eq!(of("last week"), None);
    }
}
