//! The door to S3 for what destroy does: counts what a bucket holds, empties it, and deletes it.

use std::collections::BTreeMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use serde::Serialize;

use super::account::Account;
use super::allow::Call;
use super::call::CallError;
use crate::deploy::count::Count;
use crate::resources::{self, Target};

/// Versions of one DeleteObjects (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>).
const BATCH: i32 = 1_000;
/// Versions after which counting stops: a page is a call, and a bucket may hold millions.
const COUNTED: u64 = 100_000;
/// How often a bucket is gone through before somebody has to stop what writes into it.
const PASSES: usize = 10;

const BUCKET: Target = Target::Each(&resources::s3::BUCKET);

/// What the calls of this door need.
pub const CALLS: &[Call] = &[
    Call::new("s3:AbortMultipartUpload", Target::Objects),
    Call::new("s3:DeleteBucket", BUCKET),
    Call::new("s3:DeleteObject", Target::Objects),
    Call::new("s3:DeleteObjectVersion", Target::Objects),
    Call::new("s3:GetBucketTagging", BUCKET),
    Call::new("s3:ListBucket", BUCKET),
    Call::new("s3:ListBucketMultipartUploads", BUCKET),
    Call::new("s3:ListBucketVersions", BUCKET),
];

/// What a bucket holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Objects that one sees.
    pub objects: Count,
    /// All their versions, with the marks of what was deleted.
    pub versions: Count,
}

/// The door, for buckets of one owner.
#[derive(Clone, Debug)]
pub struct Contents {
    client: Client,
    owner: String,
}

impl Contents {
    /// Opens the door for the buckets of an account, given by its 12 digits; nothing is called.
    #[must_use]
    pub fn open(account: &Account, owner: &str) -> Self {
        Self { client: Client::new(&account.sdk), owner: owner.to_owned() }
    }

    /// Whether the bucket is there.
    ///
    /// # Errors
    /// A call that failed; a bucket of this name that somebody else owns is a denial.
    pub async fn there(&self, bucket: &str) -> Result<bool, CallError> {
        let call = self.client.head_bucket().bucket(bucket).expected_bucket_owner(&self.owner);
        let answer = CallError::there(call.send().await.map_err(|error| CallError::of("s3:ListBucket", error)));
        answer.map_err(|error| match error {
            // An answer to HEAD has no words of its own.
            CallError::Denied { action, .. } => CallError::Denied {
                action,
                resource: format!("the bucket `{bucket}`"),
                message: format!("S3 says no more than that; account {} may not be its owner", self.owner),
            },
            other => other,
        })
    }

    /// The tags of a bucket; none where there is no such bucket.
    ///
    /// # Errors
    /// A call that failed.
    pub async fn tags(&self, bucket: &str) -> Result<BTreeMap<String, String>, CallError> {
        let call = self.client.get_bucket_tagging().bucket(bucket).expected_bucket_owner(&self.owner);
        match call.send().await.map_err(|error| CallError::of("s3:GetBucketTagging", error)) {
            Ok(answer) => Ok(answer.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect()),
            Err(error) if error.is_absent() || error.is("NoSuchTagSet") => Ok(BTreeMap::new()),
            Err(error) => Err(error),
        }
    }

    /// Counts objects and versions; none where there is no such bucket.
    ///
    /// # Errors
    /// A call that failed.
    pub async fn count(&self, bucket: &str) -> Result<Option<Held>, CallError> {
        let (mut objects, mut versions) = (0_u64, 0_u64);
        let mut from = Place::default();
        loop {
            let Some(page) = self.page(bucket, &from).await? else { return Ok(None) };
            objects += page.current;
            versions += page.found.len() as u64;
            match page.next {
                None => {
                    return Ok(Some(Held { objects: Count::Exactly(objects), versions: Count::Exactly(versions) }));
                }
                Some(_) if versions >= COUNTED => {
                    return Ok(Some(Held { objects: Count::MoreThan(objects), versions: Count::MoreThan(versions) }));
                }
                Some(next) => from = next,
            }
        }
    }

    /// Empties a bucket: all versions of all objects, the marks of deleted ones, and uploads that nobody finished. Tells
    /// after each batch how many versions are gone. An absent bucket is empty.
    ///
    /// # Errors
    /// A call that failed, an object that S3 did not delete, and a bucket that is written to faster than it is emptied.
    pub async fn empty(&self, bucket: &str, told: &mut (dyn FnMut(u64) + Send)) -> Result<(), CallError> {
        self.give_up_uploads(bucket).await?;
        let mut gone = 0;
        for _ in 0..PASSES {
            let mut from = Place::default();
            let mut found = false;
            loop {
                let Some(page) = self.page(bucket, &from).await? else { return Ok(()) };
                if !page.found.is_empty() {
                    found = true;
                    gone += page.found.len() as u64;
                    self.delete_versions(bucket, page.found).await?;
                    told(gone);
                }
                let Some(next) = page.next else { break };
                from = next;
            }
            if !found {
                return Ok(());
            }
        }
        let message =
            format!("something still writes into the bucket `{bucket}`: stop it, and run the same command again");
        Err(CallError::Refused { action: "s3:DeleteObjectVersion", code: "StillWritten".into(), message, status: 200 })
    }

    /// Deletes an empty bucket; an absent one is gone already.
    ///
    /// # Errors
    /// A call that failed.
    pub async fn delete(&self, bucket: &str) -> Result<(), CallError> {
        let call = self.client.delete_bucket().bucket(bucket).expected_bucket_owner(&self.owner);
        CallError::there(call.send().await.map_err(|error| CallError::of("s3:DeleteBucket", error))).map(|_| ())
    }

    /// A page of versions and marks; none where there is no such bucket.
    async fn page(&self, bucket: &str, from: &Place) -> Result<Option<Page>, CallError> {
        let call = self.client.list_object_versions().bucket(bucket).expected_bucket_owner(&self.owner);
        let call = call.max_keys(BATCH).set_key_marker(from.key.clone()).set_version_id_marker(from.version.clone());
        let answer = match call.send().await.map_err(|error| CallError::of("s3:ListBucketVersions", error)) {
            Err(error) if error.is_absent() => return Ok(None),
            answer => answer?,
        };
        let versions = answer.versions.unwrap_or_default();
        let current = versions.iter().filter(|version| version.is_latest.unwrap_or_default()).count() as u64;
        let versions = versions.into_iter().map(|version| (version.key, version.version_id));
        let marks = answer.delete_markers.unwrap_or_default().into_iter().map(|mark| (mark.key, mark.version_id));
        let found = versions.chain(marks).filter_map(|(key, version)| Some((key?, version))).collect();
        let more = answer.is_truncated.unwrap_or_default() && answer.next_key_marker.is_some();
        let next = more.then_some(Place { key: answer.next_key_marker, version: answer.next_version_id_marker });
        Ok(Some(Page { found, current, next }))
    }

    async fn delete_versions(&self, bucket: &str, found: Vec<(String, Option<String>)>) -> Result<(), CallError> {
        const ACTION: &str = "s3:DeleteObjectVersion";
        let refused = |code: String, message| CallError::Refused { action: ACTION, code, message, status: 200 };
        let objects = found
            .into_iter()
            .map(|(key, version)| ObjectIdentifier::builder().key(key).set_version_id(version).build())
            .collect::<Result<Vec<_>, _>>();
        let delete = objects.and_then(|objects| Delete::builder().set_objects(Some(objects)).quiet(true).build());
        let delete = delete.map_err(|error| refused("Unsent".into(), error.to_string()))?;
        let call = self.client.delete_objects().bucket(bucket).expected_bucket_owner(&self.owner).delete(delete);
        let answer = call.send().await.map_err(|error| CallError::of(ACTION, error))?;
        // The status is 200 even where nothing was deleted.
        let errors = answer.errors.unwrap_or_default();
        let Some(first) = errors.first() else { return Ok(()) };
        let code = first.code.clone().unwrap_or_default();
        let key = first.key.as_deref().unwrap_or_default();
        let why = first.message.as_deref().unwrap_or_default();
        let message = format!("`{key}` in `{bucket}` was not deleted, nor were {} others: {why}", errors.len() - 1);
        Err(match code.as_str() {
            "AccessDenied" => {
                CallError::Denied { action: ACTION.into(), resource: format!("arn:aws:s3:::{bucket}/{key}"), message }
            }
            _ => refused(code, message),
        })
    }

    async fn give_up_uploads(&self, bucket: &str) -> Result<(), CallError> {
        let list = self.client.list_multipart_uploads().bucket(bucket).expected_bucket_owner(&self.owner);
        loop {
            // From the start each time: what was listed before is gone.
            let answer = list.clone().send().await;
            let answer = match answer.map_err(|error| CallError::of("s3:ListBucketMultipartUploads", error)) {
                Err(error) if error.is_absent() => return Ok(()),
                answer => answer?,
            };
            let uploads = answer.uploads.unwrap_or_default();
            for upload in &uploads {
                let call = self.client.abort_multipart_upload().bucket(bucket).expected_bucket_owner(&self.owner);
                let call = call.set_key(upload.key.clone()).set_upload_id(upload.upload_id.clone());
                CallError::there(call.send().await.map_err(|error| CallError::of("s3:AbortMultipartUpload", error)))?;
            }
            if uploads.is_empty() || !answer.is_truncated.unwrap_or_default() {
                return Ok(());
            }
        }
    }
}

/// A page of what a bucket holds: keys with versions.
struct Page {
    found: Vec<(String, Option<String>)>,
    current: u64,
    next: Option<Place>,
}

/// Where a page begins.
#[derive(Default)]
struct Place {
    key: Option<String>,
    version: Option<String>,
}
