//! Reads results back, wherever they are: folders of this machine, or archives in S3.

pub mod archive;
pub mod filter;
pub mod local_archive;
#[cfg(feature = "aws")]
pub mod s3_archive;
pub mod since;
pub mod tally;
pub mod writer;
