//! The cache of paid findings, keyed by a hash of the text, its language and the settings of the stage.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::component::state::State;
use crate::model::error::Error;
use crate::model::hash::{PartsHash, hex};
use crate::model::record::{Finding, Identity, Record};

/// How long a finding stays in the cache. Most texts change within three months.
pub(super) const CACHE_DAYS: u64 = 90;

/// What the cache holds for a text.
#[derive(Clone, Serialize, Deserialize)]
struct CachedFinding {
    finding: Finding,
    /// The language that the stage detected, if the text had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

/// The cached findings for the texts of some records, looked up before a stage runs.
pub(super) struct CachedFindings<'a> {
    stage: &'a str,
    /// The cache key of each record.
    keys: HashMap<Identity, String>,
    /// The cached values by key.
    cached: BTreeMap<String, String>,
    /// By cache key: records with the same text as one that is analyzed.
    duplicates: HashMap<String, Vec<Record>>,
}

impl<'a> CachedFindings<'a> {
    /// Looks up the texts of these records. `settings` is the stage's [`cache_key`](crate::component::Stage::cache_key).
    ///
    /// # Errors
    /// Why the cache could not be read.
    pub(super) async fn look_up(
        state: &dyn State,
        stage: &'a str,
        settings: &str,
        records: &[Record],
    ) -> Result<Self, Error> {
        let keys: HashMap<_, _> =
            records.iter().filter_map(|record| Some((record.identity(), cache_key(settings, record)?))).collect();
        let mut unique: Vec<String> = keys.values().cloned().collect();
        unique.sort_unstable();
        unique.dedup();
        let cached = if unique.is_empty() { BTreeMap::new() } else { state.get_cached(&unique).await? };
        Ok(Self { stage, keys, cached, duplicates: HashMap::new() })
    }

    /// Splits records into those with a cached finding, which is added to them, and those to analyze. Of the records with
    /// the same text, only the first is analyzed.
    pub(super) fn split(&mut self, records: Vec<Record>) -> (Vec<Record>, Vec<Record>) {
        let (mut known, mut to_analyze) = (Vec::new(), Vec::new());
        for mut record in records {
            let key = self.keys.get(&record.identity()).cloned();
            let cached = key.as_ref().and_then(|key| serde_json::from_str::<CachedFinding>(self.cached.get(key)?).ok());
            match (cached, key) {
                (Some(cached), _) => {
                    cached.add_to(&mut record, self.stage);
                    known.push(record);
                }
                (None, None) => to_analyze.push(record),
                (None, Some(key)) => match self.duplicates.get_mut(&key) {
                    Some(duplicates) => duplicates.push(record),
                    None => {
                        self.duplicates.insert(key, Vec::new());
                        to_analyze.push(record);
                    }
                },
            }
        }
        (known, to_analyze)
    }

    /// Copies the findings of the analyzed records to the records with the same text, and returns all of them.
    pub(super) fn fill_duplicates(&mut self, mut records: Vec<Record>) -> Vec<Record> {
        for index in 0..records.len() {
            let record = &records[index];
            let Some(key) = self.keys.get(&record.identity()) else { continue };
            let (finding, failure) = (self.finding_of(record), record.failure.clone());
            for mut duplicate in self.duplicates.remove(key).unwrap_or_default() {
                match &finding {
                    Some(finding) => finding.add_to(&mut duplicate, self.stage),
                    None => duplicate.failure = failure.clone(),
                }
                records.push(duplicate);
            }
        }
        records
    }

    /// The entries to add to the cache.
    pub(super) fn new_entries(&self, records: &[Record]) -> Vec<(String, String)> {
        let mut entries: BTreeMap<String, String> = BTreeMap::new();
        for record in records {
            if let Some(key) = self.keys.get(&record.identity()).filter(|key| !self.cached.contains_key(*key))
                && let Some(Ok(value)) = self.finding_of(record).map(|finding| serde_json::to_string(&finding))
            {
                entries.insert(key.clone(), value);
            }
        }
        entries.into_iter().collect()
    }

    /// What the stage found in this record.
    fn finding_of(&self, record: &Record) -> Option<CachedFinding> {
        let finding = record.findings.iter().rev().find(|finding| finding.stage == self.stage)?.clone();
        Some(CachedFinding { finding, language: record.text.as_ref()?.language.clone() })
    }
}

impl CachedFinding {
    fn add_to(&self, record: &mut Record, stage: &str) {
        record.findings.push(Finding { stage: stage.into(), ..self.finding.clone() });
        if let Some(text) = &mut record.text
            && text.language.is_none()
        {
            text.language.clone_from(&self.language);
        }
    }
}

/// The cache key of a record's text, or `None` if it has no text.
fn cache_key(settings: &str, record: &Record) -> Option<String> {
    let text = record.body().ok()?;
    let hash = PartsHash::of(&[settings, text.language.as_deref().unwrap_or_default(), &text.body]);
    Some(format!("finding#{}", hex(&hash)))
}
