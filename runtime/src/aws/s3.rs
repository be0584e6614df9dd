//! S3: writes objects, and reads files; large ones are buffered on disk.

use std::fs::{self, File, OpenOptions};
use std::io::{Cursor, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;

use super::call::call_error;
use crate::component::services::{ObjectStore, OpenFile, PipelineFile};
use crate::model::error::{Error, ErrorCode};

/// The largest file in bytes that is buffered in memory instead of on disk.
const MAX_IN_MEMORY: u64 = 8 * 1024 * 1024;
/// The largest file in bytes: a function has 512 MB of ephemeral storage by default
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const MAX_ON_DISK: u64 = 480 * 1024 * 1024;

/// A bucket.
pub struct S3Bucket {
    /// The client.
    pub client: Client,
    /// The name of the bucket.
    pub name: String,
}

/// The content type and content encoding of an object, by the suffix of its key.
fn content_type(key: &str) -> (Option<&'static str>, Option<&'static str>) {
    let (name, encoding) = match key.rsplit_once('.') {
        Some((name, "gz")) => (name, Some("gzip")),
        Some((name, "zst")) => (name, Some("zstd")),
        _ => (key, None),
    };
    let content_type = match name.rsplit_once('.') {
        Some((_, "jsonl")) => Some("application/x-ndjson"),
        Some((_, "json")) => Some("application/json"),
        Some((_, "csv")) => Some("text/csv; charset=utf-8"),
        _ => None,
    };
    (content_type, encoding)
}

#[async_trait]
impl ObjectStore for S3Bucket {
    async fn put(&self, key: &str, body: Vec<u8>) -> Result<String, Error> {
        let uri = format!("s3://{}/{key}", self.name);
        let (content_type, encoding) = content_type(key);
        let call = self.client.put_object().bucket(&self.name).key(key).body(ByteStream::from(body));
        let call = call.set_content_type(content_type.map(str::to_owned));
        let call = call.set_content_encoding(encoding.map(str::to_owned));
        call.send().await.map_err(|error| call_error("s3:PutObject", &uri, error))?;
        Ok(uri)
    }
}

/// A file in a bucket.
pub struct S3File {
    /// The bucket.
    pub bucket: S3Bucket,
    /// The object key.
    pub key: String,
}

#[async_trait]
impl PipelineFile for S3File {
    async fn open(&self) -> Result<OpenFile, Error> {
        const ACTION: &str = "s3:GetObject";
        let uri = format!("s3://{}/{}", self.bucket.name, self.key);
        let call = self.bucket.client.get_object().bucket(&self.bucket.name).key(&self.key);
        let response = call.send().await.map_err(|error| {
            let mut error = call_error(ACTION, &uri, error);
            if error.code == ErrorCode::AccessDenied {
                // Without `s3:ListBucket`, S3 reports a missing object as denied access
                // (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>).
                error
                    .message
                    .push_str("; S3 also reports this if the object does not exist: `fanggen apply` uploads it");
            }
            error
        })?;
        let version = response.e_tag.unwrap_or_default();
        let length = response.content_length.and_then(|length| u64::try_from(length).ok()).unwrap_or(0);
        if length > MAX_ON_DISK {
            let message =
                format!("`{uri}` has {length} bytes; the limit is {MAX_ON_DISK}: split it into several sources");
            return Err(Error::permanent(ErrorCode::FileTooLong, message));
        }
        let interrupted = |error: &dyn std::fmt::Display| {
            Error::transient(
                ErrorCode::Unreachable,
                format!("`{ACTION}` on `{uri}`: the response ended early ({error})"),
            )
        };
        let disk_error = |error: std::io::Error| {
            Error::transient(ErrorCode::DiskUnwritable, format!("cannot write `{uri}` to the function's disk: {error}"))
        };
        let mut body = response.body;
        if length <= MAX_IN_MEMORY {
            let mut bytes = Vec::new();
            while let Some(part) = body.try_next().await.map_err(|error| interrupted(&error))? {
                bytes.extend_from_slice(&part);
            }
            return Ok(OpenFile { reader: Box::new(Cursor::new(bytes)), version });
        }
        let mut file = unlinked_file(&std::env::temp_dir()).map_err(disk_error)?;
        while let Some(part) = body.try_next().await.map_err(|error| interrupted(&error))? {
            file.write_all(&part).map_err(disk_error)?;
        }
        file.seek(SeekFrom::Start(0)).map_err(disk_error)?;
        Ok(OpenFile { reader: Box::new(file), version })
    }
}

/// A temporary file that is deleted when it is closed, so that nothing accumulates in a warm function.
fn unlinked_file(folder: &Path) -> std::io::Result<File> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("fanggen-{}-{number}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    fs::remove_file(path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_determines_the_content_type() {
        assert_eq!(content_type("a/dt=2026-11-22/r-c.jsonl.gz"), (Some("application/x-ndjson"), Some("gzip")));
        assert_eq!(content_type("a.csv.zst"), (Some("text/csv; charset=utf-8"), Some("zstd")));
        assert_eq!(content_type("a.json"), (Some("application/json"), None));
        assert_eq!(content_type("gz"), (None, None));
    }
}
