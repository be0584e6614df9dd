//! The doors to AWS: each service has one file that names its SDK crate; what comes through is plain data.

pub mod account;
pub mod allow;
pub mod bucket;
pub mod call;
pub mod contents;
pub mod files;
pub mod functions;
pub mod keys;
pub mod logs;
pub mod queues;
pub mod roles;
pub mod schedules;
pub mod stack;
pub mod table;
pub mod topics;
