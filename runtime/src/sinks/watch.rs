//! Picks the records that a sink is to tell of, and remembers what was found of their items when the condition asks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::component::services::Doors;
use crate::component::state::State;
use crate::component::{Binding, Permission, Scope};
use crate::condition::Condition;
use crate::model::error::Error;
use crate::model::record::{Label, Record};

/// For how long the last finding of an item is known: longer than any schedule that is not over.
const DAYS: u64 = 400;

/// A sink's eye on the records that pass.
pub(super) struct Watch {
    when: Option<Condition>,
    /// What was found before, where the condition looks back.
    before: Option<Memory>,
}

struct Memory {
    state: Arc<dyn State>,
    sink: String,
}

/// The records that a sink is to tell of.
pub(super) struct Picked<'a> {
    /// Each with the label that its item had before.
    pub records: Vec<(&'a Record, Option<Label>)>,
    notes: Vec<(String, String)>,
}

/// What was found of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Last {
    run: String,
    label: Label,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    /// What was found before that, for the same run that comes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Before>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Before {
    label: Label,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
}

/// What a sink with this condition may do, so that it can look back.
pub(super) fn permission(when: Option<&Condition>) -> Option<Permission> {
    when.filter(|when| when.needs_history()).map(|_| Permission {
        actions: vec!["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"],
        on: Scope::State,
        why: "the last finding of each item is remembered, to tell what changed",
    })
}

impl Watch {
    /// Opens the eye of a sink.
    ///
    /// # Errors
    /// `state_missing` where the condition looks back, and nothing is remembered here.
    pub(super) fn open(when: Option<&Condition>, binding: &Binding, doors: &dyn Doors) -> Result<Self, Error> {
        let before = match when.filter(|when| when.needs_history()) {
            None => None,
            Some(when) => {
                let words = format!("`{when}` asks for what was found before, and nothing is remembered here");
                let table = binding.state.as_deref().ok_or_else(|| Error::permanent("state_missing", words))?;
                Some(Memory { state: doors.state(table)?, sink: binding.name.clone() })
            }
        };
        Ok(Self { when: when.cloned(), before })
    }

    /// The records that meet the condition; all of them where there is none.
    ///
    /// # Errors
    /// What kept the last findings from being read.
    pub(super) async fn pick<'a>(&self, records: &'a [Record]) -> Result<Picked<'a>, Error> {
        let (labels, notes) = match &self.before {
            None => (vec![None; records.len()], Vec::new()),
            Some(memory) => memory.look_back(records).await?,
        };
        let meets = |record: &Record, before| self.when.as_ref().is_none_or(|when| when.matches(record, before));
        let records = records.iter().zip(labels).filter(|(record, before)| meets(record, *before)).collect();
        Ok(Picked { records, notes })
    }

    /// Remembers what was found, once it is told: whoever comes again meanwhile tells the same.
    ///
    /// # Errors
    /// What kept it from being written.
    pub(super) async fn remember(&self, picked: Picked<'_>) -> Result<(), Error> {
        match &self.before {
            Some(memory) if !picked.notes.is_empty() => memory.state.remember(picked.notes, DAYS).await,
            _ => Ok(()),
        }
    }
}

impl Memory {
    /// The label before for each record, and what is to be remembered from now on.
    async fn look_back(&self, records: &[Record]) -> Result<(Vec<Option<Label>>, Vec<(String, String)>), Error> {
        let keys: Vec<String> = records.iter().map(|record| self.key(record)).collect();
        let mut asked = keys.clone();
        asked.sort_unstable();
        asked.dedup();
        let known = self.state.recall(&asked).await?;
        let mut labels = Vec::with_capacity(records.len());
        let mut notes = BTreeMap::new();
        for (record, key) in records.iter().zip(keys) {
            // What cannot be read was written by other code: as good as nothing.
            let last = known.get(&key).and_then(|text| serde_json::from_str::<Last>(text).ok());
            let (before, note) = compare(record, last);
            labels.push(before);
            if let Some(note) = note {
                let text = serde_json::to_string(&note)
                    .map_err(|error| Error::permanent("record_unwritable", format!("the last finding: {error}")))?;
                notes.insert(key, text);
            }
        }
        Ok((labels, notes.into_iter().collect()))
    }

    /// The key of an item's last finding: keys of any length and any letters in one of ours.
    fn key(&self, record: &Record) -> String {
        let mut hash = Sha256::new();
        hash.update((record.source.len() as u64).to_be_bytes());
        hash.update(&record.source);
        hash.update(&record.item.key);
        let start = format!("last#{}#", self.sink);
        hash.finalize().iter().take(16).fold(start, |mut key, byte| {
            let _ = write!(key, "{byte:02x}");
            key
        })
    }
}

/// The label before this record's, and what is to be remembered of it.
fn compare(record: &Record, last: Option<Last>) -> (Option<Label>, Option<Last>) {
    let finding = record.finding().and_then(|finding| Some((finding.label?, finding.score)));
    // A fraction of a second stands before the `Z`: without it, runs are in order as texts are.
    let time = |run: &str| run.trim_end_matches('Z').to_owned();
    let before = match last {
        None => None,
        // The same run once more: what it wrote itself is not what was before it.
        Some(last) if last.run == record.run => {
            let label = last.before.as_ref().map(|before| before.label);
            let same = finding == Some((last.label, last.score));
            let note = finding.filter(|_| !same).map(|(label, score)| Last { label, score, ..last });
            return (label, note);
        }
        // An older run, late: what was before it is no longer known, and what came after it stays.
        Some(last) if time(&last.run) > time(&record.run) => return (None, None),
        Some(last) => Some(Before { label: last.label, score: last.score }),
    };
    let label = before.as_ref().map(|before| before.label);
    (label, finding.map(|(label, score)| Last { run: record.run.clone(), label, score, before }))
}
