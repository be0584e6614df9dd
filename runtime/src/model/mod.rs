//! What flows through a pipeline and how it is written: items, records, runs, errors, settings and checked values.

pub mod error;
mod error_code;
pub mod hash;
pub mod items;
pub mod message;
mod number;
pub mod record;
pub mod retry;
pub mod run;
pub mod tree;
pub mod values;
