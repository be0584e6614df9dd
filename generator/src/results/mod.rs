//! Reads results back, wherever they are: files of this machine, archives in S3, or tables of DynamoDB.

pub mod archive;
#[cfg(feature = "aws")]
pub mod dynamodb_rows;
pub mod filter;
pub mod local_archive;
#[cfg(feature = "parquet")]
mod parquet;
pub mod row_table;
#[cfg(feature = "aws")]
pub mod s3_archive;
pub mod since;
pub mod tally;
pub mod writer;
