//! Buckets: an object is put in one piece; a file is read without growing the memory.

use std::fs::{self, File, OpenOptions};
use std::io::{Cursor, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;

use super::call::failed;
use crate::component::services::{ObjectStore, OpenFile, PipelineFile};
use crate::model::error::{Error, ErrorCode};

/// Above so many bytes a file is read from the disk and not from memory.
const IN_MEMORY: u64 = 8 * 1024 * 1024;
/// The largest file: a Lambda has 512 MB of disk unless asked for more
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const ON_DISK: u64 = 480 * 1024 * 1024;

/// A bucket, by its name.
pub struct S3 {
    /// The client.
    pub client: Client,
    /// The name.
    pub bucket: String,
}

/// What an object is, and how it is packed, by the ending of its key.
fn kind(key: &str) -> (Option<&'static str>, Option<&'static str>) {
    let (inner, packing) = match key.rsplit_once('.') {
        Some((inner, "gz")) => (inner, Some("gzip")),
        Some((inner, "zst")) => (inner, Some("zstd")),
        _ => (key, None),
    };
    let kind = match inner.rsplit_once('.') {
        Some((_, "jsonl")) => Some("application/x-ndjson"),
        Some((_, "json")) => Some("application/json"),
        Some((_, "csv")) => Some("text/csv; charset=utf-8"),
        _ => None,
    };
    (kind, packing)
}

#[async_trait]
impl ObjectStore for S3 {
    async fn put(&self, key: &str, body: Vec<u8>) -> Result<String, Error> {
        let place = format!("s3://{}/{key}", self.bucket);
        let (kind, packing) = kind(key);
        let call = self.client.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(body));
        let call = call.set_content_type(kind.map(str::to_owned)).set_content_encoding(packing.map(str::to_owned));
        call.send().await.map_err(|error| failed("s3:PutObject", &place, error))?;
        Ok(place)
    }
}

/// An object that is read from its start to its end.
pub struct Object {
    /// Its bucket.
    pub store: S3,
    /// Its key.
    pub key: String,
}

#[async_trait]
impl PipelineFile for Object {
    async fn open(&self) -> Result<OpenFile, Error> {
        const ACTION: &str = "s3:GetObject";
        let place = format!("s3://{}/{}", self.store.bucket, self.key);
        let call = self.store.client.get_object().bucket(&self.store.bucket).key(&self.key);
        let answer = call.send().await.map_err(|error| {
            let mut error = failed(ACTION, &place, error);
            if error.code == ErrorCode::AccessDenied {
                // To whom the bucket may not be listed, S3 does not say that there is no such object
                // (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>).
                error
                    .message
                    .push_str("; S3 says the same of an object that is not there: `fanggen apply` puts it there");
            }
            error
        })?;
        let version = answer.e_tag.unwrap_or_default();
        let length = answer.content_length.and_then(|length| u64::try_from(length).ok()).unwrap_or(0);
        if length > ON_DISK {
            let words = format!(
                "`{place}` has {length} bytes, and a function reads {ON_DISK} at most: split it into several sources"
            );
            return Err(Error::permanent(ErrorCode::FileTooLong, words));
        }
        let broken = |error: &dyn std::fmt::Display| {
            Error::transient(ErrorCode::Unreachable, format!("`{ACTION}` on `{place}`: the answer broke off ({error})"))
        };
        let full = |error: std::io::Error| {
            Error::transient(
                ErrorCode::DiskUnwritable,
                format!("`{place}` cannot be kept on the function's disk: {error}"),
            )
        };
        let mut body = answer.body;
        if length <= IN_MEMORY {
            let mut bytes = Vec::new();
            while let Some(part) = body.try_next().await.map_err(|error| broken(&error))? {
                bytes.extend_from_slice(&part);
            }
            return Ok(OpenFile { reader: Box::new(Cursor::new(bytes)), version });
        }
        let mut file = nameless(&std::env::temp_dir()).map_err(full)?;
        while let Some(part) = body.try_next().await.map_err(|error| broken(&error))? {
            file.write_all(&part).map_err(full)?;
        }
        file.seek(SeekFrom::Start(0)).map_err(full)?;
        Ok(OpenFile { reader: Box::new(file), version })
    }
}

/// A file that is gone from the disk with whoever has it open: a Lambda that lives on leaves nothing behind.
fn nameless(folder: &Path) -> std::io::Result<File> {
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
    fn the_ending_says_what_an_object_is() {
        assert_eq!(kind("a/dt=2026-11-22/r-c.jsonl.gz"), (Some("application/x-ndjson"), Some("gzip")));
        assert_eq!(kind("a.csv.zst"), (Some("text/csv; charset=utf-8"), Some("zstd")));
        assert_eq!(kind("a.json"), (Some("application/json"), None));
        assert_eq!(kind("gz"), (None, None));
    }
}
