//! Findings that were paid for: known by a hash of the text, its language and the settings, and by nothing else.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::component::state::State;
use crate::model::error::Error;
use crate::model::hash::{PartsHash, hex};
use crate::model::record::{Finding, Identity, Record};

/// For how long a finding is remembered, in days: a quarter, after which few texts are still what they were.
pub(super) const DAYS: u64 = 90;

/// What is remembered of a text.
#[derive(Clone, Serialize, Deserialize)]
struct CachedFinding {
    finding: Finding,
    /// The language that the stage found, where nobody had said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

/// What is known of the texts of some records before a stage is asked.
pub(super) struct CachedFindings<'a> {
    stage: &'a str,
    /// The key of each record.
    keys: HashMap<Identity, String>,
    kept: BTreeMap<String, String>,
    /// Records whose text another one in the chunk has too.
    same: HashMap<String, Vec<Record>>,
}

impl<'a> CachedFindings<'a> {
    /// Looks the texts of these records up.
    ///
    /// # Errors
    /// What keeps the memory from being read.
    pub(super) async fn get_cached(
        state: &dyn State,
        stage: &'a str,
        paid: &str,
        records: &[Record],
    ) -> Result<Self, Error> {
        let keys: HashMap<_, _> =
            records.iter().filter_map(|record| Some((record.identity(), key(paid, record)?))).collect();
        let mut asked: Vec<String> = keys.values().cloned().collect();
        asked.sort_unstable();
        asked.dedup();
        let kept = if asked.is_empty() { BTreeMap::new() } else { state.get_cached(&asked).await? };
        Ok(Self { stage, keys, kept, same: HashMap::new() })
    }

    /// The records whose finding is known, with it, and those that have to be asked about, each text once.
    pub(super) fn give(&mut self, records: Vec<Record>) -> (Vec<Record>, Vec<Record>) {
        let (mut all, mut ask) = (Vec::new(), Vec::new());
        for mut record in records {
            let key = self.keys.get(&record.identity()).cloned();
            let kept = key.as_ref().and_then(|key| serde_json::from_str::<CachedFinding>(self.kept.get(key)?).ok());
            match (kept, key) {
                (Some(kept), _) => {
                    kept.give(self.stage, &mut record);
                    all.push(record);
                }
                (None, None) => ask.push(record),
                (None, Some(key)) => match self.same.get_mut(&key) {
                    Some(same) => same.push(record),
                    None => {
                        self.same.insert(key, Vec::new());
                        ask.push(record);
                    }
                },
            }
        }
        (all, ask)
    }

    /// Gives what was found to the records with the same text.
    pub(super) fn share(&mut self, mut records: Vec<Record>) -> Vec<Record> {
        for place in 0..records.len() {
            let record = &records[place];
            let Some(key) = self.keys.get(&record.identity()) else { continue };
            let (kept, failure) = (self.of(record), record.failure.clone());
            for mut other in self.same.remove(key).unwrap_or_default() {
                match &kept {
                    Some(kept) => kept.give(self.stage, &mut other),
                    None => other.failure = failure.clone(),
                }
                records.push(other);
            }
        }
        records
    }

    /// What was found just now, to be remembered.
    pub(super) fn fresh(&self, records: &[Record]) -> Vec<(String, String)> {
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        for record in records {
            if let Some(key) = self.keys.get(&record.identity()).filter(|key| !self.kept.contains_key(*key))
                && let Some(Ok(value)) = self.of(record).map(|kept| serde_json::to_string(&kept))
            {
                values.insert(key.clone(), value);
            }
        }
        values.into_iter().collect()
    }

    fn of(&self, record: &Record) -> Option<CachedFinding> {
        let finding = record.findings.iter().rev().find(|finding| finding.stage == self.stage)?.clone();
        Some(CachedFinding { finding, language: record.text.as_ref()?.language.clone() })
    }
}

impl CachedFinding {
    fn give(&self, stage: &str, record: &mut Record) {
        record.findings.push(Finding { stage: stage.into(), ..self.finding.clone() });
        if let Some(text) = &mut record.text
            && text.language.is_none()
        {
            text.language.clone_from(&self.language);
        }
    }
}

/// The key of a record's text under these settings; none where there is no text to ask about.
fn key(paid: &str, record: &Record) -> Option<String> {
    let text = record.body().ok()?;
    let hash = PartsHash::of(&[paid, text.language.as_deref().unwrap_or_default(), &text.body]);
    Some(format!("finding#{}", hex(&hash)))
}
