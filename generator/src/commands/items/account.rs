//! The account in which a source's table or file is. Nobody is asked who is calling unless that matters.

use std::sync::Arc;

use super::super::args::GlobalArgs;
use super::super::aws_session::open_account;
use super::super::error::CommandError;
use super::super::rendered::Rendered;
use super::super::stop_signals::interrupt_on_signal;
use super::super::terminal::TerminalUi;
use super::source::{ItemSource, ItemStore};
use crate::deploy::aws::account::{Account, CallerIdentity};
use crate::deploy::aws::dynamodb::DynamoDbClient;
use crate::deploy::aws::s3::item_files::ItemFilesClient;
use crate::deploy::error::DeployError;
use crate::deploy::generated::{Generated, Manifest, ManifestResource};
use crate::deploy::interrupt::Interrupt;
use crate::log;
use crate::operate::items::table::{ItemsTable, TableEditError};
use crate::operate::items::uploaded_file::UploadedItemsFile;
use crate::resources;

impl From<TableEditError> for CommandError {
    fn from(error: TableEditError) -> Self {
        match error {
            TableEditError::Items(error) => error.into(),
            TableEditError::Deploy(error) => error.into(),
        }
    }
}

/// The account, and what was rendered for the environment.
pub struct ItemsAccount<'a> {
    source: &'a ItemSource,
    account: Account,
    manifest: Manifest,
    /// Raised when the user wants to stop.
    pub interrupt: Interrupt,
}

impl<'a> ItemsAccount<'a> {
    /// Loads the credentials, without a call.
    pub async fn open(source: &'a ItemSource, global: &GlobalArgs) -> Result<Self, CommandError> {
        let rendered = Rendered::of(&source.file, global, None)?;
        let text = |name: &str| rendered.text(&source.environment, name);
        let generated = Generated::of(text("plan.json"), String::new())
            .map_err(|error| DeployError::Other(format!("the rendered files cannot be read: {error}")))?;
        let interrupt = interrupt_on_signal();
        let account = open_account(&source.file, &source.environment, &generated.manifest.region).await?;
        Ok(Self { source, account, manifest: generated.manifest, interrupt })
    }

    /// A progress bar.
    pub fn ui(&self) -> Arc<TerminalUi> {
        Arc::new(TerminalUi::new(false, false, &self.manifest))
    }

    /// Asks who is calling, and refuses another account than the file names.
    pub async fn caller(&self) -> Result<CallerIdentity, CommandError> {
        let caller = self.account.identity().await.map_err(DeployError::from)?;
        match &self.manifest.account {
            Some(wanted) if *wanted != caller.account => {
                Err(DeployError::WrongAccount { found: caller.account, wanted: wanted.clone(), caller: caller.arn }
                    .into())
            }
            _ => Ok(caller),
        }
    }

    /// The table of the source. One call, if the file names the account or edits are logged; otherwise none.
    pub async fn table(&self) -> Result<ItemsTable, CommandError> {
        let who = match self.manifest.account.is_some() || log::is_on() {
            true => self.caller().await?.arn,
            false => String::new(),
        };
        let name = match &self.source.store {
            ItemStore::Existing(table) => table.clone(),
            _ => match self.resource(resources::dynamodb::TABLE.name).and_then(|resource| resource.name.as_ref()) {
                Some(serde_json::Value::String(name)) => name.clone(),
                _ => return Err(self.nameless()),
            },
        };
        Ok(ItemsTable {
            client: DynamoDbClient::open(&self.account),
            name,
            key: self.source.key.clone(),
            who,
            environment: self.source.environment.clone(),
        })
    }

    /// The copy of the source's file, and who is calling.
    pub async fn uploaded(&self) -> Result<(UploadedItemsFile, CallerIdentity), CommandError> {
        let caller = self.caller().await?;
        let bucket = self.resource(resources::s3::BUCKET.name);
        let bucket = bucket.and_then(|resource| self.manifest.physical(resource, &caller));
        let (Some(bucket), ItemStore::File(format)) = (bucket, &self.source.store) else { return Err(self.nameless()) };
        let client = ItemFilesClient::open(&self.account, &caller.account);
        Ok((UploadedItemsFile { client, bucket, format: format.clone() }, caller))
    }

    fn resource(&self, kind: &str) -> Option<&ManifestResource> {
        let mut all = self.manifest.resources.values();
        all.find(|resource| resource.kind == kind && resource.path == self.source.config.path)
    }

    fn nameless(&self) -> CommandError {
        DeployError::Other(format!("the plan has no table or bucket of `{}`", self.source.config.path)).into()
    }
}
