//! The artifact bucket, one per account and region: runtimes, large templates, locks, and what was applied to items.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types;
use aws_smithy_types::base64;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::buckets::is_of_other_account;
use super::server_clock::{ServerClock, time};
use crate::deploy::aws::account::{Account, CallerIdentity};
use crate::deploy::aws::api_call::{ApiCall, calls};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::call_log::CallLog;
use crate::resources::Target;

/// The tag of a bucket that fanggen created and configured; a new value makes every bucket be configured again.
pub(super) const READY: (&str, &str) = ("fanggen:artifacts", "1");

calls! {
    "s3":
    [plan operate] TAGGING = "GetBucketTagging" on Target::ArtifactBucket,
    CREATE = "CreateBucket" on Target::SharedBucket,
    PRIVATE = "PutBucketPublicAccessBlock" on Target::SharedBucket,
    ENCRYPT = "PutEncryptionConfiguration" on Target::SharedBucket,
    VERSION = "PutBucketVersioning" on Target::SharedBucket,
    POLICY = "PutBucketPolicy" on Target::SharedBucket,
    LIFECYCLE = "PutLifecycleConfiguration" on Target::SharedBucket,
    OWNERSHIP = "PutBucketOwnershipControls" on Target::SharedBucket,
    TAG = "PutBucketTagging" on Target::SharedBucket,
    [plan] GET = "GetObject" on Target::ArtifactObjects,
    PUT = "PutObject" on Target::ArtifactObjects,
    // Whoever writes items keeps the lock and the state of the items, and never replaces code.
    [operate] GET_RECORD = "GetObject" on Target::ArtifactRecords,
    [operate] PUT_RECORD = "PutObject" on Target::ArtifactRecords,
    [operate] REMOVE = "DeleteObject" on Target::ArtifactRecords,
    // Without it, S3 says of an object that does not exist that access is denied.
    [plan operate] LIST = "ListBucket" on Target::ArtifactBucket,
}

/// The artifact bucket of an account and region.
#[derive(Clone, Debug)]
pub struct ArtifactBucket {
    pub(super) client: Client,
    clock: ServerClock,
    /// Its name.
    pub name: String,
    pub(super) region: String,
    pub(super) owner: String,
    pub(super) partition: String,
}

/// The status of the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketStatus {
    /// It does not exist.
    Absent,
    /// It exists, but its configuration is not complete.
    Unready,
    /// It exists and is configured.
    Ready,
}

/// Why the bucket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactBucketError {
    /// A failed call.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The bucket belongs to another account.
    #[error(
        "the bucket `{0}` belongs to another account: nothing was written to it\n  bucket names are global, and this one \
         consists of account and region; deploy to another region, or ask the owner of the bucket, or AWS support, to delete it"
    )]
    Theirs(String),
    /// The bucket was not created by fanggen.
    #[error(
        "the bucket `{0}` in this account has objects but no tag `{tag}`, so fanggen did not create it: nothing was written \
         to it\n  if nobody needs these objects, delete it: `aws s3 rb s3://{0} --force`; if fanggen created it and its tag was \
         removed, tag it: `aws s3api put-bucket-tagging --bucket {0} --tagging 'TagSet=[{{Key={tag},Value={value}}}]'`",
        tag = READY.0, value = READY.1
    )]
    Foreign(String),
}

/// An object, with the entity tag that identifies its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// Its content.
    pub text: String,
    /// Its entity tag.
    pub tag: String,
    /// When it was last written, by S3's clock.
    pub written: Option<Timestamp>,
}

/// The name of the bucket.
#[must_use]
pub fn name(account: &str, region: &str) -> String {
    format!("fanggen-artifacts-{account}-{region}")
}

impl ArtifactBucket {
    /// The bucket of this account and region, whether it exists or not.
    #[must_use]
    pub fn new(account: &Account, caller: &CallerIdentity) -> Self {
        let clock = ServerClock::default();
        let config = aws_sdk_s3::config::Builder::from(&account.sdk).interceptor(clock.clone()).interceptor(CallLog);
        Self {
            client: Client::from_conf(config.build()),
            clock,
            name: name(&caller.account, &account.region),
            region: account.region.clone(),
            owner: caller.account.clone(),
            partition: caller.partition().to_owned(),
        }
    }

    /// Its status, in one call.
    ///
    /// # Errors
    /// A name that is another account's, a bucket that fanggen did not create, and failed calls.
    pub async fn status(&self) -> Result<BucketStatus, ArtifactBucketError> {
        let call = self.client.get_bucket_tagging().bucket(&self.name).expected_bucket_owner(&self.owner);
        match call.send().await.map_err(|error| CallError::of(TAGGING, error)) {
            Ok(answer) => {
                let ours = answer.tag_set.iter().find(|tag| tag.key == READY.0);
                match ours {
                    Some(tag) if tag.value == READY.1 => Ok(BucketStatus::Ready),
                    Some(_) => Ok(BucketStatus::Unready),
                    None => self.untagged().await,
                }
            }
            Err(error) if error.is("NoSuchTagSet") => self.untagged().await,
            Err(error) if error.is_absent() => Ok(BucketStatus::Absent),
            Err(error) if is_of_other_account(&error) => Err(ArtifactBucketError::Theirs(self.name.clone())),
            Err(error) => Err(error.into()),
        }
    }

    /// The status of a bucket without our tag: it is empty if its creation was interrupted.
    async fn untagged(&self) -> Result<BucketStatus, ArtifactBucketError> {
        let call = self.client.list_objects_v2().bucket(&self.name).max_keys(1).expected_bucket_owner(&self.owner);
        let page = call.send().await.map_err(|error| CallError::of(LIST, error))?;
        if page.contents.unwrap_or_default().is_empty() {
            Ok(BucketStatus::Unready)
        } else {
            Err(ArtifactBucketError::Foreign(self.name.clone()))
        }
    }

    /// Creates and configures it, as far as necessary, and gives the status before.
    ///
    /// # Errors
    /// A name that is another account's, and failed calls.
    pub async fn ensure(&self) -> Result<BucketStatus, ArtifactBucketError> {
        let state = self.status().await?;
        if state == BucketStatus::Absent {
            self.create().await?;
        }
        if state != BucketStatus::Ready {
            self.set_up().await?;
        }
        Ok(state)
    }

    /// The time by S3's clock, which all machines share.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The command that deletes an object, for people.
    #[must_use]
    pub fn removal_command(&self, key: &str) -> String {
        format!("aws s3api delete-object --bucket {} --key {key} --region {}", self.name, self.region)
    }

    /// Whether an object with this key exists.
    ///
    /// # Errors
    /// A failed call.
    pub async fn has(&self, key: &str) -> Result<bool, CallError> {
        let call = self.client.head_object().bucket(&self.name).key(key).expected_bucket_owner(&self.owner);
        match call.send().await.map_err(|error| CallError::of(GET, error)) {
            Ok(_) => Ok(true),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(self.cause(key, error).await),
        }
    }

    /// Whether the object has exactly these bytes, by S3's own checksum, since others may write to the bucket too.
    ///
    /// # Errors
    /// A failed call.
    pub async fn holds(&self, key: &str, bytes: &[u8]) -> Result<bool, CallError> {
        let call = self.client.head_object().bucket(&self.name).key(key).expected_bucket_owner(&self.owner);
        let call = call.checksum_mode(types::ChecksumMode::Enabled);
        match call.send().await.map_err(|error| CallError::of(GET, error)) {
            Ok(answer) => Ok(answer.checksum_sha256.as_deref() == Some(&sha256(bytes))),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(self.cause(key, error).await),
        }
    }

    /// The cause of a failed HEAD request, whose response has no body to name it: a GET of the first byte fails for the same
    /// reason, and says so.
    async fn cause(&self, key: &str, error: CallError) -> CallError {
        let call = self.client.get_object().bucket(&self.name).key(key).expected_bucket_owner(&self.owner);
        match call.range("bytes=0-0").send().await.map_err(|error| CallError::of(GET, error)) {
            Err(CallError::Refused { status: 416, .. }) | Ok(_) => error,
            Err(cause) => cause,
        }
    }

    /// Puts an object whose key is a hash of its content.
    ///
    /// # Errors
    /// A failed call.
    pub async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), CallError> {
        let call = self.client.put_object().bucket(&self.name).key(key).expected_bucket_owner(&self.owner);
        let call = call.checksum_sha256(sha256(&bytes));
        call.body(ByteStream::from(bytes)).send().await.map(drop).map_err(|error| CallError::of(PUT, error))
    }

    /// Reads a small object; nothing if it, or its bucket, does not exist.
    ///
    /// # Errors
    /// A failed call, and content that is not text.
    pub async fn read(&self, key: &str) -> Result<Option<StoredObject>, CallError> {
        let call = self.client.get_object().bucket(&self.name).key(key).expected_bucket_owner(&self.owner);
        let answer = match call.send().await.map_err(|error| CallError::of(GET, error)) {
            Err(error) if error.is_absent() => return Ok(None),
            other => other?,
        };
        let tag = answer.e_tag.unwrap_or_default();
        let written = answer.last_modified.as_ref().and_then(time);
        let broken = |reason: String| CallError::Unreachable { action: GET, reason };
        let bytes = answer.body.collect().await.map_err(|error| broken(error.to_string()))?.to_vec();
        let text = String::from_utf8(bytes)
            .map_err(|_| CallError::NotText { bucket: self.name.clone(), key: key.to_owned() })?;
        Ok(Some(StoredObject { text, tag, written }))
    }

    /// Writes a small object if it still has the entity tag `before`, or does not exist where that is none. Gives the new
    /// entity tag, or nothing if somebody else has changed it.
    ///
    /// # Errors
    /// A failed call.
    pub async fn write(&self, key: &str, text: &str, before: Option<&str>) -> Result<Option<String>, CallError> {
        let call = self.client.put_object().bucket(&self.name).key(key).expected_bucket_owner(&self.owner);
        let call = call.content_type("application/json").body(ByteStream::from(text.as_bytes().to_vec()));
        let call = match before {
            Some(tag) => call.if_match(tag),
            None => call.if_none_match("*"),
        };
        match call.send().await.map_err(|error| CallError::of(PUT, error)) {
            Ok(answer) => Ok(Some(answer.e_tag.unwrap_or_default())),
            // 409: a concurrent write won. 404: the object to replace was deleted.
            Err(CallError::Refused { status: 404 | 409 | 412, .. }) => {
                // If the response to an earlier attempt was lost, the object is what we wrote.
                let now = self.read(key).await?;
                Ok(now.filter(|object| object.text == text).map(|object| object.tag))
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes an object; one that does not exist is no error.
    ///
    /// # Errors
    /// A failed call.
    pub async fn remove(&self, key: &str) -> Result<(), CallError> {
        let call = self.client.delete_object().bucket(&self.name).key(key).expected_bucket_owner(&self.owner);
        match call.send().await.map_err(|error| CallError::of(REMOVE, error)) {
            Err(error) if error.is_absent() => Ok(()),
            other => other.map(drop),
        }
    }

    /// The keys below a prefix.
    ///
    /// # Errors
    /// A failed call.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>, CallError> {
        let call = self.client.list_objects_v2().bucket(&self.name).prefix(prefix).expected_bucket_owner(&self.owner);
        let mut pages = call.into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            match page.map_err(|error| CallError::of(LIST, error)) {
                Err(error) if error.is_absent() => return Ok(Vec::new()),
                other => keys.extend(other?.contents.unwrap_or_default().into_iter().filter_map(|object| object.key)),
            }
        }
        Ok(keys)
    }

    /// The URL of an object for CloudFormation.
    #[must_use]
    pub fn address(&self, key: &str) -> String {
        let suffix = if self.partition == "aws-cn" { ".cn" } else { "" };
        format!("https://s3.{}.amazonaws.com{suffix}/{}/{key}", self.region, self.name)
    }
}

/// The SHA-256 checksum as S3 writes it.
fn sha256(bytes: &[u8]) -> String {
    base64::encode(Sha256::digest(bytes))
}
