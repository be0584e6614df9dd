//! The runs of a pipeline, on this machine or in the account: how each stands, what failed and what was dropped.

#[cfg(feature = "aws")]
pub mod account;
#[cfg(feature = "aws")]
pub mod follow;
mod local;
pub mod overview;
