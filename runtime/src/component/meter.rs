//! Counters that components increment while they work, for the metrics of a chunk.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since they were last taken.
#[derive(Debug, Default)]
pub struct Meter {
    throttled: AtomicU64,
    comprehend_units: AtomicU64,
}

/// The values of a [`Meter`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeterReading {
    /// Throttled responses.
    pub throttled: u64,
    /// Units that Comprehend bills: 100 characters each, at least 3 per text
    /// (<https://aws.amazon.com/comprehend/pricing/>).
    pub comprehend_units: u64,
}

impl Meter {
    /// Counts one throttled response.
    pub fn add_throttled(&self) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts units that Comprehend bills.
    pub fn add_comprehend_units(&self, units: u64) {
        self.comprehend_units.fetch_add(units, Ordering::Relaxed);
    }

    /// Returns the counts and resets them to zero.
    pub fn take(&self) -> MeterReading {
        MeterReading {
            throttled: self.throttled.swap(0, Ordering::Relaxed),
            comprehend_units: self.comprehend_units.swap(0, Ordering::Relaxed),
        }
    }
}
