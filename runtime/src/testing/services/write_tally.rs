//! Counts the records written to a sink, by item, without storing them.

use std::collections::HashSet;

/// How often each item was written. Writing to the same location again counts once.
pub struct WriteTally {
    times: Vec<u8>,
    locations: HashSet<u64>,
    /// Records with a failure.
    pub failed: u64,
    /// Writes to a location that was written before.
    pub repeated: u64,
    /// Records whose key no item of the source has.
    pub unknown: u64,
}

impl WriteTally {
    /// A tally for this number of items.
    pub fn new(items: u64) -> Self {
        let times = vec![0; usize::try_from(items).expect("items fit into memory")];
        Self { times, locations: HashSet::new(), failed: 0, repeated: 0, unknown: 0 }
    }

    /// Whether a location (by its hash) is written for the first time.
    pub fn is_new(&mut self, location: u64) -> bool {
        let new = self.locations.insert(location);
        self.repeated += u64::from(!new);
        new
    }

    /// Counts a write of an item.
    pub fn add(&mut self, item: Option<u64>, failed: bool) {
        self.failed += u64::from(failed);
        match item.and_then(|item| self.times.get_mut(usize::try_from(item).ok()?)) {
            Some(times) => *times = times.saturating_add(1),
            None => self.unknown += 1,
        }
    }

    /// Whether this item was written.
    pub fn has(&self, item: Option<u64>) -> bool {
        item.and_then(|item| self.times.get(usize::try_from(item).ok()?)).is_some_and(|times| *times > 0)
    }

    /// How many items were never written, were written at least once, and were written more than once.
    pub fn lost_written_doubled(&self) -> (usize, usize, usize) {
        let lost = self.times.iter().filter(|times| **times == 0).count();
        let doubled = self.times.iter().filter(|times| **times > 1).count();
        (lost, self.times.len() - lost, doubled)
    }
}
