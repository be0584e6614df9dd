//! The account in which a source's table or file is.

use std::sync::Arc;

use super::super::args::GlobalArgs;
use super::super::aws_session::EnvironmentAccount;
use super::super::error::CommandError;
use super::super::terminal::TerminalUi;
use super::source::{ItemSource, ItemStore};
use crate::deploy::aws::account::CallerIdentity;
use crate::deploy::aws::dynamodb::DynamoDbClient;
use crate::deploy::aws::s3::item_files::ItemFilesClient;
use crate::deploy::error::DeployError;
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

/// The account of a source.
pub struct ItemsAccount<'a> {
    source: &'a ItemSource,
    environment: EnvironmentAccount,
}

impl<'a> ItemsAccount<'a> {
    /// Loads the credentials, without a call.
    pub async fn open(source: &'a ItemSource, global: &GlobalArgs) -> Result<Self, CommandError> {
        let environment = EnvironmentAccount::open(&source.file, &source.environment, global).await?;
        Ok(Self { source, environment })
    }

    /// Raised when the user wants to stop.
    pub const fn interrupt(&self) -> &Interrupt {
        &self.environment.interrupt
    }

    /// A progress bar.
    pub fn ui(&self) -> Arc<TerminalUi> {
        Arc::new(TerminalUi::new(false, false, &self.environment.manifest))
    }

    /// The table of the source. One call, if the file names the account or edits are logged; otherwise none.
    pub async fn table(&self) -> Result<ItemsTable, CommandError> {
        let who = match self.environment.manifest.account.is_some() || log::is_on() {
            true => self.environment.caller().await?.arn,
            false => String::new(),
        };
        let name = match &self.source.store {
            ItemStore::Existing(table) => table.clone(),
            _ => match &self.environment.resource(resources::dynamodb::TABLE.name, &self.source.config.path)?.name {
                Some(serde_json::Value::String(name)) => name.clone(),
                _ => return Err(self.nameless()),
            },
        };
        Ok(ItemsTable {
            client: DynamoDbClient::open(&self.environment.account),
            name,
            key: self.source.key.clone(),
            who,
            environment: self.source.environment.clone(),
        })
    }

    /// The copy of the source's file, and who is calling.
    pub async fn uploaded(&self) -> Result<(UploadedItemsFile, CallerIdentity), CommandError> {
        let caller = self.environment.caller().await?;
        let bucket = self.environment.resource(resources::s3::BUCKET.name, &self.source.config.path)?;
        let bucket = self.environment.manifest.physical(bucket, &caller);
        let (Some(bucket), ItemStore::File(format)) = (bucket, &self.source.store) else { return Err(self.nameless()) };
        let client = ItemFilesClient::open(&self.environment.account, &caller.account);
        Ok((UploadedItemsFile { client, bucket, format: format.clone() }, caller))
    }

    fn nameless(&self) -> CommandError {
        DeployError::Other(format!("the table or bucket of `{}` has no name", self.source.config.path)).into()
    }
}
