//! The sinks whose results can be read back: those that keep whole records, and tables with their rows.

use std::path::{Path, PathBuf};

use fanggen_runtime::component::{CatalogFormat, Store};
use fanggen_runtime::model::tree::quoted_list;

use super::args::GlobalArgs;
#[cfg(feature = "aws")]
use super::aws_session::EnvironmentAccount;
use super::error::CommandError;
use super::pipeline_file::LoadedPipeline;
use crate::config::pipeline::{ComponentConfig, Pipeline};
#[cfg(feature = "aws")]
use crate::deploy::aws::{
    account::CallerIdentity, dynamodb::result_rows::ResultRowsClient, s3::result_objects::ResultObjectsClient,
};
use crate::local;
#[cfg(feature = "aws")]
use crate::resources;
use crate::results::archive::{RecordVisitor, ResultArchive, ResultsError, read_records};
use crate::results::filter::RecordFilter;
use crate::results::local_archive::LocalArchive;
use crate::results::row_table::{RowTable, RowsFileTable, read_rows};
#[cfg(feature = "aws")]
use crate::results::{dynamodb_rows::DynamodbRows, s3_archive::S3Archive};

/// A sink whose results can be read back.
pub struct ArchiveSink<'a> {
    pub config: &'a ComponentConfig,
    kept: KeptResults,
}

/// How a sink keeps its results.
enum KeptResults {
    /// Whole records in objects below a prefix, or in files of this machine.
    Records { prefix: String, suffix: String, in_account: bool },
    /// Rows of a table, without the bodies of the texts.
    Rows,
}

/// Where the results of a sink are read.
pub enum OpenArchive {
    Records(Box<dyn ResultArchive>),
    Rows(Box<dyn RowTable>),
}

impl OpenArchive {
    /// Reads the records, those of the newest run first, and gives what passes the filter to the visitor.
    ///
    /// # Errors
    /// An archive that cannot be read, and those of the visitor.
    pub async fn read(&self, filter: &RecordFilter, visitor: &mut dyn RecordVisitor) -> Result<(), ResultsError> {
        match self {
            Self::Records(archive) => read_records(&**archive, filter, visitor).await,
            Self::Rows(table) => read_rows(&**table, filter, visitor).await,
        }
    }
}

impl<'a> ArchiveSink<'a> {
    /// The sinks of a pipeline that can be read, those with whole records first.
    pub fn all(pipeline: &'a Pipeline) -> Vec<Self> {
        let mut all: Vec<Self> = pipeline.sinks.iter().filter_map(Self::of).collect();
        all.sort_by_key(|sink| matches!(sink.kept, KeptResults::Rows));
        all
    }

    /// The one of these sinks of a pipeline that has this name. `what` is what they keep.
    ///
    /// # Errors
    /// A name that none of them has, with theirs.
    pub fn named(name: &str, mut sinks: Vec<Self>, pipeline: &Pipeline, what: &str) -> Result<Self, CommandError> {
        if let Some(index) = sinks.iter().position(|sink| sink.config.name == name) {
            return Ok(sinks.swap_remove(index));
        }
        let exists = pipeline.sinks.iter().any(|sink| sink.name == name);
        let problem = if exists { format!("keeps no {what}") } else { "is not a sink of this pipeline".to_owned() };
        let names: Vec<&str> = sinks.iter().map(|sink| sink.config.name.as_str()).collect();
        Err(CommandError::Results(match names.is_empty() {
            true => format!("`{name}` {problem}; no sink keeps any"),
            false => format!("`{name}` {problem}; these keep {what}: {}", quoted_list(&names)),
        }))
    }

    fn of(config: &'a ComponentConfig) -> Option<Self> {
        let kept = match config.settings.store(&config.name) {
            Some(Store::Bucket { catalog: Some(catalog), .. }) if catalog.format == CatalogFormat::JsonLines => {
                KeptResults::Records { prefix: catalog.prefix, suffix: catalog.suffix, in_account: true }
            }
            Some(Store::Table { .. }) => KeptResults::Rows,
            None if config.kind.card.keeps_records => {
                KeptResults::Records { prefix: String::new(), suffix: ".jsonl".to_owned(), in_account: false }
            }
            _ => return None,
        };
        Some(Self { config, kept })
    }

    /// How the keys of its whole records end today; nothing for rows, which have no texts.
    pub fn suffix(&self) -> Option<&str> {
        match &self.kept {
            KeptResults::Records { suffix, .. } => Some(suffix),
            KeptResults::Rows => None,
        }
    }

    /// Whether the account has its results too.
    pub const fn is_in_account(&self) -> bool {
        !matches!(self.kept, KeptResults::Records { in_account: false, .. })
    }

    fn local_path(&self, file: &LoadedPipeline, pipeline: &Pipeline) -> PathBuf {
        let folder = local::results(&file.root, pipeline).join(&self.config.name);
        match &self.kept {
            KeptResults::Records { prefix, .. } => folder.join(prefix),
            KeptResults::Rows => folder.join(local::ROWS_FILE),
        }
    }

    /// Whether this machine has any of its results.
    pub fn exists_locally(&self, file: &LoadedPipeline, pipeline: &Pipeline) -> bool {
        Path::exists(&self.local_path(file, pipeline))
    }

    /// How many chunks of whole records this machine has of it.
    pub fn local_chunks(&self, file: &LoadedPipeline, pipeline: &Pipeline) -> usize {
        let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries(&self.local_path(file, pipeline)).map(|day| entries(&day.path()).count()).sum()
    }

    /// Its results on this machine.
    pub fn on_this_machine(&self, file: &LoadedPipeline, pipeline: &Pipeline) -> OpenArchive {
        let path = self.local_path(file, pipeline);
        match &self.kept {
            KeptResults::Records { .. } => OpenArchive::Records(Box::new(LocalArchive { folder: path })),
            KeptResults::Rows => OpenArchive::Rows(Box::new(RowsFileTable { path })),
        }
    }
}

/// Its results in the account, for a command.
///
/// # Errors
/// An account that cannot be reached, or a sink that keeps nothing there.
#[cfg(feature = "aws")]
pub async fn account_archive(
    _command: &str,
    file: &LoadedPipeline,
    environment: &str,
    sink: &ArchiveSink<'_>,
    global: &GlobalArgs,
) -> Result<OpenArchive, CommandError> {
    let name = &sink.config.name;
    if !sink.is_in_account() {
        return Err(CommandError::Results(format!(
            "`{name}` keeps its records on this machine only, not in the account"
        )));
    }
    let account = EnvironmentAccount::open(file, environment, global).await?;
    let caller = account.caller().await?;
    archive_of(&account, &caller, environment, sink)
}

/// Its results in an account that is open, without a call.
///
/// # Errors
/// A plan without the bucket or table, which is a bug.
#[cfg(feature = "aws")]
pub fn archive_of(
    account: &EnvironmentAccount,
    caller: &CallerIdentity,
    environment: &str,
    sink: &ArchiveSink<'_>,
) -> Result<OpenArchive, CommandError> {
    let environment = environment.to_owned();
    let named = |kind: &str| {
        let resource = account.resource(kind, &sink.config.path)?;
        let name = account.manifest.physical(resource, caller);
        name.ok_or_else(|| CommandError::Results(format!("the store of `{}` has no name", sink.config.name)))
    };
    Ok(match &sink.kept {
        KeptResults::Records { prefix, .. } => {
            let bucket = named(resources::s3::BUCKET.name)?;
            let client = ResultObjectsClient::open(&account.account, &caller.account);
            OpenArchive::Records(Box::new(S3Archive { client, bucket, prefix: prefix.clone(), environment }))
        }
        KeptResults::Rows => {
            let table = named(resources::dynamodb::TABLE.name)?;
            let client = ResultRowsClient::open(&account.account, table.clone());
            OpenArchive::Rows(Box::new(DynamodbRows { client, table, environment }))
        }
    })
}

#[cfg(not(feature = "aws"))]
pub async fn account_archive(
    command: &str,
    _: &LoadedPipeline,
    _: &str,
    sink: &ArchiveSink<'_>,
    _: &GlobalArgs,
) -> Result<OpenArchive, CommandError> {
    let _ = sink.is_in_account();
    Err(CommandError::NeedsAws(format!("{command} --from account")))
}
