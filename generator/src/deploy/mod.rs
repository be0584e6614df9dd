//! From `generated/` to an account and back: reads what was rendered, and knows nothing of how.
//!
//! Each service has one file that names its SDK crate, its door; around the doors everything is plain data.

pub mod apply;
pub mod audience;
pub mod aws;
pub mod change_set;
pub mod count;
pub mod deployment;
pub mod destroy;
pub mod diff;
pub mod error;
pub mod events;
pub mod follow;
pub mod generated;
pub mod items;
pub mod leftovers;
pub mod lock;
pub mod pending_sets;
pub mod policy;
pub mod preview;
pub mod seed;
pub mod settle;
pub mod stack_state;
pub mod start;
