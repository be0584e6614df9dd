//! The sinks whose results can be read back: those that keep whole records.

use fanggen_runtime::component::{CatalogFormat, Store};

use super::args::GlobalArgs;
#[cfg(feature = "aws")]
use super::aws_session::EnvironmentAccount;
use super::error::CommandError;
use super::pipeline_file::LoadedPipeline;
use crate::config::pipeline::ComponentConfig;
#[cfg(feature = "aws")]
use crate::deploy::aws::{account::CallerIdentity, s3::result_objects::ResultObjectsClient};
#[cfg(feature = "aws")]
use crate::resources;
use crate::results::archive::ResultArchive;
#[cfg(feature = "aws")]
use crate::results::s3_archive::S3Archive;

/// A sink that keeps whole records.
pub struct ArchiveSink<'a> {
    pub config: &'a ComponentConfig,
    /// The first part of its keys; empty if it writes its files side by side.
    pub prefix: String,
    /// Whether the account has it too.
    pub in_account: bool,
}

impl<'a> ArchiveSink<'a> {
    /// The sink; nothing if it does not keep whole records.
    pub fn of(config: &'a ComponentConfig) -> Option<Self> {
        match config.settings.store(&config.name) {
            Some(Store::Bucket { catalog: Some(catalog), .. }) if catalog.format == CatalogFormat::JsonLines => {
                Some(Self { config, prefix: catalog.prefix, in_account: true })
            }
            None if config.kind.card.keeps_records => Some(Self { config, prefix: String::new(), in_account: false }),
            _ => None,
        }
    }
}

/// Its archive in the account.
///
/// # Errors
/// An account that cannot be reached, or a sink that keeps nothing there.
#[cfg(feature = "aws")]
pub async fn account_archive(
    file: &LoadedPipeline,
    environment: &str,
    sink: &ArchiveSink<'_>,
    global: &GlobalArgs,
) -> Result<Box<dyn ResultArchive>, CommandError> {
    let name = &sink.config.name;
    if !sink.in_account {
        return Err(CommandError::Results(format!("`{name}` keeps its records on this machine only, which has none")));
    }
    let account = EnvironmentAccount::open(file, environment, global).await?;
    let caller = account.caller().await?;
    archive_of(&account, &caller, environment, sink)
}

/// Its archive in an account that is open, without a call.
///
/// # Errors
/// A plan without the bucket, which is a bug.
#[cfg(feature = "aws")]
pub fn archive_of(
    account: &EnvironmentAccount,
    caller: &CallerIdentity,
    environment: &str,
    sink: &ArchiveSink<'_>,
) -> Result<Box<dyn ResultArchive>, CommandError> {
    let name = &sink.config.name;
    let bucket = account.resource(resources::s3::BUCKET.name, &sink.config.path)?;
    let bucket = account.manifest.physical(bucket, caller);
    let bucket = bucket.ok_or_else(|| CommandError::Results(format!("the bucket of `{name}` has no name")))?;
    let client = ResultObjectsClient::open(&account.account, &caller.account);
    Ok(Box::new(S3Archive { client, bucket, prefix: sink.prefix.clone(), environment: environment.to_owned() }))
}

#[cfg(not(feature = "aws"))]
pub async fn account_archive(
    _: &LoadedPipeline,
    _: &str,
    sink: &ArchiveSink<'_>,
    _: &GlobalArgs,
) -> Result<Box<dyn ResultArchive>, CommandError> {
    let _ = sink.in_account;
    Err(CommandError::NeedsAws("results".to_owned()))
}
