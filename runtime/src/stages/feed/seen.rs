//! Which entries have been seen, and by which run: rows of what functions remember.
//!
//! A run that takes an entry first writes down that it has it in hand, and again once the entry is where it belongs. So the
//! same run that comes again takes the very same entries, and another run leaves them to it. Where a run never comes to its
//! end, the next one takes its entries over after a day.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::entries::{Known, hash};
use crate::error::Error;
use crate::record::{Identity, Record};
use crate::run::RunId;
use crate::state::State;

/// For how long an entry is remembered from when its feed last had it.
const DAYS: u64 = 400;

/// For how long it is known what a run has in hand: SQS keeps a message for 14 days.
const DAYS_IN_HAND: u64 = 15;

/// From which age on an entry that its feed still has is written down again.
const HALF: SignedDuration = SignedDuration::from_hours(24 * 200);

/// After which time a run that has an entry in hand is taken for dead.
const DEAD: SignedDuration = SignedDuration::from_hours(24);

/// The memory of a stage.
pub struct Seen {
    pub state: Arc<dyn State>,
    /// The stage, by its name in the pipeline.
    pub stage: String,
    /// The hashes of the entries on their way, until they are where they belong.
    pub passing: Mutex<HashMap<Identity, String>>,
}

/// What is known of an entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// The run that took it.
    run: String,
    /// What it said then.
    hash: String,
    /// Whether it is not yet where it belongs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    in_hand: bool,
    /// The run that last found it in its feed, where that was long after.
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<String>,
}

/// What a feed's entries are to their item in this run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The places of those that flow, each with what it is called.
    pub flow: Vec<(usize, String)>,
    /// Those that this run had taken before, and that are no longer there.
    pub gone: Vec<String>,
    /// What is to be written down before they flow.
    pub in_hand: Vec<(String, String)>,
    /// What is to be written down again, since its feed still has it.
    pub again: Vec<(String, String)>,
}

impl Seen {
    /// What is remembered of these entries of these records.
    ///
    /// # Errors
    /// What kept it from being read.
    pub async fn recall(&self, asked: &[(&Record, &[Known<'_>])]) -> Result<BTreeMap<String, String>, Error> {
        let mut keys = Vec::new();
        for (record, known) in asked {
            keys.push(self.list(record));
            for known in *known {
                keys.push(self.key(&record.source, &record.item.key, &known.id));
                if known.shared {
                    keys.push(self.key(&record.source, &record.item.key, &known.apart()));
                }
            }
        }
        keys.sort_unstable();
        keys.dedup();
        self.state.recall(&keys).await
    }

    /// Chooses the entries that flow, `most` new ones at most; they are in the order of their age.
    pub fn choose(&self, record: &Record, known: &[Known<'_>], rows: &BTreeMap<String, String>, most: usize) -> Choice {
        let key = |entry: &str| self.key(&record.source, &record.item.key, entry);
        // What cannot be read was written by other code: as good as nothing.
        let row = |entry: &str| rows.get(&key(entry)).and_then(|text| serde_json::from_str::<Row>(text).ok());
        let named = called(known, |id| row(id).map(|row| row.hash));
        let list = rows.get(&self.list(record)).and_then(|text| serde_json::from_str::<Vec<String>>(text).ok());
        let mut choice = Choice::default();
        if let Some(list) = &list {
            let there = |name: &&String| named.iter().any(|named| named == *name);
            choice.gone = list.iter().filter(|name| !there(name)).cloned().collect();
        }
        for (place, (known, name)) in known.iter().zip(named).enumerate() {
            let row = row(&name);
            match (&list, row) {
                // The same run once more: it takes what it took, and leaves the rest to the next one.
                (Some(list), _) if list.contains(&name) => choice.flow.push((place, name)),
                (_, Some(row)) if !row.is_free(&record.run) => {
                    let stale = row.again.as_ref().unwrap_or(&row.run);
                    if !row.in_hand && age(stale, &record.run).is_some_and(|age| age > HALF) {
                        choice.again.push((key(&name), json(&Row { again: Some(record.run.clone()), ..row })));
                    }
                }
                (None, _) if choice.flow.len() < most => {
                    let row = Row { run: record.run.clone(), hash: known.hash.clone(), in_hand: true, again: None };
                    choice.in_hand.push((key(&name), json(&row)));
                    choice.flow.push((place, name));
                }
                _ => {}
            }
        }
        if !choice.in_hand.is_empty() {
            let names: Vec<&String> = choice.flow.iter().map(|(_, name)| name).collect();
            choice.in_hand.push((self.list(record), json(&names)));
        }
        choice
    }

    /// Writes down what was chosen.
    ///
    /// # Errors
    /// What kept it from being written: nothing may flow then.
    pub async fn take(&self, choices: &mut [Choice]) -> Result<(), Error> {
        let mut drained = |of: fn(&mut Choice) -> &mut Vec<(String, String)>| {
            choices.iter_mut().flat_map(|choice| std::mem::take(of(choice))).collect::<Vec<_>>()
        };
        for (rows, days) in
            [(drained(|choice| &mut choice.in_hand), DAYS_IN_HAND), (drained(|choice| &mut choice.again), DAYS)]
        {
            if !rows.is_empty() {
                self.state.remember(rows, days).await?;
            }
        }
        Ok(())
    }

    /// An entry is on its way.
    pub fn passes(&self, identity: Identity, hash: String) {
        self.passing().insert(identity, hash);
    }

    /// These entries are where they belong.
    ///
    /// # Errors
    /// What kept it from being written.
    pub async fn settled(&self, run: &RunId, made: &[Identity]) -> Result<(), Error> {
        let row = |identity: &Identity| {
            let entry = identity.entry.as_deref()?;
            let hash = self.passing().get(identity).cloned().unwrap_or_default();
            let row = Row { run: run.to_string(), hash, in_hand: false, again: None };
            Some((self.key(&identity.source, &identity.item, entry), json(&row)))
        };
        let rows: Vec<_> = made.iter().filter_map(row).collect();
        if !rows.is_empty() {
            self.state.remember(rows, DAYS).await?;
        }
        self.passing().clear();
        Ok(())
    }

    fn passing(&self) -> MutexGuard<'_, HashMap<Identity, String>> {
        self.passing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of an entry's row: names of any length and any letters in one of ours.
    fn key(&self, source: &str, item: &str, entry: &str) -> String {
        format!("feed#{}#{}", self.stage, hash(&[source, item, entry], 16))
    }

    /// The key of the list of what a run took of an item's feed.
    fn list(&self, record: &Record) -> String {
        format!("feed#{}#{}", self.stage, hash(&[&record.source, &record.item.key, &record.run, "taken"], 16))
    }
}

impl Row {
    /// Whether this run may take the entry: a run that had it in hand is long dead.
    fn is_free(&self, run: &str) -> bool {
        self.in_hand && (self.run == run || age(&self.run, run).is_some_and(|age| age > DEAD))
    }
}

/// How much later a run is than another.
fn age(one: &str, other: &str) -> Option<SignedDuration> {
    let time = |run: &str| -> Option<Timestamp> { RunId::try_from(run.to_owned()).ok()?.time().ok() };
    Some(time(other)?.duration_since(time(one)?))
}

/// What each entry is called. Of several with one id, the one that had it first keeps it, or else the oldest of them.
pub fn called(known: &[Known<'_>], hash_of: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut owners: HashMap<String, String> = HashMap::new();
    let mut all = Vec::with_capacity(known.len());
    for known in known {
        let owner = || hash_of(&known.id).unwrap_or_else(|| known.hash.clone());
        let is_own = !known.shared || *owners.entry(known.id.clone()).or_insert_with(owner) == known.hash;
        all.push(if is_own { known.id.clone() } else { known.apart() });
    }
    all
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
