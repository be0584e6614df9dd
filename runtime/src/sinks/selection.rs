//! Selects the records that match a sink's condition, and stores the last finding of each item if the condition needs it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::component::services::Services;
use crate::component::state::{Counts, State};
use crate::component::{Binding, PermissionTarget, RequiredPermission, Sink};
use crate::condition::Condition;
use crate::model::error::{Error, ErrorCode};
use crate::model::hash::{PartsHash, hex};
use crate::model::record::{Label, Record};
use crate::model::run::{Chunk, RunId};

/// How many days the last finding of an item is kept: longer than the interval of any schedule.
const RETENTION_DAYS: u64 = 400;

/// Selects the records for a sink.
pub(super) struct RecordSelector {
    when: Option<Condition>,
    /// The last findings, if the condition needs them.
    last_findings: Option<LastFindings>,
}

struct LastFindings {
    state: Arc<dyn State>,
    sink: String,
}

/// The selected records.
pub(super) struct Selection<'a> {
    /// Each with the previous label of its item.
    pub records: Vec<(&'a Record, Option<Label>)>,
    rows: Vec<(String, String)>,
}

/// The last finding of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LastFinding {
    run: String,
    label: Label,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    /// The finding before that one, for a retry of the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<PreviousFinding>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PreviousFinding {
    label: Label,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
}

/// The permission that a sink with this condition needs.
pub(super) fn permission(when: Option<&Condition>) -> Option<RequiredPermission> {
    when.filter(|when| when.needs_history()).map(|_| RequiredPermission {
        actions: vec!["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"],
        target: PermissionTarget::StateTable,
        reason: "the last finding of each item is stored, to detect changes",
    })
}

impl RecordSelector {
    /// A selector for this condition.
    ///
    /// # Errors
    /// `state_missing` if the condition needs the last findings and there is no state table.
    pub(super) fn open(when: Option<&Condition>, binding: &Binding, services: &dyn Services) -> Result<Self, Error> {
        let last_findings = match when.filter(|when| when.needs_history()) {
            None => None,
            Some(when) => {
                let words = format!("`{when}` needs the previous run, but there is no state table");
                let table =
                    binding.state_table.as_deref().ok_or_else(|| Error::permanent(ErrorCode::StateMissing, words))?;
                Some(LastFindings { state: services.state(table)?, sink: binding.name.clone() })
            }
        };
        Ok(Self { when: when.cloned(), last_findings })
    }

    /// The records that match the condition; all of them if there is none.
    ///
    /// # Errors
    /// The error of reading the last findings.
    pub(super) async fn select<'a>(&self, records: &'a [Record]) -> Result<Selection<'a>, Error> {
        let (labels, rows) = match &self.last_findings {
            None => (vec![None; records.len()], Vec::new()),
            Some(last) => last.compare(records).await?,
        };
        let matches = |record: &Record, before| self.when.as_ref().is_none_or(|when| when.matches(record, before));
        let records = records.iter().zip(labels).filter(|(record, before)| matches(record, *before)).collect();
        Ok(Selection { records, rows })
    }

    /// Stores the findings as the last ones. Call it after the records are sent, so that a retry in between selects the same.
    ///
    /// # Errors
    /// The error of the state table.
    pub(super) async fn store(&self, selection: Selection<'_>) -> Result<(), Error> {
        match &self.last_findings {
            Some(last) if !selection.rows.is_empty() => last.state.put_cached(selection.rows, RETENTION_DAYS).await,
            _ => Ok(()),
        }
    }
}

/// A sink that passes on the records that a condition selects.
struct SelectingSink {
    selector: RecordSelector,
    inner: Box<dyn Sink>,
}

/// Puts a condition in front of a sink that has none of its own.
///
/// # Errors
/// `state_missing` if the condition needs the last findings and there is no state table.
pub fn select(
    inner: Box<dyn Sink>,
    when: Option<&Condition>,
    binding: &Binding,
    services: &dyn Services,
) -> Result<Box<dyn Sink>, Error> {
    Ok(Box::new(SelectingSink { selector: RecordSelector::open(when, binding, services)?, inner }))
}

#[async_trait]
impl Sink for SelectingSink {
    /// The location is empty if no record is selected.
    async fn write(&self, chunk: &Chunk, records: &[Record]) -> Result<String, Error> {
        let selection = self.selector.select(records).await?;
        let selected: Vec<Record> = selection.records.iter().map(|(record, _)| (*record).clone()).collect();
        let location = match selected.is_empty() {
            true => String::new(),
            false => self.inner.write(chunk, &selected).await?,
        };
        self.selector.store(selection).await?;
        Ok(location)
    }

    async fn complete(&self, run: &RunId, counts: &Counts) -> Result<bool, Error> {
        self.inner.complete(run, counts).await
    }
}

impl LastFindings {
    /// The previous label of each record, and the rows to store.
    async fn compare(&self, records: &[Record]) -> Result<(Vec<Option<Label>>, Vec<(String, String)>), Error> {
        let keys: Vec<String> = records.iter().map(|record| self.key(record)).collect();
        let mut distinct = keys.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let stored = self.state.get_cached(&distinct).await?;
        let mut labels = Vec::with_capacity(records.len());
        let mut rows = BTreeMap::new();
        for (record, key) in records.iter().zip(keys) {
            // A row that cannot be parsed was written by another version, and is ignored.
            let last = stored.get(&key).and_then(|text| serde_json::from_str::<LastFinding>(text).ok());
            let (previous, row) = compare(record, last);
            labels.push(previous);
            if let Some(row) = row {
                let text = serde_json::to_string(&row).map_err(|error| {
                    Error::permanent(ErrorCode::RecordUnwritable, format!("the last finding: {error}"))
                })?;
                rows.insert(key, text);
            }
        }
        Ok((labels, rows.into_iter().collect()))
    }

    /// The key of an item's row; a hash, since item keys may have any length and any characters.
    fn key(&self, record: &Record) -> String {
        let mut hash = PartsHash::default();
        hash.part(&record.source);
        hash.raw(&record.item.key);
        format!("last#{}#{}", self.sink, hex(&hash.finish()[..16]))
    }
}

/// The previous label of a record's item, and the finding to store, if it changes.
fn compare(record: &Record, last: Option<LastFinding>) -> (Option<Label>, Option<LastFinding>) {
    let finding = record.finding().and_then(|finding| Some((finding.label?, finding.score)));
    // Without the `Z`, run ids with and without fractions of a second sort correctly as texts.
    let time = |run: &str| run.trim_end_matches('Z').to_owned();
    let before = match last {
        None => None,
        // A retry of the same run: its own finding is not the previous one.
        Some(last) if last.run == record.run => {
            let label = last.before.as_ref().map(|before| before.label);
            let same = finding == Some((last.label, last.score));
            let row = finding.filter(|_| !same).map(|(label, score)| LastFinding { label, score, ..last });
            return (label, row);
        }
        // A late retry of an older run: what preceded it is no longer known, and the newer finding stays.
        Some(last) if time(&last.run) > time(&record.run) => return (None, None),
        Some(last) => Some(PreviousFinding { label: last.label, score: last.score }),
    };
    let label = before.as_ref().map(|before| before.label);
    (label, finding.map(|(label, score)| LastFinding { run: record.run.clone(), label, score, before }))
}
