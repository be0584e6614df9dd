//! From `generated/` to an account and back: reads what was rendered, and knows nothing of how.
//!
//! Each service has one file that names its SDK crate, its door; around the doors everything is plain data.

pub mod account;
pub mod allow;
pub mod apply;
pub mod audience;
pub mod bucket;
pub mod call;
pub mod changes;
pub mod contents;
pub mod count;
pub mod deployment;
pub mod destroy;
pub mod error;
pub mod events;
pub mod fill;
pub mod follow;
pub mod functions;
pub mod generated;
pub mod items;
pub mod lock;
pub mod logs;
pub mod look;
pub mod marks;
pub mod policy;
pub mod propose;
pub mod queues;
pub mod remains;
pub mod roles;
pub mod schedules;
pub mod stack;
pub mod standing;
pub mod start;
pub mod table;
