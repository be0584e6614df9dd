//! From `generated/` to an account and back: reads what was rendered, and knows nothing of how.
//!
//! Each service has one file that names its SDK crate, its door; around the doors everything is plain data.

pub mod apply;
pub mod audience;
pub mod changes;
pub mod count;
pub mod deployment;
pub mod destroy;
pub mod doors;
pub mod error;
pub mod events;
pub mod fill;
pub mod follow;
pub mod generated;
pub mod items;
pub mod lock;
pub mod look;
pub mod marks;
pub mod policy;
pub mod propose;
pub mod remains;
pub mod settle;
pub mod standing;
pub mod start;
