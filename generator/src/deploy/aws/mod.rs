//! The AWS clients: one file per service, which alone names its SDK crate and lists the calls that it makes.

pub mod account;
pub mod api_call;
pub mod call_error;
mod call_log;
pub mod cloudformation;
pub mod cloudwatch;
pub mod dynamodb;
pub mod iam;
pub mod kms;
pub mod lambda;
pub mod logs;
pub mod s3;
pub mod scheduler;
pub mod sns;
pub mod sqs;
