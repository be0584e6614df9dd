//! The data of a pipeline: items, records, runs, errors, settings, validated values and hashes.

pub mod error;
mod error_code;
pub mod file_format;
pub mod hash;
pub mod items;
pub mod message;
pub mod metric;
mod number;
pub mod record;
pub mod replay;
pub mod retry;
pub mod run;
pub mod shift;
pub mod slack;
pub mod tree;
pub mod values;
