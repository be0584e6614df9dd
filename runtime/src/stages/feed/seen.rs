//! Which entries have been seen, and by which run: rows of what functions remember.
//!
//! A run that takes an entry first writes down that it has it in hand, and again once the entry is where it belongs. So the
//! same run that comes again takes the very same entries, and another run leaves them to it. Where a run never comes to its
//! end, the next one takes its entries over once no message of the first can come any more.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::entries::{Known, hash};
use crate::component::state::State;
use crate::model::error::Error;
use crate::model::record::{Identity, Record};
use crate::model::run::RunId;

/// Rows that are taken at once.
const AT_ONCE: usize = 16;

/// For how long an entry is remembered from when it was written down last, which is at most [`HALF`] before its feed last
/// had it.
const DAYS: u64 = 400;

/// For how long it is known what a run has in hand: longer than it may be at it, so that whoever takes over sees it.
const DAYS_IN_HAND: u64 = 35;

/// From which age on an entry that its feed still has is written down again.
const HALF: SignedDuration = SignedDuration::from_hours(24 * 200);

/// After which time a run that has an entry in hand is taken for dead: SQS keeps a message for 14 days at most
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>).
const DEAD: SignedDuration = SignedDuration::from_hours(24 * 14);

/// The memory of a stage.
pub struct Seen {
    pub state: Arc<dyn State>,
    /// The stage, by its name in the pipeline.
    pub stage: String,
    /// The entries on their way, until they are where they belong.
    pub passing: Mutex<HashMap<Identity, Passing>>,
}

/// What is to be known of an entry once it is where it belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passing {
    /// What it said.
    pub hash: String,
    /// Whether its id was ever that of another entry too.
    pub shared: bool,
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
    /// Whether its id was ever that of another entry too: then its words tell who comes by that id.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shared: bool,
    /// The run that last found it in its feed, where that was long after.
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<String>,
}

/// What a feed's entries are to their item in this run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The places of those that flow, each with what it is called.
    pub flow: Vec<(usize, String)>,
    /// Those of them whose id is known to be that of others too.
    pub shared: HashSet<usize>,
    /// Those that this run had taken before, and that are no longer there.
    pub gone: Vec<(String, Passing)>,
    /// What is to be taken before it flows: by what it is called, with its row.
    pub in_hand: Vec<(String, String)>,
    /// The list of all that the run takes, which is written before that: of two deliveries at once, one decides.
    pub list: Option<String>,
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
        let mut rows = self.recalled(keys).await?;
        let mut more = Vec::new();
        for (record, known) in asked {
            let key = |entry: &str| self.key(&record.source, &record.item.key, entry);
            // What this run took and its feed no longer has.
            more.extend(self.taken(record, &rows).unwrap_or_default().iter().map(|name| key(name)));
            let alone = known.iter().filter(|known| !known.shared);
            more.extend(alone.filter(|known| is_shared(&rows, &key(&known.id))).map(|known| key(&known.apart())));
        }
        more.retain(|key| !rows.contains_key(key));
        if !more.is_empty() {
            rows.extend(self.recalled(more).await?);
        }
        Ok(rows)
    }

    async fn recalled(&self, mut keys: Vec<String>) -> Result<BTreeMap<String, String>, Error> {
        keys.sort_unstable();
        keys.dedup();
        self.state.recall(&keys).await
    }

    /// What this run took of a feed when it first came, as far as it did.
    fn taken(&self, record: &Record, rows: &BTreeMap<String, String>) -> Option<Vec<String>> {
        serde_json::from_str(rows.get(&self.list(record))?).ok()
    }

    /// Chooses the entries that flow, `most` new ones at most; they are in the order of their age.
    pub fn choose(&self, record: &Record, known: &[Known<'_>], rows: &BTreeMap<String, String>, most: usize) -> Choice {
        let key = |entry: &str| self.key(&record.source, &record.item.key, entry);
        let row = |entry: &str| read(rows, &key(entry));
        let named = called(known, |id| row(id).map(|row| Passing { hash: row.hash, shared: row.shared }));
        let list = self.taken(record, rows);
        let mut choice = Choice::default();
        if let Some(list) = &list {
            let there: HashSet<&String> = named.iter().collect();
            for name in list.iter().filter(|name| !there.contains(name)) {
                let row = row(name);
                if row.as_ref().is_none_or(|row| row.run == record.run) {
                    let row = row.unwrap_or_default();
                    choice.gone.push((name.clone(), Passing { hash: row.hash, shared: row.shared }));
                }
            }
        }
        // By their keys: no two writes of one row may be in one request.
        let mut again = BTreeMap::new();
        for (place, (known, name)) in known.iter().zip(named).enumerate() {
            let (row, by_id) = (row(&name), row(&known.id));
            let shared = known.shared || by_id.as_ref().is_some_and(|row| row.shared);
            if let Some(row) = by_id.filter(|row| shared && !row.shared && !row.in_hand) {
                again.entry(key(&known.id)).or_insert(row).shared = true;
            }
            match (list.as_ref().map(|list| list.contains(&name)), row) {
                (Some(true), Some(row)) if row.run != record.run => {} // Another run took it over.
                // The same run once more: it takes what it took, and leaves the rest to the next one.
                (Some(true), Some(_)) => choice.flow.push((place, name)),
                (_, Some(row)) if !row.is_free(&record.run) => {
                    let stale = row.again.as_ref().unwrap_or(&row.run);
                    if !row.in_hand && age(stale, &record.run).is_some_and(|age| age > HALF) {
                        again.entry(key(&name)).or_insert(row).again = Some(record.run.clone());
                    }
                }
                (listed, _) if listed == Some(true) || listed.is_none() && choice.flow.len() < most => {
                    let (run, hash) = (record.run.clone(), known.hash.clone());
                    let row = Row { run, hash, in_hand: true, shared, again: None };
                    choice.in_hand.push((name.clone(), json(&row)));
                    choice.flow.push((place, name));
                }
                _ => {}
            }
            if shared {
                choice.shared.insert(place);
            }
        }
        choice.again = again.into_iter().map(|(key, row)| (key, json(&row))).collect();
        if list.is_none() && !choice.in_hand.is_empty() {
            let names: Vec<&String> = choice.flow.iter().map(|(_, name)| name).collect();
            choice.list = Some(json(&names));
        }
        choice
    }

    /// Writes down what the run takes of a feed. Where another delivery of it has done that already, its list is put among
    /// the rows, by which it is then to be chosen again.
    ///
    /// # Errors
    /// What kept it from being written: nothing may flow then.
    pub async fn decide(
        &self,
        record: &Record,
        choice: &mut Choice,
        rows: &mut BTreeMap<String, String>,
    ) -> Result<bool, Error> {
        let Some(list) = choice.list.take() else { return Ok(true) };
        let key = self.list(record);
        match self.state.exchange(&key, None, &list, DAYS_IN_HAND).await? {
            None => Ok(true),
            Some(other) => {
                rows.insert(key, other);
                Ok(false)
            }
        }
    }

    /// Takes what was chosen, so that nobody else does. What another run took in the meantime flows no more.
    ///
    /// # Errors
    /// What kept it from being written: nothing may flow then.
    pub async fn take(
        &self,
        record: &Record,
        choice: &mut Choice,
        rows: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let taken = std::mem::take(&mut choice.in_hand);
        let mut lost = HashSet::new();
        for some in taken.chunks(AT_ONCE) {
            let tries = some.iter().map(|(name, row)| self.take_one(record, name, row, rows));
            let ours = try_join_all(tries).await?;
            lost.extend(some.iter().zip(ours).filter(|(_, ours)| !ours).map(|((name, _), _)| name));
        }
        choice.flow.retain(|(_, name)| !lost.contains(name));
        Ok(())
    }

    /// Takes an entry, and says whether it is this run's.
    async fn take_one(
        &self,
        record: &Record,
        name: &str,
        row: &str,
        rows: &BTreeMap<String, String>,
    ) -> Result<bool, Error> {
        let key = self.key(&record.source, &record.item.key, name);
        let other = self.state.exchange(&key, rows.get(&key).map(String::as_str), row, DAYS_IN_HAND).await?;
        let theirs = |other: String| serde_json::from_str::<Row>(&other).is_ok_and(|other| other.run != record.run);
        Ok(!other.is_some_and(theirs))
    }

    /// Writes down again what feeds still have.
    ///
    /// # Errors
    /// What kept it from being written.
    pub async fn renew(&self, choices: &mut [Choice]) -> Result<(), Error> {
        let again: Vec<_> = choices.iter_mut().flat_map(|choice| std::mem::take(&mut choice.again)).collect();
        if again.is_empty() { Ok(()) } else { self.state.remember(again, DAYS).await }
    }

    /// An entry is on its way.
    pub fn passes(&self, identity: Identity, passing: Passing) {
        self.passing().insert(identity, passing);
    }

    /// These entries are where they belong.
    ///
    /// # Errors
    /// What kept it from being written.
    pub async fn settled(&self, run: &RunId, made: &[Identity]) -> Result<(), Error> {
        let row = |identity: &Identity| {
            let entry = identity.entry.as_deref()?;
            let Passing { hash, shared } = self.passing().get(identity).cloned().unwrap_or_default();
            let row = Row { run: run.to_string(), hash, in_hand: false, shared, again: None };
            Some((self.key(&identity.source, &identity.item, entry), json(&row)))
        };
        let rows: Vec<_> = made.iter().filter_map(row).collect();
        if !rows.is_empty() {
            self.state.remember(rows, DAYS).await?;
        }
        self.passing().clear();
        Ok(())
    }

    fn passing(&self) -> MutexGuard<'_, HashMap<Identity, Passing>> {
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

/// The row of this key. What cannot be read was written by other code: as good as nothing.
fn read(rows: &BTreeMap<String, String>, key: &str) -> Option<Row> {
    serde_json::from_str(rows.get(key)?).ok()
}

fn is_shared(rows: &BTreeMap<String, String>, key: &str) -> bool {
    read(rows, key).is_some_and(|row| row.shared)
}

/// What each entry is called. Of several with one id, now or ever before, the one that had it first keeps it, or else the
/// oldest of them.
pub fn called(known: &[Known<'_>], before: impl Fn(&str) -> Option<Passing>) -> Vec<String> {
    let mut owners: HashMap<&str, Passing> = HashMap::new();
    let mut all = Vec::with_capacity(known.len());
    for known in known {
        let first = || before(&known.id).unwrap_or_else(|| Passing { hash: known.hash.clone(), shared: known.shared });
        let owner = owners.entry(&known.id).or_insert_with(first);
        let is_own = !(known.shared || owner.shared) || owner.hash == known.hash;
        all.push(if is_own { known.id.clone() } else { known.apart() });
    }
    all
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
