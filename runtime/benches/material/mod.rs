//! What the benches of the Lambda share: the functions that they start, the peer, and what is behind both.

#![allow(dead_code, reason = "each bench uses its own part of it")]
#![allow(clippy::panic, reason = "a measurement of something broken is none")]

pub mod pipeline;
pub mod plot;
pub mod python;
pub mod scaled;

#[path = "../../tests/harness/lambda.rs"]
pub mod lambda;
#[path = "../../tests/harness/services/mod.rs"]
pub mod services;
