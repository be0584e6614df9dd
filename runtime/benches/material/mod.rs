//! What the benches of the Lambda share: the functions that they start, the peer, and what is behind both.

pub mod pipeline;
pub mod python;

#[path = "../../tests/harness/lambda.rs"]
pub mod lambda;
#[path = "../../tests/harness/services/mod.rs"]
pub mod services;
