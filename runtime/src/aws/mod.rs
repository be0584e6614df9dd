//! The doors of a function in AWS: each is opened when a component asks for it, and no sooner.

mod attributes;
mod batch;
mod call;
mod clients;
mod comprehend;
mod http;
mod pages;
mod retry;
mod s3;
mod secrets;
mod sns;
mod sqs;
mod state;
mod table;
mod throttle;
mod tls_roots;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::component::analysis::TextAnalyzer;
use crate::component::meter::Meter;
use crate::component::services::{MessageQueue, ObjectStore, PipelineFile, Publisher, Secret, Services, TableStore};
use crate::component::state::State;
use crate::model::error::{Error, ErrorCode};
use batch::Batches;
use clients::Clients;
use comprehend::Comprehend;
use s3::{Object, S3};
use secrets::CachedSecret;
use sns::Topic;
use sqs::Sqs;
use state::DynamodbState;
use table::DynamodbTable;

/// The doors of a function in AWS.
pub struct AwsServices {
    clients: Clients,
}

impl AwsServices {
    /// The doors for these variables of the environment; nothing is opened or called yet.
    #[must_use]
    pub fn of(variables: BTreeMap<String, String>) -> Self {
        Self { clients: Clients::of(variables, Arc::default()) }
    }
}

impl AwsServices {
    fn batches(&self, table: &str) -> Result<Batches, Error> {
        let meter = Arc::clone(self.clients.meter());
        Ok(Batches { client: self.clients.dynamodb()?, meter, table: table.to_owned() })
    }

    fn sqs(&self, url: &str) -> Result<Arc<Sqs>, Error> {
        Ok(Arc::new(Sqs { client: self.clients.sqs()?, url: url.to_owned() }))
    }

    fn s3(&self, bucket: &str) -> Result<S3, Error> {
        Ok(S3 { client: self.clients.s3()?, bucket: bucket.to_owned() })
    }
}

impl Services for AwsServices {
    fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        Ok(Arc::new(self.s3(name)?))
    }

    fn table(&self, name: &str) -> Result<Arc<dyn TableStore>, Error> {
        Ok(Arc::new(DynamodbTable(self.batches(name)?)))
    }

    fn queue(&self, url: &str) -> Result<Arc<dyn MessageQueue>, Error> {
        Ok(self.sqs(url)?)
    }

    fn state(&self, table: &str) -> Result<Arc<dyn State>, Error> {
        Ok(Arc::new(DynamodbState::of(self.batches(table)?)))
    }

    fn queue_publisher(&self, url: &str) -> Result<Arc<dyn Publisher>, Error> {
        Ok(self.sqs(url)?)
    }

    fn topic_publisher(&self, arn: &str) -> Result<Arc<dyn Publisher>, Error> {
        Ok(Arc::new(Topic { client: self.clients.sns()?, arn: arn.to_owned() }))
    }

    fn text_analyzer(&self) -> Result<Arc<dyn TextAnalyzer>, Error> {
        Ok(Arc::new(Comprehend { client: self.clients.comprehend()? }))
    }

    fn secret(&self, arn: &str) -> Result<Arc<dyn Secret>, Error> {
        Ok(Arc::new(CachedSecret { client: self.clients.secrets()?, arn: arn.to_owned() }))
    }

    fn file(&self, store: Option<&str>, path: &str) -> Result<Arc<dyn PipelineFile>, Error> {
        let bucket = store.ok_or_else(|| {
            Error::permanent(
                ErrorCode::SettingsUnreadable,
                format!("nothing says which bucket `{path}` was uploaded to"),
            )
        })?;
        Ok(Arc::new(Object { store: self.s3(bucket)?, key: path.to_owned() }))
    }

    fn folder(&self, sink: &str) -> Result<PathBuf, Error> {
        Err(Error::permanent(
            ErrorCode::NoDisk,
            format!("`{sink}` writes files, and a Lambda keeps none: use `type = \"s3\"`"),
        ))
    }

    fn meter(&self) -> Arc<Meter> {
        Arc::clone(self.clients.meter())
    }
}
