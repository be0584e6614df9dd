//! The sinks: components that store finished records or send them on.

mod csv;
mod digest;
mod dynamodb;
mod formats;
mod jsonl;
mod message_body;
mod s3;
mod selection;
mod signature;
mod sns;
mod sqs;
mod webhook;

use crate::component::Kind;
pub use formats::write_atomically;

/// The kinds of sinks.
pub const KINDS: &[Kind] = &[
    Kind::of::<csv::CsvSettings>(),
    Kind::of::<dynamodb::DynamodbSinkSettings>(),
    Kind::of::<jsonl::JsonlSettings>(),
    Kind::of::<s3::S3Settings>(),
    Kind::of::<sns::SnsSettings>(),
    Kind::of::<sqs::SqsSettings>(),
    Kind::of::<webhook::WebhookSettings>(),
];
