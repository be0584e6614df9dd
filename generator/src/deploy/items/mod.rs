//! The items of a source between the file and the table: what was applied last, what the file wants, what the table has.
//!
//! Everything here is pure. Rows are compared by a hash, so that a table of a million items takes a hundred megabytes.

mod applied_state;
mod rows;
pub mod source_files;
mod table_changes;
#[cfg(test)]
mod tests;

pub use applied_state::{AppliedState, AppliedStateError, AppliedTable};
pub use rows::{ItemRow, ItemsError, RowHash, RowHashes, WantedRows, row};
pub use table_changes::{RowWrite, SkipReason, TableChanges, WriteReason};
