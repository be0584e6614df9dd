//! DynamoDB: tables, their rows as a whole, and single rows of items under conditions.

mod item_rows;
pub mod result_rows;
pub mod run_rows;
mod tables;

pub use item_rows::{Renaming, RowAction, RowReply};
pub use tables::{CALLS, DynamoDbClient, TableDescription};
