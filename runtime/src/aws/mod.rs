//! The AWS services that a function uses, one file per service.

mod attributes;
mod batch;
mod call;
mod clients;
mod comprehend;
mod http;
mod pages;
mod retry;
mod s3;
mod secrets;
mod services;
mod sns;
mod sqs;
mod state;
pub mod state_rows;
mod table;
mod throttle;
mod tls_roots;

pub use services::AwsServices;
