//! From `generated/` to an account and back: reads what was rendered, and knows nothing of how.
//!
//! Each service has one file that names its SDK crate, its door; around the doors everything is plain data.

pub mod account;
pub mod apply;
pub mod audience;
pub mod bucket;
pub mod call;
pub mod changes;
pub mod deployment;
pub mod error;
pub mod events;
pub mod follow;
pub mod generated;
pub mod lock;
pub mod look;
pub mod propose;
pub mod stack;
pub mod standing;
