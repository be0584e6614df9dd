//! Where finished records go.

mod body;
mod csv;
mod digest;
mod dynamodb;
mod form;
mod jsonl;
mod s3;
mod sign;
mod sns;
mod sqs;
mod watch;
mod webhook;

use crate::component::Kind;
pub use form::write_whole;

/// The kinds of sinks.
pub const KINDS: &[Kind] = &[
    Kind::of::<csv::Csv>(),
    Kind::of::<dynamodb::Dynamodb>(),
    Kind::of::<jsonl::Jsonl>(),
    Kind::of::<s3::S3>(),
    Kind::of::<sns::Sns>(),
    Kind::of::<sqs::Sqs>(),
    Kind::of::<webhook::Webhook>(),
];
