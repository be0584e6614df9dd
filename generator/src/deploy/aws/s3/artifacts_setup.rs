//! Creates and configures the artifact bucket: encrypted, versioned, private, HTTPS only, and tagged as complete at the end.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::types;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::error::operation::BuildError;
use serde_json::json;

use super::artifacts::{
    ArtifactBucket, ArtifactBucketError, CREATE, ENCRYPT, LIFECYCLE, OWNERSHIP, POLICY, PRIVATE, READY, TAG, TAGGING,
    VERSION,
};
use super::busy_bucket::BusyBucket;
use crate::deploy::aws::call_error::CallError;

/// How often, and how far apart, the creation is tried if the name is not free yet: for a minute.
const CREATE_TRIES: u32 = 30;
const CREATE_WAIT: Duration = Duration::from_secs(2);
/// Days for which a replaced version is kept.
const OLD_VERSIONS_DAYS: i32 = 30;
/// Days after which an unfinished multipart upload is aborted.
const UNFINISHED_DAYS: i32 = 7;

impl ArtifactBucket {
    pub(super) async fn create(&self) -> Result<(), ArtifactBucketError> {
        // us-east-1 must not be named.
        let place = (self.region != "us-east-1").then(|| {
            let constraint = types::BucketLocationConstraint::from(self.region.as_str());
            types::CreateBucketConfiguration::builder().location_constraint(constraint).build()
        });
        let call = self
            .client
            .create_bucket()
            .bucket(&self.name)
            .object_ownership(types::ObjectOwnership::BucketOwnerEnforced)
            .set_create_bucket_configuration(place);
        for _ in 0..CREATE_TRIES {
            match call.clone().send().await.map_err(|error| CallError::of(CREATE, error)) {
                Err(error) if error.is("BucketAlreadyOwnedByYou") => return Ok(()),
                Err(error) if error.is("BucketAlreadyExists") => {
                    return Err(ArtifactBucketError::Theirs(self.name.clone()));
                }
                // The bucket was just deleted, or somebody else is creating it.
                Err(error) if error.is("OperationAborted") => tokio::time::sleep(CREATE_WAIT).await,
                other => return Ok(other.map(drop)?),
            }
        }
        Ok(call.send().await.map(drop).map_err(|error| CallError::of(CREATE, error))?)
    }

    pub(super) async fn set_up(&self) -> Result<(), CallError> {
        // Another machine may be configuring it at the same time.
        let client = self.client.config().to_builder().retry_classifier(BusyBucket).build();
        let (client, name, owner) = (&Client::from_conf(client), &self.name, &self.owner);
        let block = types::PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        let call = client.put_public_access_block().bucket(name).expected_bucket_owner(owner);
        done(PRIVATE, call.public_access_block_configuration(block).send().await)?;
        let default = built(
            types::ServerSideEncryptionByDefault::builder().sse_algorithm(types::ServerSideEncryption::Aes256).build(),
        )?;
        let rule = types::ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(default).build();
        let encryption = built(types::ServerSideEncryptionConfiguration::builder().rules(rule).build())?;
        let call = client.put_bucket_encryption().bucket(name).expected_bucket_owner(owner);
        done(ENCRYPT, call.server_side_encryption_configuration(encryption).send().await)?;
        let enabled = types::VersioningConfiguration::builder().status(types::BucketVersioningStatus::Enabled).build();
        let call = client.put_bucket_versioning().bucket(name).expected_bucket_owner(owner);
        done(VERSION, call.versioning_configuration(enabled).send().await)?;
        let call = client.put_bucket_policy().bucket(name).expected_bucket_owner(owner);
        done(POLICY, call.policy(self.tls_only()).send().await)?;
        let call = client.put_bucket_lifecycle_configuration().bucket(name).expected_bucket_owner(owner);
        done(LIFECYCLE, call.lifecycle_configuration(lifecycle()?).send().await)?;
        let rule = built(
            types::OwnershipControlsRule::builder()
                .object_ownership(types::ObjectOwnership::BucketOwnerEnforced)
                .build(),
        )?;
        let controls = built(types::OwnershipControls::builder().rules(rule).build())?;
        let call = client.put_bucket_ownership_controls().bucket(name).expected_bucket_owner(owner);
        done(OWNERSHIP, call.ownership_controls(controls).send().await)?;
        // Last, since the tag means that all of the above is done.
        let tag = built(types::Tag::builder().key(READY.0).value(READY.1).build())?;
        // Other tags stay.
        let others = client.get_bucket_tagging().bucket(name).expected_bucket_owner(owner).send().await;
        let others = match others.map_err(|error| CallError::of(TAGGING, error)) {
            Ok(answer) => answer.tag_set,
            Err(error) if error.is("NoSuchTagSet") || error.is_absent() => Vec::new(),
            Err(error) => return Err(error),
        };
        let others = others.into_iter().filter(|other| other.key != READY.0);
        let tags = types::Tagging::builder().set_tag_set(Some(others.chain([tag]).collect()));
        let tags = built(tags.build())?;
        let call = client.put_bucket_tagging().bucket(name).expected_bucket_owner(owner);
        done(TAG, call.tagging(tags).send().await)
    }

    fn tls_only(&self) -> String {
        let arn = format!("arn:{}:s3:::{}", self.partition, self.name);
        json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, format!("{arn}/*")],
                "Condition": { "Bool": { "aws:SecureTransport": "false" } },
            }],
        })
        .to_string()
    }
}

fn lifecycle() -> Result<types::BucketLifecycleConfiguration, CallError> {
    let rule = types::LifecycleRule::builder()
        .id("old-versions")
        .status(types::ExpirationStatus::Enabled)
        .filter(types::LifecycleRuleFilter::builder().prefix("").build())
        .noncurrent_version_expiration(
            types::NoncurrentVersionExpiration::builder().noncurrent_days(OLD_VERSIONS_DAYS).build(),
        )
        .abort_incomplete_multipart_upload(
            types::AbortIncompleteMultipartUpload::builder().days_after_initiation(UNFINISHED_DAYS).build(),
        )
        .build();
    built(types::BucketLifecycleConfiguration::builder().rules(built(rule)?).build())
}

fn built<T>(result: Result<T, BuildError>) -> Result<T, CallError> {
    result.map_err(|error| CallError::Unreachable { action: CREATE, reason: error.to_string() })
}

fn done<T, E>(action: &'static str, result: Result<T, SdkError<E, HttpResponse>>) -> Result<(), CallError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    result.map(drop).map_err(|error| CallError::of(action, error))
}
