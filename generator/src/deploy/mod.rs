//! From `generated/` to an account and back: reads what was rendered, and knows nothing of how.
//!
//! Each service has one file that names its SDK crate, its door; around the doors everything is plain data.

pub mod account;
pub mod call;
pub mod changes;
pub mod generated;
