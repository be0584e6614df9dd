//! A running pipeline: what can be seen and changed without a deployment.

#[cfg(feature = "aws")]
pub mod dead_letters;
pub mod items;
#[cfg(feature = "aws")]
pub mod logs;
pub mod runs;
