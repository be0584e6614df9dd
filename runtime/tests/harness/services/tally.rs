//! Counts what a sink was given, an item at a time, without keeping any of it.

use std::collections::HashSet;

/// How often each item was written, once a place: the same place again is the same thing again.
pub struct Tally {
    times: Vec<u8>,
    places: HashSet<u64>,
    /// Records with a failure.
    pub failed: u64,
    /// Writes to a place that had been written before.
    pub again: u64,
    /// Keys that are no item of the source.
    pub strange: u64,
}

impl Tally {
    /// For so many items.
    pub fn of(items: u64) -> Self {
        let times = vec![0; usize::try_from(items).expect("items fit into memory")];
        Self { times, places: HashSet::new(), failed: 0, again: 0, strange: 0 }
    }

    /// Whether a place (by its hash) is written for the first time.
    pub fn is_new(&mut self, place: u64) -> bool {
        let new = self.places.insert(place);
        self.again += u64::from(!new);
        new
    }

    /// An item was written.
    pub fn add(&mut self, item: Option<u64>, failed: bool) {
        self.failed += u64::from(failed);
        match item.and_then(|item| self.times.get_mut(usize::try_from(item).ok()?)) {
            Some(times) => *times = times.saturating_add(1),
            None => self.strange += 1,
        }
    }

    /// How often this item was written so far.
    pub fn has(&self, item: Option<u64>) -> bool {
        item.and_then(|item| self.times.get(usize::try_from(item).ok()?)).is_some_and(|times| *times > 0)
    }

    /// Items that were never written, items that were written at least once, and items that were written twice or more.
    pub fn lost_written_doubled(&self) -> (usize, usize, usize) {
        let lost = self.times.iter().filter(|times| **times == 0).count();
        let doubled = self.times.iter().filter(|times| **times > 1).count();
        (lost, self.times.len() - lost, doubled)
    }
}
