//! The door to the bucket of artifacts, one per account and region: runtimes, large templates, locks, memories of items.

mod setup;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types;
use aws_smithy_types::base64;
use sha2::{Digest as _, Sha256};

use super::account::{Account, Identity};
use super::allow::{Call, calls};
use super::call::CallError;
use crate::resources::Target;

/// Marks a bucket as ours and its settings as complete; a new number makes every bucket be set up again.
const READY: (&str, &str) = ("fanggen:artifacts", "1");

calls! {
    "s3":
    TAGGING = "GetBucketTagging" on Target::ArtifactBucket,
    CREATE = "CreateBucket" on Target::ArtifactBucket,
    PRIVATE = "PutBucketPublicAccessBlock" on Target::ArtifactBucket,
    ENCRYPT = "PutEncryptionConfiguration" on Target::ArtifactBucket,
    VERSION = "PutBucketVersioning" on Target::ArtifactBucket,
    POLICY = "PutBucketPolicy" on Target::ArtifactBucket,
    LIFECYCLE = "PutLifecycleConfiguration" on Target::ArtifactBucket,
    OWNERSHIP = "PutBucketOwnershipControls" on Target::ArtifactBucket,
    TAG = "PutBucketTagging" on Target::ArtifactBucket,
    GET = "GetObject" on Target::ArtifactObjects,
    PUT = "PutObject" on Target::ArtifactObjects,
    REMOVE = "DeleteObject" on Target::ArtifactObjects,
    LIST = "ListBucket" on Target::ArtifactBucket,
}

/// The bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    /// Its name.
    pub name: String,
    region: String,
    owner: String,
    partition: String,
}

/// How the bucket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not there.
    Absent,
    /// There, but its settings were never completed.
    Unready,
    /// There and set up.
    Ready,
}

/// Why the bucket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// A failed call.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Somebody else has the name.
    #[error(
        "the bucket `{0}` belongs to another account: nothing was written to it\n  bucket names are global, and this one \
         is made of account and region; ask AWS support for it, or deploy to another region"
    )]
    Theirs(String),
    /// Ours, but not made by this tool.
    #[error(
        "the bucket `{0}` is in this account and holds objects, but has no tag `{tag}`, so fanggen did not make it: nothing \
         was written to it\n  remove it; or, if it is fanggen's and lost its tags, tag it with `{tag}` = `{value}`",
        tag = READY.0, value = READY.1
    )]
    Foreign(String),
}

/// An object, with what is needed to replace exactly this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its content.
    pub text: String,
    /// Its entity tag.
    pub tag: String,
}

/// The name of the bucket.
#[must_use]
pub fn name(account: &str, region: &str) -> String {
    format!("fanggen-artifacts-{account}-{region}")
}

impl Bucket {
    /// The bucket of this account and region, whether it exists or not.
    #[must_use]
    pub fn new(account: &Account, caller: &Identity) -> Self {
        Self {
            client: Client::new(&account.sdk),
            name: name(&caller.account, &account.region),
            region: account.region.clone(),
            owner: caller.account.clone(),
            partition: caller.partition().to_owned(),
        }
    }

    /// How it stands, in one call.
    ///
    /// # Errors
    /// A name that is another account's, a bucket that holds what is not ours, and failed calls.
    pub async fn state(&self) -> Result<State, BucketError> {
        let call = self.client.get_bucket_tagging().bucket(&self.name).expected_bucket_owner(&self.owner);
        match call.send().await.map_err(|error| CallError::of(TAGGING, error)) {
            Ok(answer) => {
                let ours = answer.tag_set.iter().find(|tag| tag.key == READY.0);
                match ours {
                    Some(tag) if tag.value == READY.1 => Ok(State::Ready),
                    Some(_) => Ok(State::Unready),
                    None => self.unmarked().await,
                }
            }
            Err(error) if error.is("NoSuchTagSet") => self.unmarked().await,
            Err(error) if error.is_absent() => Ok(State::Absent),
            // Somebody of the same account is told what is missing; a foreign owner's bucket says no more than no.
            Err(CallError::Denied { message, .. }) if !message.contains("not authorized to perform") => {
                Err(BucketError::Theirs(self.name.clone()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A bucket without our mark: nothing is in one whose making was interrupted.
    async fn unmarked(&self) -> Result<State, BucketError> {
        let call = self.client.list_objects_v2().bucket(&self.name).max_keys(1).expected_bucket_owner(&self.owner);
        let page = call.send().await.map_err(|error| CallError::of(LIST, error))?;
        if page.contents.unwrap_or_default().is_empty() {
            Ok(State::Unready)
        } else {
            Err(BucketError::Foreign(self.name.clone()))
        }
    }

    /// Makes it and sets it up, as far as that was not done.
    ///
    /// # Errors
    /// A name that is another account's, and failed calls.
    pub async fn ensure(&self) -> Result<State, BucketError> {
        let state = self.state().await?;
        if state == State::Absent {
            self.create().await?;
        }
        if state != State::Ready {
            self.set_up().await?;
        }
        Ok(state)
    }

    /// Whether an object of this key is there.
    ///
    /// # Errors
    /// A failed call.
    pub async fn has(&self, key: &str) -> Result<bool, CallError> {
        let call = self.client.head_object().bucket(&self.name).key(key).expected_bucket_owner(&self.owner);
        match call.send().await.map_err(|error| CallError::of(GET, error)) {
            Ok(_) => Ok(true),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether an object of exactly these bytes is there: S3's own hash of them says so, since whoever else may write to
    /// the bucket could have put something else under the key.
    ///
    /// # Errors
    /// A failed call.
    pub async fn holds(&self, key: &str, bytes: &[u8]) -> Result<bool, CallError> {
        let call = self.client.head_object().bucket(&self.name).key(key).expected_bucket_owner(&self.owner);
        let call = call.checksum_mode(types::ChecksumMode::Enabled);
        match call.send().await.map_err(|error| CallError::of(GET, error)) {
            Ok(answer) => Ok(answer.checksum_sha256.as_deref() == Some(&sha256(bytes))),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error),
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

    /// Reads a small object; nothing if it is not there, or its bucket is not.
    ///
    /// # Errors
    /// A failed call, and a content that is no text.
    pub async fn read(&self, key: &str) -> Result<Option<Object>, CallError> {
        let call = self.client.get_object().bucket(&self.name).key(key).expected_bucket_owner(&self.owner);
        let answer = match call.send().await.map_err(|error| CallError::of(GET, error)) {
            Err(error) if error.is_absent() => return Ok(None),
            other => other?,
        };
        let tag = answer.e_tag.unwrap_or_default();
        let broken = |reason: String| CallError::Unreachable { action: GET, reason };
        let bytes = answer.body.collect().await.map_err(|error| broken(error.to_string()))?.to_vec();
        let text = String::from_utf8(bytes).map_err(|_| broken(format!("`{key}` is not text")))?;
        Ok(Some(Object { text, tag }))
    }

    /// Writes a small object, if it still is what `before` says: this version, or not there. Gives the new entity tag,
    /// or nothing if somebody was faster.
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
            // 409: two at once, and the other one won. 404: what was to be replaced is gone.
            Err(CallError::Refused { status: 404 | 409 | 412, .. }) => {
                // The answer to an earlier attempt may be what was lost: then the object is what we wrote.
                let now = self.read(key).await?;
                Ok(now.filter(|object| object.text == text).map(|object| object.tag))
            }
            Err(error) => Err(error),
        }
    }

    /// Removes an object; one that is not there is no fault.
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

    /// The address by which CloudFormation finds an object.
    #[must_use]
    pub fn address(&self, key: &str) -> String {
        let suffix = if self.partition == "aws-cn" { ".cn" } else { "" };
        format!("https://s3.{}.amazonaws.com{suffix}/{}/{key}", self.region, self.name)
    }
}

/// The hash of bytes as S3 writes it.
fn sha256(bytes: &[u8]) -> String {
    base64::encode(Sha256::digest(bytes))
}
