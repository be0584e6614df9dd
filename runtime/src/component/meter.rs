//! What is counted while components work, for the metrics of a chunk.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since they were read last.
#[derive(Debug, Default)]
pub struct Meter {
    throttled: AtomicU64,
    comprehend_units: AtomicU64,
}

/// What a meter had counted when it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Answers by which upstream asked for patience.
    pub throttled: u64,
    /// Units that Comprehend bills: 100 characters each, at least 3 a text
    /// (<https://aws.amazon.com/comprehend/pricing/>).
    pub comprehend_units: u64,
}

impl Meter {
    /// Upstream asked for patience.
    pub fn throttled(&self) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }

    /// So many units of Comprehend were asked for and answered.
    pub fn comprehend_units(&self, units: u64) {
        self.comprehend_units.fetch_add(units, Ordering::Relaxed);
    }

    /// Reads the counts, and starts again from zero.
    pub fn read(&self) -> Reading {
        Reading {
            throttled: self.throttled.swap(0, Ordering::Relaxed),
            comprehend_units: self.comprehend_units.swap(0, Ordering::Relaxed),
        }
    }
}
