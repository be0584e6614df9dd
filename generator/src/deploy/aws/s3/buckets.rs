//! The pipeline's own buckets: counts their objects, empties and deletes them.

use std::collections::BTreeMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use serde::Serialize;

use crate::deploy::aws::account::Account;
use crate::deploy::aws::api_call::ApiCall;
use crate::deploy::aws::call_error::{CallError, DEPLOYER};
use crate::deploy::aws::call_log::logged_client;
use crate::deploy::count::Count;
use crate::resources::{self, Target};

/// Versions of one DeleteObjects (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>).
const BATCH: i32 = 1_000;
/// Versions after which counting stops, since a bucket may have millions and each page is a call.
const COUNTED: u64 = 100_000;
/// Passes over a bucket before we give up because something still writes to it.
const PASSES: usize = 10;

const TAGGING: &str = "s3:GetBucketTagging";
const BUCKET: Target = Target::Each(&resources::s3::BUCKET);

/// The IAM actions of this client's calls.
pub const CALLS: &[ApiCall] = &[
    ApiCall::new("s3:AbortMultipartUpload", Target::Objects),
    ApiCall::new("s3:DeleteBucket", BUCKET),
    ApiCall::new("s3:DeleteObject", Target::Objects),
    ApiCall::new("s3:DeleteObjectVersion", Target::Objects),
    ApiCall::new(TAGGING, BUCKET).plan(),
    ApiCall::new("s3:ListBucket", BUCKET),
    ApiCall::new("s3:ListBucketMultipartUploads", BUCKET),
    ApiCall::new("s3:ListBucketVersions", BUCKET),
];

/// Who has a bucket: their names are global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketOwner {
    /// It does not exist.
    Nobody,
    /// This account.
    ThisAccount,
    /// Another account, or this one in another region.
    SomebodyElse,
}

/// Whether S3 denies access since the bucket is another account's: within an account, it names the missing permission
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html>, read 2026-11-29).
pub(super) fn is_of_other_account(error: &CallError) -> bool {
    matches!(error, CallError::Denied { message, .. } if !message.contains("not authorized to perform"))
}

/// How much a bucket holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ObjectCounts {
    /// Current objects.
    pub objects: Count,
    /// All versions, including delete markers.
    pub versions: Count,
}

/// The client, for the buckets of one account.
#[derive(Clone, Debug)]
pub struct BucketsClient {
    client: Client,
    owner: String,
}

impl BucketsClient {
    /// Creates the client for the buckets of an account, without a call.
    #[must_use]
    pub fn open(account: &Account, owner: &str) -> Self {
        Self { client: logged_client!(aws_sdk_s3, account), owner: owner.to_owned() }
    }

    /// Who has the bucket.
    ///
    /// # Errors
    /// A failed call.
    pub async fn owner(&self, bucket: &str) -> Result<BucketOwner, CallError> {
        let call = self.client.head_bucket().bucket(bucket).expected_bucket_owner(&self.owner);
        let error = match call.send().await.map_err(|error| CallError::of("s3:ListBucket", error)) {
            Ok(_) => return Ok(BucketOwner::ThisAccount),
            Err(error) if error.is_absent() => return Ok(BucketOwner::Nobody),
            Err(error) => error,
        };
        // A bucket of another region: ours are all in this one.
        if error.is("PermanentRedirect") {
            return Ok(BucketOwner::SomebodyElse);
        }
        // A response to HEAD has no reason, and one to GET has.
        match self.tags(bucket).await {
            Err(error) if is_of_other_account(&error) => Ok(BucketOwner::SomebodyElse),
            Err(error) => Err(error),
            Ok(_) => Err(match error {
                CallError::Denied { action, .. } => CallError::Denied {
                    action,
                    resource: format!("the bucket `{bucket}`"),
                    message: "S3 gives no reason".to_owned(),
                    policy: DEPLOYER,
                },
                other => other,
            }),
        }
    }

    /// The tags of a bucket; none if it does not exist.
    ///
    /// # Errors
    /// A failed call.
    pub async fn tags(&self, bucket: &str) -> Result<BTreeMap<String, String>, CallError> {
        let call = self.client.get_bucket_tagging().bucket(bucket).expected_bucket_owner(&self.owner);
        match call.send().await.map_err(|error| CallError::of(TAGGING, error)) {
            Ok(answer) => Ok(answer.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect()),
            Err(error) if error.is_absent() || error.is("NoSuchTagSet") => Ok(BTreeMap::new()),
            Err(error) => Err(error),
        }
    }

    /// Counts objects and versions; nothing if the bucket does not exist.
    ///
    /// # Errors
    /// A failed call.
    pub async fn count(&self, bucket: &str) -> Result<Option<ObjectCounts>, CallError> {
        let (mut objects, mut versions) = (0_u64, 0_u64);
        let mut from = PageStart::default();
        loop {
            let Some(page) = self.page(bucket, &from).await? else { return Ok(None) };
            objects += page.current;
            versions += page.found.len() as u64;
            match page.next {
                None => {
                    return Ok(Some(ObjectCounts {
                        objects: Count::Exactly(objects),
                        versions: Count::Exactly(versions),
                    }));
                }
                Some(_) if versions >= COUNTED => {
                    return Ok(Some(ObjectCounts {
                        objects: Count::MoreThan(objects),
                        versions: Count::MoreThan(versions),
                    }));
                }
                Some(next) => from = next,
            }
        }
    }

    /// Empties a bucket: all versions, delete markers and unfinished uploads. Reports the number of deleted versions after
    /// each batch. A bucket that does not exist is empty.
    ///
    /// # Errors
    /// A call that failed, an object that S3 did not delete, and a bucket that is written to faster than it is emptied.
    pub async fn empty(&self, bucket: &str, progress: &mut (dyn FnMut(u64) + Send)) -> Result<(), CallError> {
        self.abort_uploads(bucket).await?;
        let mut deleted = 0;
        for _ in 0..PASSES {
            let mut from = PageStart::default();
            let mut found = false;
            loop {
                let Some(page) = self.page(bucket, &from).await? else { return Ok(()) };
                if !page.found.is_empty() {
                    found = true;
                    deleted += page.found.len() as u64;
                    self.delete_versions(bucket, page.found).await?;
                    progress(deleted);
                }
                let Some(next) = page.next else { break };
                from = next;
            }
            if !found {
                return Ok(());
            }
        }
        let message =
            format!("something still writes to the bucket `{bucket}`: stop it, then run the same command again");
        Err(CallError::Refused { action: "s3:DeleteObjectVersion", code: "StillWritten".into(), message, status: 200 })
    }

    /// Deletes an empty bucket; one that does not exist is no error.
    ///
    /// # Errors
    /// A failed call.
    pub async fn delete(&self, bucket: &str) -> Result<(), CallError> {
        let call = self.client.delete_bucket().bucket(bucket).expected_bucket_owner(&self.owner);
        CallError::exists(call.send().await.map_err(|error| CallError::of("s3:DeleteBucket", error))).map(|_| ())
    }

    /// A page of versions and delete markers; nothing if the bucket does not exist.
    async fn page(&self, bucket: &str, from: &PageStart) -> Result<Option<VersionsPage>, CallError> {
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
        let next = more.then_some(PageStart { key: answer.next_key_marker, version: answer.next_version_id_marker });
        Ok(Some(VersionsPage { found, current, next }))
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
        // The status is 200 even if nothing was deleted.
        let errors = answer.errors.unwrap_or_default();
        let Some(first) = errors.first() else { return Ok(()) };
        let code = first.code.clone().unwrap_or_default();
        let key = first.key.as_deref().unwrap_or_default();
        let why = first.message.as_deref().unwrap_or_default();
        let message = format!("`{key}` in `{bucket}` was not deleted, nor were {} others: {why}", errors.len() - 1);
        Err(match code.as_str() {
            "AccessDenied" => {
                let resource = format!("arn:aws:s3:::{bucket}/{key}");
                CallError::Denied { action: ACTION.into(), resource, message, policy: DEPLOYER }
            }
            _ => refused(code, message),
        })
    }

    async fn abort_uploads(&self, bucket: &str) -> Result<(), CallError> {
        let list = self.client.list_multipart_uploads().bucket(bucket).expected_bucket_owner(&self.owner);
        loop {
            // From the start each time, since the listed ones are aborted.
            let answer = list.clone().send().await;
            let answer = match answer.map_err(|error| CallError::of("s3:ListBucketMultipartUploads", error)) {
                Err(error) if error.is_absent() => return Ok(()),
                answer => answer?,
            };
            let uploads = answer.uploads.unwrap_or_default();
            for upload in &uploads {
                let call = self.client.abort_multipart_upload().bucket(bucket).expected_bucket_owner(&self.owner);
                let call = call.set_key(upload.key.clone()).set_upload_id(upload.upload_id.clone());
                CallError::exists(call.send().await.map_err(|error| CallError::of("s3:AbortMultipartUpload", error)))?;
            }
            if uploads.is_empty() || !answer.is_truncated.unwrap_or_default() {
                return Ok(());
            }
        }
    }
}

/// A page of keys with versions.
struct VersionsPage {
    found: Vec<(String, Option<String>)>,
    current: u64,
    next: Option<PageStart>,
}

/// Where a page starts.
#[derive(Default)]
struct PageStart {
    key: Option<String>,
    version: Option<String>,
}
