//! The sinks: components that store finished records or send them on.

mod csv;
mod digest;
mod dynamodb;
mod formats;
mod jsonl;
mod last_findings;
mod local_file;
mod message_body;
mod s3;
mod selection;
mod signature;
mod slack_message;
mod sns;
mod sqs;
mod webhook;

use crate::component::ComponentKind;
pub use dynamodb::record_of_row;
pub use formats::{CSV_COLUMNS, JSONL_COLUMNS, csv_header, csv_rows};
pub use local_file::{create_private_folder, private_file, refuse_links, write_below, write_streamed};
pub use selection::select;

/// The kinds of sinks.
pub const KINDS: &[ComponentKind] = &[
    ComponentKind::of::<csv::CsvSettings>(),
    ComponentKind::of::<dynamodb::DynamodbSinkSettings>(),
    ComponentKind::of::<jsonl::JsonlSettings>(),
    ComponentKind::of::<s3::S3Settings>(),
    ComponentKind::of::<sns::SnsSettings>(),
    ComponentKind::of::<sqs::SqsSettings>(),
    ComponentKind::of::<webhook::WebhookSettings>(),
];
