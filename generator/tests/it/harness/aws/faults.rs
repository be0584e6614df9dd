//! Injected faults between us and AWS: which, how often, and for which calls.

use std::time::Duration;

/// A fault of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Throttled,
    Broken,
    /// S3's answer while another request changes the same bucket. The SDK does not try again by itself.
    Conflict,
    /// The connection ends before AWS receives the call.
    Lost,
    /// AWS executes the call, then the connection ends without a response.
    Unheard,
    Late(Duration),
    /// DynamoDB writes or reads none of the rows of a batch, and says so. Where AWS does this, some rows are usually done, but
    /// a request cannot be divided here: it is signed.
    Unprocessed,
}

/// Which calls meet a fault, and which one. The same seed gives the same faults: the calls of each operation are counted
/// separately, so that concurrency does not change them.
#[derive(Clone, Debug)]
pub struct Faults {
    pub seed: u64,
    pub percent: u64,
    pub kinds: Vec<Fault>,
    /// Only of these operations, and then every other call: the first attempt, and not the second.
    pub only: Vec<&'static str>,
}

impl Faults {
    /// A share of all calls, with every kind of fault.
    pub fn all(seed: u64, percent: u64) -> Self {
        let late = Fault::Late(Duration::from_millis(300));
        Self {
            seed,
            percent,
            kinds: vec![Fault::Throttled, Fault::Broken, Fault::Lost, Fault::Unheard, late],
            only: Vec::new(),
        }
    }

    /// Every call, with this fault.
    pub fn every(kind: Fault) -> Self {
        Self { seed: 0, percent: 100, kinds: vec![kind], only: Vec::new() }
    }

    /// Every other call of these operations: the first attempt fails, the second does not.
    pub fn first(only: &[&'static str], kind: Fault) -> Self {
        Self { only: only.to_vec(), ..Self::every(kind) }
    }

    /// The fault of the nth call of an operation, if any.
    pub fn meets(&self, operation: &str, nth: usize) -> Option<Fault> {
        if !self.only.is_empty() && (!self.only.contains(&operation) || nth % 2 == 1) {
            return None;
        }
        let mut hash = self.seed ^ 0xcbf2_9ce4_8422_2325;
        for byte in operation.bytes().chain(nth.to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        // The low bits of FNV are poor: the rest of a good mixer sees to them.
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= hash >> 33;
        (hash % 100 < self.percent).then(|| self.kinds[(hash / 100) as usize % self.kinds.len()])
    }
}
