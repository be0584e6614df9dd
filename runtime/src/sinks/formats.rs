//! The formats of records: JSON Lines and CSV.

use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Finding, Record, is_invisible};

/// One record per line.
///
/// # Errors
/// `record_unwritable`, which should never happen.
pub(super) fn jsonl(records: &[Record]) -> Result<Vec<u8>, Error> {
    let mut body = Vec::with_capacity(records.len() * 1024);
    for record in records {
        serde_json::to_writer(&mut body, record).map_err(|error| unwritable(&error))?;
        body.push(b'\n');
    }
    Ok(body)
}

macro_rules! entity {
    () => {
        "struct<text:string,type:string,score:double,begin:bigint,end:bigint,label:string,scores:map<string,double>>"
    };
}

/// The members of a record as `jsonl` writes it, with their Hive types for Athena
/// (<https://docs.aws.amazon.com/athena/latest/ug/data-types.html>).
pub const JSONL_COLUMNS: &[(&str, &str)] = &[
    ("run", "string"),
    ("source", "string"),
    (
        "item",
        "struct<key:string,title:string,feed:string,language:string,url:string,text:string,labels:map<string,string>>",
    ),
    ("entry", "string"),
    (
        "text",
        concat!(
            "struct<body:string,language:string,source:string,title:string,url:string,published:string,",
            "revision:bigint,licence:string>",
        ),
    ),
    (
        "findings",
        concat!(
            "array<struct<stage:string,engine:string,stands_in_for:string,label:string,score:double,",
            "scores:map<string,double>,coverage:double,",
            "entities:array<",
            entity!(),
            ">,targets:array<",
            entity!(),
            ">,",
            "phrases:array<struct<text:string,score:double,begin:bigint,end:bigint>>,",
            "personal:array<",
            entity!(),
            ">>>",
        ),
    ),
    ("failure", "struct<stage:string,code:string,message:string,transient:boolean,retry_after_s:bigint>"),
];

/// The columns that [`csv`] writes. Athena reads empty cells of numeric columns as null only if all columns are strings, so
/// they all are: use `CAST(score AS double)` in queries.
pub const CSV_COLUMNS: &[(&str, &str)] = &[
    ("run", "string"),
    ("source", "string"),
    ("item", "string"),
    ("entry", "string"),
    ("title", "string"),
    ("stage", "string"),
    ("engine", "string"),
    ("label", "string"),
    ("score", "string"),
    ("coverage", "string"),
    ("text_source", "string"),
    ("url", "string"),
    ("published", "string"),
    ("failure", "string"),
    ("message", "string"),
];

/// A header, then one row per finding, and one for a record without findings.
///
/// # Errors
/// `record_unwritable`, which should never happen.
pub(super) fn csv(records: &[Record]) -> Result<Vec<u8>, Error> {
    let mut body = csv_header()?;
    for record in records {
        body.extend(csv_rows(record)?);
    }
    Ok(body)
}

/// The header of a sheet of records.
///
/// # Errors
/// `record_unwritable`, which should never happen.
pub fn csv_header() -> Result<Vec<u8>, Error> {
    let mut sheet = csv::Writer::from_writer(Vec::new());
    sheet.write_record(CSV_COLUMNS.iter().map(|(name, _)| name)).map_err(|error| unwritable(&error))?;
    sheet.into_inner().map_err(|error| unwritable(&error.error()))
}

/// The rows of a record: one per finding, or one if it has none.
///
/// # Errors
/// `record_unwritable`, which should never happen.
pub fn csv_rows(record: &Record) -> Result<Vec<u8>, Error> {
    let mut sheet = csv::Writer::from_writer(Vec::new());
    let findings: Vec<Option<&Finding>> = match record.findings.as_slice() {
        [] => vec![None],
        findings => findings.iter().map(Some).collect(),
    };
    for finding in findings {
        sheet.write_record(row(record, finding).map(escape_formula)).map_err(|error| unwritable(&error))?;
    }
    sheet.into_inner().map_err(|error| unwritable(&error.error()))
}

fn row(record: &Record, finding: Option<&Finding>) -> [String; 15] {
    let text = record.text.as_ref();
    let failure = record.failure.as_ref();
    [
        record.run.clone(),
        record.source.clone(),
        record.item.key.clone(),
        record.entry.clone().unwrap_or_default(),
        text.and_then(|text| text.title.clone()).unwrap_or_default(),
        finding.map(|finding| finding.stage.clone()).unwrap_or_default(),
        finding.map(|finding| finding.engine.clone()).unwrap_or_default(),
        finding.and_then(|finding| finding.label).map(|label| label.as_str().to_owned()).unwrap_or_default(),
        finding.and_then(|finding| finding.score).map(|score| score.to_string()).unwrap_or_default(),
        finding.map(|finding| finding.coverage.to_string()).unwrap_or_default(),
        text.map(|text| text.source.clone()).unwrap_or_default(),
        text.and_then(|text| text.url.clone()).unwrap_or_default(),
        text.and_then(|text| text.published.clone()).unwrap_or_default(),
        failure.map(|failure| failure.error.code.to_string()).unwrap_or_default(),
        failure.map(|failure| failure.error.message.clone()).unwrap_or_default(),
    ]
}

/// Keeps spreadsheets from running a cell as a formula. Where lists are separated by `;` or tabs, a spreadsheet may split the
/// cell there, whatever its quotes say, so each part is looked at.
fn escape_formula(cell: String) -> String {
    if cell.parse::<f64>().is_ok() {
        return cell;
    }
    let is_separator = |c: char| matches!(c, ';' | '\t' | '\r' | '\n');
    if !cell.split(is_separator).any(starts_formula) && !cell.starts_with(is_separator) {
        return cell;
    }
    let mut escaped = String::with_capacity(cell.len() + 1);
    if cell.starts_with(['\t', '\r']) {
        escaped.push('\'');
    }
    for part in cell.split_inclusive(is_separator) {
        if starts_formula(part) {
            escaped.push('\'');
        }
        escaped.push_str(part);
    }
    escaped
}

/// Whether a text begins as a formula does: with a sign of ASCII or its full-width form, after characters that show nothing.
fn starts_formula(text: &str) -> bool {
    let first = text.chars().find(|c| !is_invisible(*c));
    first.is_some_and(|c| matches!(c, '=' | '@' | '+' | '-' | '\u{ff1d}' | '\u{ff20}' | '\u{ff0b}' | '\u{ff0d}'))
}

fn unwritable(error: &dyn std::fmt::Display) -> Error {
    Error::permanent(ErrorCode::RecordUnwritable, format!("cannot serialize the record: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::Item;

    #[test]
    fn a_name_cannot_become_a_formula() {
        let mut record = Record::new("r", "s", Item::named("=HYPERLINK(\"http://x\")"));
        record.fail("x", Error::permanent(ErrorCode::TextMissing, "-1 is fine, `+a` is not"));
        let sheet = String::from_utf8(csv(&[record]).expect("written")).expect("UTF-8");
        assert!(sheet.contains("\"'=HYPERLINK(\"\"http://x\"\")\""), "{sheet}");
        assert_eq!(escape_formula("-0.5".into()), "-0.5");
        assert_eq!(escape_formula("+1-cmd".into()), "'+1-cmd");
        for (cell, escaped) in [
            ("plain; text\nof two lines", "plain; text\nof two lines"),
            ("\u{ff1d}1+1", "'\u{ff1d}1+1"),
            ("\u{200b}=1", "'\u{200b}=1"),
            ("a;=1;b\t@x", "a;'=1;b\t'@x"),
            ("a\n -1", "a\n' -1"),
            ("\tx", "'\tx"),
            ("1e5", "1e5"),
            ("", ""),
        ] {
            assert_eq!(escape_formula(cell.into()), escaped, "{cell:?}");
        }
    }

    /// The Hive type of a JSON value. Maps look like structs, and are recognized by their names.
    fn hive(name: &str, value: &serde_json::Value) -> String {
        use serde_json::Value;
        match value {
            Value::Bool(_) => "boolean".into(),
            Value::Number(number) => if number.is_f64() { "double" } else { "bigint" }.into(),
            Value::String(_) => "string".into(),
            Value::Array(values) => format!("array<{}>", hive("", values.first().expect("a full list"))),
            Value::Object(map) if matches!(name, "labels" | "scores") => {
                format!("map<string,{}>", hive("", map.values().next().expect("a full map")))
            }
            Value::Object(members) => {
                let mut members: Vec<_> =
                    members.iter().map(|(name, value)| format!("{name}:{}", hive(name, value))).collect();
                members.sort_unstable();
                format!("struct<{}>", members.join(","))
            }
            Value::Null => panic!("`{name}` is null"),
        }
    }

    /// The same type with the members of every struct sorted by name.
    fn sorted(declared: &str) -> String {
        let Some(inner) = declared.strip_prefix("struct<").and_then(|rest| rest.strip_suffix('>')) else {
            return match declared.strip_prefix("array<").and_then(|rest| rest.strip_suffix('>')) {
                Some(inner) => format!("array<{}>", sorted(inner)),
                None => declared.to_owned(),
            };
        };
        let (mut members, mut depth) = (vec![String::new()], 0);
        for c in inner.chars() {
            match c {
                '<' => depth += 1,
                '>' => depth -= 1,
                _ => {}
            }
            match c {
                ',' if depth == 0 => members.push(String::new()),
                c => members.last_mut().expect("one at least").push(c),
            }
        }
        let mut members: Vec<_> = members
            .iter()
            .map(|member| member.split_once(':').expect("a name and a type"))
            .map(|(name, declared)| format!("{name}:{}", sorted(declared)))
            .collect();
        members.sort_unstable();
        format!("struct<{}>", members.join(","))
    }

    /// A record with every field set, so that this test fails if a new field is missing in the columns.
    fn full() -> Record {
        let text = || "x".to_owned();
        let scores: crate::model::record::Scores = [("mixed".to_owned(), 0.5)].into();
        let entity = || crate::model::record::Entity {
            text: Some(text()),
            kind: text(),
            score: 0.5,
            begin: 0,
            end: 1,
            label: Some(crate::model::record::Label::Mixed),
            scores: scores.clone(),
        };
        Record {
            run: text(),
            source: text(),
            item: Item {
                key: text(),
                title: Some(text()),
                feed: Some(text()),
                language: Some(text()),
                url: Some(text()),
                text: Some(text()),
                labels: [(text(), text())].into(),
            },
            entry: Some(text()),
            text: Some(crate::model::record::Text {
                body: text(),
                language: Some(text()),
                source: text(),
                title: Some(text()),
                url: Some(text()),
                published: Some(text()),
                revision: Some(1),
                licence: Some(text()),
            }),
            findings: vec![Finding {
                stage: text(),
                engine: text(),
                stands_in_for: Some(text()),
                label: Some(crate::model::record::Label::Mixed),
                score: Some(0.5),
                scores: scores.clone(),
                coverage: 0.5,
                entities: vec![entity()],
                targets: vec![entity()],
                phrases: vec![crate::model::record::Phrase { text: text(), score: 0.5, begin: 0, end: 1 }],
                personal: vec![entity()],
            }],
            failure: Some(crate::model::record::Failure {
                stage: text(),
                error: Error { code: ErrorCode::TextMissing, message: text(), transient: true, retry_after_s: Some(1) },
            }),
            // No sink with columns has a condition, so none of its records has a shift.
            shift: None,
        }
    }

    #[test]
    fn the_columns_match_a_full_record() {
        let line = jsonl(&[full()]).expect("written");
        let serde_json::Value::Object(members) = serde_json::from_slice(&line).expect("JSON") else {
            panic!("{line:?}")
        };
        let mut declared: Vec<_> =
            JSONL_COLUMNS.iter().map(|(name, hive)| ((*name).to_owned(), sorted(hive))).collect();
        declared.sort_unstable();
        let written: Vec<_> = members.iter().map(|(name, value)| (name.clone(), hive(name, value))).collect();
        assert_eq!(declared, written);

        let sheet = String::from_utf8(csv(&[full()]).expect("written")).expect("UTF-8");
        let columns: Vec<_> = CSV_COLUMNS.iter().map(|(name, _)| *name).collect();
        assert_eq!(sheet.lines().next().expect("a header"), columns.join(","));
        assert_eq!(sheet.lines().nth(1).expect("a row").split(',').count(), columns.len());
    }
}
