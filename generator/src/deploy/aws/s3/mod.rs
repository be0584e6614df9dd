//! S3: the artifact bucket, the pipeline's own buckets, and the files of items in them.

pub mod artifacts;
mod artifacts_setup;
pub mod buckets;
mod busy_bucket;
pub mod item_files;
pub mod result_objects;
mod server_clock;
