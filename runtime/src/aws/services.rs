//! Opens AWS services for components. Clients are created on first use.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::batch::BatchTable;
use super::clients::Clients;
use super::comprehend::Comprehend;
use super::s3::{S3Bucket, S3File};
use super::secrets::SecretsManagerSecret;
use super::sns::SnsTopic;
use super::sqs::SqsQueue;
use super::state::DynamodbState;
use super::table::DynamodbTable;
use crate::component::analysis::TextAnalyzer;
use crate::component::meter::Meter;
use crate::component::services::{MessageQueue, ObjectStore, PipelineFile, Publisher, Secret, Services, TableStore};
use crate::component::state::State;
use crate::model::error::{Error, ErrorCode};

/// The services of a function in AWS.
pub struct AwsServices {
    clients: Clients,
}

impl AwsServices {
    /// Services for these environment variables. Nothing is opened or called yet.
    #[must_use]
    pub fn new(variables: BTreeMap<String, String>) -> Self {
        Self { clients: Clients::new(variables, Arc::default()) }
    }

    fn batch_table(&self, table: &str) -> Result<BatchTable, Error> {
        let meter = Arc::clone(self.clients.meter());
        Ok(BatchTable { client: self.clients.dynamodb()?, meter, table: table.to_owned() })
    }

    fn sqs_queue(&self, url: &str) -> Result<Arc<SqsQueue>, Error> {
        Ok(Arc::new(SqsQueue { client: self.clients.sqs()?, url: url.to_owned() }))
    }

    fn s3_bucket(&self, bucket: &str) -> Result<S3Bucket, Error> {
        Ok(S3Bucket { client: self.clients.s3()?, name: bucket.to_owned() })
    }
}

impl Services for AwsServices {
    fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        Ok(Arc::new(self.s3_bucket(name)?))
    }

    fn table(&self, name: &str) -> Result<Arc<dyn TableStore>, Error> {
        Ok(Arc::new(DynamodbTable(self.batch_table(name)?)))
    }

    fn queue(&self, url: &str) -> Result<Arc<dyn MessageQueue>, Error> {
        Ok(self.sqs_queue(url)?)
    }

    fn state(&self, table: &str) -> Result<Arc<dyn State>, Error> {
        Ok(Arc::new(DynamodbState::new(self.batch_table(table)?)))
    }

    fn queue_publisher(&self, url: &str) -> Result<Arc<dyn Publisher>, Error> {
        Ok(self.sqs_queue(url)?)
    }

    fn topic_publisher(&self, arn: &str) -> Result<Arc<dyn Publisher>, Error> {
        Ok(Arc::new(SnsTopic { client: self.clients.sns()?, arn: arn.to_owned() }))
    }

    fn text_analyzer(&self) -> Result<Arc<dyn TextAnalyzer>, Error> {
        Ok(Arc::new(Comprehend { client: self.clients.comprehend()? }))
    }

    fn secret(&self, arn: &str) -> Result<Arc<dyn Secret>, Error> {
        Ok(Arc::new(SecretsManagerSecret { client: self.clients.secrets()?, arn: arn.to_owned() }))
    }

    fn file(&self, store: Option<&str>, path: &str) -> Result<Arc<dyn PipelineFile>, Error> {
        let bucket = store.ok_or_else(|| {
            Error::permanent(ErrorCode::SettingsUnreadable, format!("no bucket is configured for the file `{path}`"))
        })?;
        Ok(Arc::new(S3File { bucket: self.s3_bucket(bucket)?, key: path.to_owned() }))
    }

    fn folder(&self, sink: &str) -> Result<PathBuf, Error> {
        Err(Error::permanent(
            ErrorCode::NoDisk,
            format!("`{sink}` writes local files, which a Lambda function does not keep: use `type = \"s3\"`"),
        ))
    }

    fn meter(&self) -> Arc<Meter> {
        Arc::clone(self.clients.meter())
    }
}
