//! What a run of a test did: the records at its end, what was dropped, what reached the sinks and the dead-letter queue.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use fanggen_runtime::model::error::ErrorCode;
use fanggen_runtime::model::record::{Identity, Record};

/// What happened in a run.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The records that came to the sinks, failed ones too.
    pub records: BTreeMap<Identity, Record>,
    /// The records that a stage dropped.
    pub dropped: BTreeMap<Identity, String>,
    /// What each sink selected and wrote, in order.
    pub delivered: BTreeMap<String, Vec<Identity>>,
    /// The records that a bucket or a table already has, each with its sink.
    pub stored: HashSet<(String, Identity)>,
    /// The reasons of the messages in the dead-letter queue; none for those that SQS moved there itself.
    pub dead_letters: Vec<Option<ErrorCode>>,
    /// What of the pipeline was reached.
    pub reached: Reached,
}

/// What of a pipeline tests reach.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    /// Stages that were given a record.
    pub stages: BTreeSet<String>,
    /// Conditions of stages and sinks, by component and by what they said.
    pub conditions: BTreeSet<(String, bool)>,
    /// Failures, by stage and code.
    pub failures: BTreeSet<(String, ErrorCode)>,
}

impl Reached {
    /// Adds what another run reached.
    pub fn extend(&mut self, other: Self) {
        self.stages.extend(other.stages);
        self.conditions.extend(other.conditions);
        self.failures.extend(other.failures);
    }
}

impl Observed {
    /// The records of an item, or of one of its entries.
    pub fn of<'a>(&'a self, item: &'a str, entry: Option<&'a str>) -> impl Iterator<Item = &'a Record> {
        self.records.iter().filter(move |(identity, _)| fits(identity, item, entry)).map(|(_, record)| record)
    }

    /// The stages that dropped records of an item, or one of its entries.
    pub fn dropped_of<'a>(&'a self, item: &'a str, entry: Option<&'a str>) -> impl Iterator<Item = &'a str> {
        self.dropped.iter().filter(move |(identity, _)| fits(identity, item, entry)).map(|(_, stage)| stage.as_str())
    }

    /// The entries that there are of an item.
    pub fn entries_of<'a>(&'a self, item: &'a str) -> impl Iterator<Item = &'a str> {
        let all = self.records.keys().chain(self.dropped.keys());
        all.filter(move |identity| identity.item == item).filter_map(|identity| identity.entry.as_deref())
    }

    /// The items that reached a sink.
    pub fn items_in<'a>(&'a self, sink: &str) -> BTreeSet<&'a str> {
        self.delivered.get(sink).into_iter().flatten().map(|identity| identity.item.as_str()).collect()
    }
}

fn fits(identity: &Identity, item: &str, entry: Option<&str>) -> bool {
    identity.item == item && entry.is_none_or(|entry| identity.entry.as_deref() == Some(entry))
}
