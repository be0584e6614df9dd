//! What a deployment stores in the artifact bucket: the runtime, large templates, and which stacks use the bucket.

use std::fs;
use std::path::PathBuf;

use fanggen_runtime::model::hash::sha256_hex;

use super::aws::s3::artifacts::{ArtifactBucket, BucketStatus};
use super::error::DeployError;
use super::generated::Manifest;
use super::stack_state::{ARTIFACT_KEY, StackDescription};
use super::ui::Operator;

/// A runtime on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeZip {
    /// Its zip.
    pub path: PathBuf,
    /// Its key in the artifact bucket, which ends in a hash of its content.
    pub key: String,
}

impl RuntimeZip {
    /// The runtime of a stack, by its architecture and the hash of its zip.
    #[must_use]
    pub fn new(path: PathBuf, stack: &str, architecture: &str, sha256: &str) -> Self {
        Self { path, key: format!("{}{architecture}/{sha256}.zip", runtime_prefix(stack)) }
    }

    /// Uploads it, unless the bucket has it.
    ///
    /// # Errors
    /// A file that cannot be read, and failed calls.
    pub async fn upload(&self, bucket: &ArtifactBucket, operator: Operator<'_>) -> Result<(), DeployError> {
        let disk = |source| DeployError::Disk { path: self.path.display().to_string(), source };
        let bytes = fs::read(&self.path).map_err(disk)?;
        if bucket.holds(&self.key, &bytes).await? {
            return Ok(());
        }
        operator.message(&format!("uploading the functions' binary ({:.1} MB)", bytes.len() as f64 / 1e6));
        Ok(bucket.put(&self.key, bytes).await?)
    }
}

/// The key of the runtime to deploy: the one on this machine, or else the deployed one.
#[must_use]
pub fn runtime_key(
    manifest: &Manifest,
    runtime: Option<&RuntimeZip>,
    found: Option<&StackDescription>,
) -> Option<String> {
    let deployed = || {
        let key = found?.parameters.get(ARTIFACT_KEY)?;
        // A runtime of another architecture does not run.
        key.contains(&format!("/{}/", manifest.architecture)).then(|| key.clone())
    };
    runtime.map(|runtime| runtime.key.clone()).or_else(deployed)
}

/// Whether the stack is up to date, as far as that is known without a change set.
#[must_use]
pub fn is_up_to_date(manifest: &Manifest, runtime: Option<&RuntimeZip>, found: Option<&StackDescription>) -> bool {
    let key = runtime_key(manifest, runtime, found);
    key.is_some() && found.is_some_and(|found| found.is_up_to_date(&manifest.render_sha, key.as_deref()))
}

/// Creates the artifact bucket if it does not exist, and tells whether it was created.
///
/// # Errors
/// See [`super::aws::s3::artifacts::ArtifactBucketError`].
pub async fn ensure_bucket(bucket: &ArtifactBucket, operator: Operator<'_>) -> Result<bool, DeployError> {
    let before = bucket.ensure().await?;
    if before == BucketStatus::Absent {
        operator.message(&format!("created the artifact bucket `{}`", bucket.name));
    }
    Ok(before == BucketStatus::Absent)
}

/// Uploads a template that is too large for a call, and gives its URL.
///
/// # Errors
/// Failed calls.
pub async fn upload_template(
    bucket: &ArtifactBucket,
    stack: &str,
    template: &str,
    operator: Operator<'_>,
) -> Result<String, DeployError> {
    ensure_bucket(bucket, operator).await?;
    let key = format!("{}{}.yaml", templates_prefix(stack), sha256_hex(template));
    if !bucket.holds(&key, template.as_bytes()).await? {
        bucket.put(&key, template.as_bytes().to_vec()).await?;
    }
    Ok(bucket.address(&key))
}

/// What the keys of a stack's runtimes begin with. Each stack has its own, so that whoever deploys one environment cannot
/// replace the code of another.
#[must_use]
pub fn runtime_prefix(stack: &str) -> String {
    format!("runtime/{stack}/")
}

/// What the keys of a stack's templates begin with.
#[must_use]
pub fn templates_prefix(stack: &str) -> String {
    format!("templates/{stack}/")
}

/// The object which says that a stack uses the artifact bucket.
#[must_use]
pub fn usage_key(stack: &str) -> String {
    format!("stacks/{stack}.json")
}

/// The object which holds what was applied last to the items of a stack.
#[must_use]
pub fn items_state_key(stack: &str) -> String {
    format!("state/{stack}.json")
}
