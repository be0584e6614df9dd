//! The entries that were seen, and by which run: rows of the state table.
//!
//! A run first claims an entry (`in_hand`), and confirms it once its record is written. So a retry of the run takes the very
//! same entries, and other runs leave them alone. If a run never finishes, a later one takes over its entries as soon as no
//! message of the first can arrive any more.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::identity::{IdentifiedEntry, hash};
use crate::component::state::State;
use crate::model::error::Error;
use crate::model::record::{Identity, Record};
use crate::model::run::RunId;

/// Number of concurrent claims.
const CONCURRENT_CLAIMS: usize = 16;

/// How many days a row is kept after it was last written, which is at most [`REFRESH_AFTER`] before its feed last contained
/// the entry.
const RETENTION_DAYS: u64 = 400;

/// How many days a claim is kept: longer than the run may take, so that the run that takes over sees it.
const CLAIM_DAYS: u64 = 35;

/// The age from which the row of an entry that is still in its feed is written again.
const REFRESH_AFTER: SignedDuration = SignedDuration::from_hours(24 * 200);

/// The age from which the run of a claim counts as dead: SQS keeps a message for at most 14 days
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>).
const DEAD_AFTER: SignedDuration = SignedDuration::from_hours(24 * 14);

/// The seen entries of a stage.
pub struct SeenEntries {
    pub state: Arc<dyn State>,
    /// The name of the stage.
    pub stage: String,
    /// The entries whose records are not written yet.
    pub pending: Mutex<HashMap<Identity, PendingEntry>>,
}

/// What is stored of an entry once its record is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PendingEntry {
    /// The hash of its content.
    pub hash: String,
    /// Whether another entry ever had the same id.
    pub shared: bool,
}

/// The row of an entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenEntry {
    /// The run that claimed it.
    run: String,
    /// The hash of its content then.
    hash: String,
    /// Whether its record is not written yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    in_hand: bool,
    /// Whether another entry ever had the same id; then only the content identifies it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shared: bool,
    /// The run that refreshed the row, if its feed contained it long after.
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<String>,
}

/// What happens to the entries of a feed in this run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct EntrySelection {
    /// The indexes of the entries that become records, each with its id.
    pub flow: Vec<(usize, String)>,
    /// Those whose id is shared with other entries.
    pub shared: HashSet<usize>,
    /// The entries that this run had claimed, and that are no longer in the feed.
    pub gone: Vec<(String, PendingEntry)>,
    /// The claims to write: ids and rows.
    pub claims: Vec<(String, String)>,
    /// The list of all entries that the run claims. It is written first, so that one of two concurrent deliveries decides.
    pub list: Option<String>,
    /// The rows to refresh, since their feed still contains the entries.
    pub refresh: Vec<(String, String)>,
}

impl SeenEntries {
    /// Reads the rows of these entries of these records.
    ///
    /// # Errors
    /// The error of the state table.
    pub async fn load(&self, feeds: &[(&Record, &[IdentifiedEntry<'_>])]) -> Result<BTreeMap<String, String>, Error> {
        let mut keys = Vec::new();
        for (record, entries) in feeds {
            keys.push(self.list_key(record));
            for entry in *entries {
                keys.push(self.key(&record.source, &record.item.key, &entry.id));
                if entry.shared {
                    keys.push(self.key(&record.source, &record.item.key, &entry.unique_id()));
                }
            }
        }
        let mut rows = self.read_rows(keys).await?;
        let mut more = Vec::new();
        for (record, entries) in feeds {
            let key = |entry: &str| self.key(&record.source, &record.item.key, entry);
            // Entries that this run claimed and that left the feed.
            more.extend(self.claimed(record, &rows).unwrap_or_default().iter().map(|name| key(name)));
            let unshared = entries.iter().filter(|entry| !entry.shared);
            more.extend(
                unshared.filter(|entry| is_shared(&rows, &key(&entry.id))).map(|entry| key(&entry.unique_id())),
            );
        }
        more.retain(|key| !rows.contains_key(key));
        if !more.is_empty() {
            rows.extend(self.read_rows(more).await?);
        }
        Ok(rows)
    }

    async fn read_rows(&self, mut keys: Vec<String>) -> Result<BTreeMap<String, String>, Error> {
        keys.sort_unstable();
        keys.dedup();
        self.state.get_cached(&keys).await
    }

    /// The entries of a feed that this run claimed at its first delivery.
    fn claimed(&self, record: &Record, rows: &BTreeMap<String, String>) -> Option<Vec<String>> {
        serde_json::from_str(rows.get(&self.list_key(record))?).ok()
    }

    /// Selects the entries that become records, with at most `max` new ones, the oldest first.
    pub fn select(
        &self,
        record: &Record,
        entries: &[IdentifiedEntry<'_>],
        rows: &BTreeMap<String, String>,
        max: usize,
    ) -> EntrySelection {
        let key = |entry: &str| self.key(&record.source, &record.item.key, entry);
        let row = |entry: &str| read(rows, &key(entry));
        let ids = assign_ids(entries, |id| row(id).map(|row| PendingEntry { hash: row.hash, shared: row.shared }));
        let list = self.claimed(record, rows);
        let mut selection = EntrySelection::default();
        if let Some(list) = &list {
            let present: HashSet<&String> = ids.iter().collect();
            for id in list.iter().filter(|id| !present.contains(id)) {
                let row = row(id);
                if row.as_ref().is_none_or(|row| row.run == record.run) {
                    let row = row.unwrap_or_default();
                    selection.gone.push((id.clone(), PendingEntry { hash: row.hash, shared: row.shared }));
                }
            }
        }
        // By key: one request must not contain two writes of one row.
        let mut refresh = BTreeMap::new();
        for (index, (entry, id)) in entries.iter().zip(ids).enumerate() {
            let (row, by_id) = (row(&id), row(&entry.id));
            let shared = entry.shared || by_id.as_ref().is_some_and(|row| row.shared);
            if let Some(row) = by_id.filter(|row| shared && !row.shared && !row.in_hand) {
                refresh.entry(key(&entry.id)).or_insert(row).shared = true;
            }
            match (list.as_ref().map(|list| list.contains(&id)), row) {
                (Some(true), Some(row)) if row.run != record.run => {} // Another run took it over.
                // A retry of the same run takes the same entries, and leaves the rest to the next run.
                (Some(true), Some(_)) => selection.flow.push((index, id)),
                (_, Some(row)) if !row.is_free(&record.run) => {
                    let written_by = row.again.as_ref().unwrap_or(&row.run);
                    if !row.in_hand && age(written_by, &record.run).is_some_and(|age| age > REFRESH_AFTER) {
                        refresh.entry(key(&id)).or_insert(row).again = Some(record.run.clone());
                    }
                }
                (listed, _) if listed == Some(true) || listed.is_none() && selection.flow.len() < max => {
                    let (run, hash) = (record.run.clone(), entry.hash.clone());
                    let row = SeenEntry { run, hash, in_hand: true, shared, again: None };
                    selection.claims.push((id.clone(), json(&row)));
                    selection.flow.push((index, id));
                }
                _ => {}
            }
            if shared {
                selection.shared.insert(index);
            }
        }
        selection.refresh = refresh.into_iter().map(|(key, row)| (key, json(&row))).collect();
        if list.is_none() && !selection.claims.is_empty() {
            let ids: Vec<&String> = selection.flow.iter().map(|(_, id)| id).collect();
            selection.list = Some(json(&ids));
        }
        selection
    }

    /// Writes the list of entries that the run claims of a feed. If another delivery of the run has already written one, it
    /// is added to the rows, and the selection has to be repeated.
    ///
    /// # Errors
    /// The error of the state table; no entry may become a record then.
    pub async fn write_list(
        &self,
        record: &Record,
        selection: &mut EntrySelection,
        rows: &mut BTreeMap<String, String>,
    ) -> Result<bool, Error> {
        let Some(list) = selection.list.take() else { return Ok(true) };
        let key = self.list_key(record);
        match self.state.compare_and_set(&key, None, &list, CLAIM_DAYS).await? {
            None => Ok(true),
            Some(other) => {
                rows.insert(key, other);
                Ok(false)
            }
        }
    }

    /// Claims the selected entries. Those that another run has claimed in the meantime are removed from the selection.
    ///
    /// # Errors
    /// The error of the state table; no entry may become a record then.
    pub async fn claim(
        &self,
        record: &Record,
        selection: &mut EntrySelection,
        rows: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let claims = std::mem::take(&mut selection.claims);
        let mut lost = HashSet::new();
        for chunk in claims.chunks(CONCURRENT_CLAIMS) {
            let claiming = chunk.iter().map(|(id, row)| self.claim_entry(record, id, row, rows));
            let claimed = try_join_all(claiming).await?;
            lost.extend(chunk.iter().zip(claimed).filter(|(_, claimed)| !claimed).map(|((id, _), _)| id));
        }
        selection.flow.retain(|(_, id)| !lost.contains(id));
        Ok(())
    }

    /// Claims an entry, and returns whether it belongs to this run.
    async fn claim_entry(
        &self,
        record: &Record,
        id: &str,
        row: &str,
        rows: &BTreeMap<String, String>,
    ) -> Result<bool, Error> {
        let key = self.key(&record.source, &record.item.key, id);
        let other = self.state.compare_and_set(&key, rows.get(&key).map(String::as_str), row, CLAIM_DAYS).await?;
        let by_another_run =
            |other: String| serde_json::from_str::<SeenEntry>(&other).is_ok_and(|other| other.run != record.run);
        Ok(!other.is_some_and(by_another_run))
    }

    /// Refreshes the rows of old entries that are still in their feeds.
    ///
    /// # Errors
    /// The error of the state table.
    pub async fn refresh(&self, selections: &mut [EntrySelection]) -> Result<(), Error> {
        let rows: Vec<_> = selections.iter_mut().flat_map(|selection| std::mem::take(&mut selection.refresh)).collect();
        if rows.is_empty() { Ok(()) } else { self.state.put_cached(rows, RETENTION_DAYS).await }
    }

    /// Notes an entry whose record is about to be written.
    pub fn add_pending(&self, identity: Identity, pending: PendingEntry) {
        self.pending().insert(identity, pending);
    }

    /// Confirms entries whose records are written.
    ///
    /// # Errors
    /// The error of the state table.
    pub async fn settled(&self, run: &RunId, made: &[Identity]) -> Result<(), Error> {
        let row = |identity: &Identity| {
            let entry = identity.entry.as_deref()?;
            let PendingEntry { hash, shared } = self.pending().get(identity).cloned().unwrap_or_default();
            let row = SeenEntry { run: run.to_string(), hash, in_hand: false, shared, again: None };
            Some((self.key(&identity.source, &identity.item, entry), json(&row)))
        };
        let rows: Vec<_> = made.iter().filter_map(row).collect();
        if !rows.is_empty() {
            self.state.put_cached(rows, RETENTION_DAYS).await?;
        }
        self.pending().clear();
        Ok(())
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<Identity, PendingEntry>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of an entry's row; a hash, since ids may have any length and any characters.
    fn key(&self, source: &str, item: &str, entry: &str) -> String {
        format!("feed#{}#{}", self.stage, hash(&[source, item, entry], 16))
    }

    /// The key of the list of entries that a run claimed of an item's feed.
    fn list_key(&self, record: &Record) -> String {
        format!("feed#{}#{}", self.stage, hash(&[&record.source, &record.item.key, &record.run, "taken"], 16))
    }
}

impl SeenEntry {
    /// Whether this run may claim the entry: it is its own claim, or that of a dead run.
    fn is_free(&self, run: &str) -> bool {
        self.in_hand && (self.run == run || age(&self.run, run).is_some_and(|age| age > DEAD_AFTER))
    }
}

/// How much later the second run is than the first.
fn age(one: &str, other: &str) -> Option<SignedDuration> {
    let time = |run: &str| -> Option<Timestamp> { RunId::try_from(run.to_owned()).ok()?.time().ok() };
    Some(time(other)?.duration_since(time(one)?))
}

/// The row of this key. One that cannot be parsed was written by another version, and is ignored.
fn read(rows: &BTreeMap<String, String>, key: &str) -> Option<SeenEntry> {
    serde_json::from_str(rows.get(key)?).ok()
}

fn is_shared(rows: &BTreeMap<String, String>, key: &str) -> bool {
    read(rows, key).is_some_and(|row| row.shared)
}

/// The id of each entry. Of several with one id, now or ever before, the one that had it first keeps it, or else the oldest.
pub fn assign_ids(entries: &[IdentifiedEntry<'_>], before: impl Fn(&str) -> Option<PendingEntry>) -> Vec<String> {
    let mut owners: HashMap<&str, PendingEntry> = HashMap::new();
    let mut ids = Vec::with_capacity(entries.len());
    for entry in entries {
        let first =
            || before(&entry.id).unwrap_or_else(|| PendingEntry { hash: entry.hash.clone(), shared: entry.shared });
        let owner = owners.entry(&entry.id).or_insert_with(first);
        let is_own = !(entry.shared || owner.shared) || owner.hash == entry.hash;
        ids.push(if is_own { entry.id.clone() } else { entry.unique_id() });
    }
    ids
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
