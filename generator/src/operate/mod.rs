//! A running pipeline: what can be seen and changed without a deployment.

pub mod items;
pub mod runs;
