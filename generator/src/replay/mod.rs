//! Replays: archived texts are analysed again, and what changes is compared with what was.

#[cfg(feature = "aws")]
pub mod account;
pub mod comparison;
pub mod error;
pub mod local;
pub mod report;
pub mod saved;
pub mod selection;
pub mod workload;
