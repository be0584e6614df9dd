//! The Lambda's side of a function: events in, answers out, logs and traces.

pub mod handler;
pub mod log;
pub mod redelivery;
pub mod trace;
