//! The Lambda handler, with redelivery, logs, metrics and traces.

pub mod handler;
pub mod log;
pub mod redelivery;
pub mod trace;
