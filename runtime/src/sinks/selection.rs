//! Selects the records that match a sink's condition, and stores about each item what the condition compares with.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::last_findings;
use crate::component::services::Services;
use crate::component::state::{Counts, State};
use crate::component::{Binding, PermissionTarget, RequiredPermission, Sink};
use crate::condition::Condition;
use crate::model::error::{Error, ErrorCode};
use crate::model::hash::{PartsHash, hex};
use crate::model::record::{Label, Record};
use crate::model::run::{Chunk, RunId};
use crate::shift::{self, ScoredText};

/// How many days the rows of an item are kept: longer than the interval of any schedule.
const RETENTION_DAYS: u64 = 400;

/// Selects the records for a sink.
pub(super) struct RecordSelector {
    when: Option<Condition>,
    /// The rows about each item, if the condition needs them.
    rows: Option<ItemRows>,
}

/// The rows of a sink about each item, by their kind.
struct ItemRows {
    state: Arc<dyn State>,
    sink: String,
    /// Whether the condition needs the last finding.
    last: bool,
    /// Whether the condition needs the daily scores.
    scores: bool,
}

/// The selected records.
pub(super) struct Selection<'a> {
    /// Each with the previous label of its item.
    pub records: Vec<(Cow<'a, Record>, Option<Label>)>,
    rows: Vec<(String, String)>,
}

/// The permission that a sink with this condition needs.
pub(super) fn permission(when: Option<&Condition>) -> Option<RequiredPermission> {
    let when = when.filter(|when| when.needs_history())?;
    Some(RequiredPermission {
        actions: vec!["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"],
        target: PermissionTarget::StateTable,
        reason: match (when.needs_last_label(), when.needs_scores()) {
            (_, false) => "the last finding of each item is stored, to detect changes",
            (false, _) => "the daily scores of each item are stored, to detect shifts",
            (true, true) => {
                "the last finding and the daily scores of each item are stored, to detect changes and shifts"
            }
        },
    })
}

impl RecordSelector {
    /// A selector for this condition.
    ///
    /// # Errors
    /// `state_missing` if the condition compares with earlier runs and there is no state table.
    pub(super) fn open(when: Option<&Condition>, binding: &Binding, services: &dyn Services) -> Result<Self, Error> {
        let rows = match when.filter(|when| when.needs_history()) {
            None => None,
            Some(when) => {
                let words = format!("`{when}` needs the previous run, but there is no state table");
                let table =
                    binding.state_table.as_deref().ok_or_else(|| Error::permanent(ErrorCode::StateMissing, words))?;
                Some(ItemRows {
                    state: services.state(table)?,
                    sink: binding.name.clone(),
                    last: when.needs_last_label(),
                    scores: when.needs_scores(),
                })
            }
        };
        Ok(Self { when: when.cloned(), rows })
    }

    /// The records that match the condition; all of them if there is none.
    ///
    /// # Errors
    /// The error of reading the rows.
    pub(super) async fn select<'a>(&self, records: &'a [Record]) -> Result<Selection<'a>, Error> {
        let all = records.iter().map(Cow::Borrowed);
        let (compared, rows) = match &self.rows {
            None => (all.map(|record| (record, None)).collect(), Vec::new()),
            Some(rows) => rows.compare(records).await?,
        };
        let matches = |record: &Record, before| self.when.as_ref().is_none_or(|when| when.matches(record, before));
        let records = compared.into_iter().filter(|(record, before)| matches(record, *before)).collect();
        Ok(Selection { records, rows })
    }

    /// Stores what later runs are compared with. Call it after the records are sent, so that a retry in between selects the
    /// same.
    ///
    /// # Errors
    /// The error of the state table.
    pub(super) async fn store(&self, selection: Selection<'_>) -> Result<(), Error> {
        match &self.rows {
            Some(rows) if !selection.rows.is_empty() => rows.state.put_cached(selection.rows, RETENTION_DAYS).await,
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
/// `state_missing` if the condition compares with earlier runs and there is no state table.
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
        let selected: Vec<Record> = selection.records.iter().map(|(record, _)| record.clone().into_owned()).collect();
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

/// Records with the previous label of their items, and the rows to store.
type Compared<'a> = (Vec<(Cow<'a, Record>, Option<Label>)>, Vec<(String, String)>);

impl ItemRows {
    /// Compares the records with the rows of their items. All rows are read at once.
    async fn compare<'a>(&self, records: &'a [Record]) -> Result<Compared<'a>, Error> {
        let mut items: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            items.entry(item_hash(record)).or_default().push(index);
        }
        let kinds = [("last", self.last), ("scores", self.scores)];
        let kinds = kinds.into_iter().filter(|(_, needed)| *needed).map(|(kind, _)| kind);
        let keys: Vec<String> = kinds.flat_map(|kind| items.keys().map(move |item| self.key(kind, item))).collect();
        let stored = self.state.get_cached(&keys).await?;
        let mut compared: Vec<_> = records.iter().map(|record| (Cow::Borrowed(record), None)).collect();
        let mut rows = Vec::new();
        for (item, indexes) in items {
            if self.last {
                let key = self.key("last", &item);
                let mut new = None;
                for index in &indexes {
                    let (label, row) = last_findings::compare(&records[*index], parse(&stored, &key));
                    compared[*index].1 = label;
                    new = row.or(new);
                }
                rows.extend(new.map(|row| row_text(&row)).transpose()?.map(|text| (key, text)));
            }
            if self.scores {
                let key = self.key("scores", &item);
                let texts: Vec<(usize, ScoredText)> =
                    indexes.iter().filter_map(|index| Some((*index, ScoredText::of(&records[*index])?))).collect();
                let Some((first, _)) = texts.first() else { continue };
                let run = RunId::try_from(records[*first].run.clone())
                    .map_err(|error| Error::permanent(ErrorCode::RunUnreadable, error))?;
                let scored = texts.iter().map(|(_, text)| text.clone()).collect();
                let verdict = shift::judge(parse(&stored, &key), &run, scored)?;
                if let Some(shift) = verdict.shift {
                    // One record has the shift, so that it is told once: the one that moved the mean most.
                    let sign = if shift.is_up() { 1.0 } else { -1.0 };
                    let most =
                        texts.iter().rev().max_by(|one, other| (sign * one.1.score).total_cmp(&(sign * other.1.score)));
                    let index = most.map_or(*first, |(index, _)| *index);
                    compared[index].0.to_mut().shift = Some(Box::new(shift));
                }
                rows.extend(verdict.history.map(|row| row_text(&row)).transpose()?.map(|text| (key, text)));
            }
        }
        Ok((compared, rows))
    }

    fn key(&self, kind: &str, item: &str) -> String {
        format!("{kind}#{}#{item}", self.sink)
    }
}

/// An item in a key; a hash, since item keys may have any length and any characters.
fn item_hash(record: &Record) -> String {
    let mut hash = PartsHash::default();
    hash.part(&record.source);
    hash.raw(&record.item.key);
    hex(&hash.finish()[..16])
}

/// A stored row. One that cannot be parsed was written by another version, and is ignored.
fn parse<T: DeserializeOwned>(stored: &BTreeMap<String, String>, key: &str) -> Option<T> {
    stored.get(key).and_then(|text| serde_json::from_str(text).ok())
}

fn row_text(row: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(row).map_err(|error| {
        Error::permanent(ErrorCode::RecordUnwritable, format!("what is stored about an item: {error}"))
    })
}
