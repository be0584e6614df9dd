//! The services of a test: everything is in memory, and every call can meet a fault.

use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fanggen_runtime::component::ComponentRole;
use fanggen_runtime::component::analysis::{Analysis, AnalysisOutput, TextAnalyzer};
use fanggen_runtime::component::services::{
    MessageQueue, Network, NetworkResponse, ObjectStore, OutboundMessage, PipelineFile, Publisher, ScanPage, Secret,
    Services, TableRow, TableScan, TableStore,
};
use fanggen_runtime::component::state::State;
use fanggen_runtime::model::error::{Error, ErrorCode};

use super::bench::TestBench;
use crate::config::test_faults::TestFaultKind;
use crate::local::LocalItemFile;

/// What ends the name of a dead-letter queue.
pub const DEAD: &str = "-dead";

/// The most bytes of a text that Comprehend takes
/// (<https://docs.aws.amazon.com/comprehend/latest/dg/guidelines-and-limits.html>).
const MAX_TEXT_BYTES: usize = 5_000;

/// The services of one component, or of the functions themselves.
#[derive(Clone)]
pub struct TestServices {
    /// What the components of the test share.
    pub bench: Arc<TestBench>,
    /// The component.
    pub component: Option<String>,
    /// Whether servers accept what it sends, since nothing depends on their answer.
    pub accepted: bool,
}

impl TestServices {
    /// The services of a component.
    pub fn of(&self, component: &str, role: ComponentRole) -> Self {
        Self { component: Some(component.to_owned()), accepted: role == ComponentRole::Sink, ..self.clone() }
    }

    fn store(&self, action: &'static str, name: &str) -> Arc<TestStore> {
        Arc::new(TestStore { services: self.clone(), action, name: name.to_owned() })
    }
}

impl Services for TestServices {
    fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        Ok(self.store("s3:PutObject", name))
    }

    fn table(&self, name: &str) -> Result<Arc<dyn TableStore>, Error> {
        Ok(self.store("dynamodb:BatchWriteItem", name))
    }

    fn queue(&self, name: &str) -> Result<Arc<dyn MessageQueue>, Error> {
        Ok(Arc::new(self.bench.queues.of(name)))
    }

    fn state(&self, _: &str) -> Result<Arc<dyn State>, Error> {
        let state = Arc::clone(&self.bench.state);
        Ok(state)
    }

    fn queue_publisher(&self, url: &str) -> Result<Arc<dyn Publisher>, Error> {
        Ok(self.store("sqs:SendMessage", url))
    }

    fn topic_publisher(&self, arn: &str) -> Result<Arc<dyn Publisher>, Error> {
        Ok(self.store("sns:Publish", arn))
    }

    fn text_analyzer(&self) -> Result<Arc<dyn TextAnalyzer>, Error> {
        Ok(self.store("comprehend:BatchDetectSentiment", "texts"))
    }

    fn secret(&self, arn: &str) -> Result<Arc<dyn Secret>, Error> {
        Ok(self.store("secretsmanager:GetSecretValue", arn))
    }

    fn file(&self, _: Option<&str>, path: &str) -> Result<Arc<dyn PipelineFile>, Error> {
        Ok(Arc::new(LocalItemFile::new(&self.bench.root, path)))
    }

    fn folder(&self, sink: &str) -> Result<PathBuf, Error> {
        Ok(self.bench.folder(sink))
    }

    fn network(&self) -> Option<Arc<dyn Network>> {
        Some(self.store("", "the network"))
    }
}

/// The failure of what only a real service could answer: the component's stand-in answers instead.
fn unanswered(transient: bool) -> Error {
    Error { transient, ..Error::permanent(ErrorCode::NotHere, "a test has no network and no paid service") }
}

/// A store or service that a component calls.
struct TestStore {
    services: TestServices,
    /// The IAM action of its call.
    action: &'static str,
    name: String,
}

impl TestStore {
    async fn call(&self) -> Result<(), Error> {
        let component = self.services.component.as_deref();
        self.services.bench.faults.call_aws(component, &format!("`{}` on `{}`", self.action, self.name)).await
    }

    fn fault(&self, fits: impl Fn(TestFaultKind) -> bool) -> Option<TestFaultKind> {
        self.services.bench.faults.next(self.services.component.as_deref(), fits)
    }
}

#[async_trait]
impl ObjectStore for TestStore {
    async fn put(&self, key: &str, _: Vec<u8>) -> Result<String, Error> {
        self.call().await?;
        Ok(format!("{}/{key}", self.name))
    }
}

#[async_trait]
impl TableStore for TestStore {
    async fn put(&self, _: Vec<TableRow>) -> Result<String, Error> {
        self.call().await?;
        Ok(self.name.clone())
    }

    async fn scan(&self, _: TableScan<'_>) -> Result<ScanPage, Error> {
        let message =
            format!("the items of the table `{}` are not on this machine: list `items` in the test", self.name);
        Err(Error::permanent(ErrorCode::ItemsMissing, message))
    }
}

#[async_trait]
impl Publisher for TestStore {
    async fn publish(&self, messages: Vec<OutboundMessage>) -> Result<(), Error> {
        if self.name.ends_with(DEAD) {
            let reason = |message: &OutboundMessage| {
                let reason = message.attributes.iter().find(|(name, _)| *name == "reason")?;
                Some(ErrorCode::parse(&reason.1))
            };
            self.services.bench.observed().dead_letters.extend(messages.iter().map(reason));
            return Ok(());
        }
        self.call().await
    }
}

#[async_trait]
impl Secret for TestStore {
    async fn read(&self) -> Result<String, Error> {
        self.call().await?;
        // It serves as a key and as the URL of a webhook.
        Ok("https://secret-of-a-test.example.com/".into())
    }
}

#[async_trait]
impl TextAnalyzer for TestStore {
    async fn analyze(
        &self,
        _: Analysis,
        _: Option<&str>,
        texts: &[String],
    ) -> Result<Vec<Result<AnalysisOutput, Error>>, Error> {
        self.call().await?;
        if let Some(text) = texts.iter().find(|text| text.len() > MAX_TEXT_BYTES) {
            let message = format!("a text of {} bytes is too long for Comprehend", text.len());
            return Err(Error::permanent(ErrorCode::TextRefused, message));
        }
        // Transient, so that a stage with several questions reports the fault of one and not the silence on another.
        let mut answers: Vec<_> = texts.iter().map(|_| Err(unanswered(true))).collect();
        if let Some(first) = answers.first_mut()
            && self.fault(|kind| kind == TestFaultKind::BatchErrorList).is_some()
        {
            let message =
                "`comprehend:BatchDetectSentiment` on `a text`: AWS is having problems (HTTP 500, InternalServerError)";
            *first = Err(Error::transient(ErrorCode::AwsUnavailable, message));
        }
        Ok(answers)
    }
}

#[async_trait]
impl Network for TestStore {
    async fn respond(&self, _: &str) -> Result<NetworkResponse, Error> {
        match self.fault(|kind| matches!(kind, TestFaultKind::Http(_) | TestFaultKind::Timeout)) {
            Some(TestFaultKind::Http(status)) => {
                let retry_after = matches!(status, 429 | 503).then_some(RETRY_AFTER);
                Ok(NetworkResponse { status, retry_after })
            }
            Some(_) => pending().await,
            None if self.services.accepted => Ok(NetworkResponse { status: 200, retry_after: None }),
            None => Err(unanswered(false)),
        }
    }
}

/// What a server that has too many requests asks for.
const RETRY_AFTER: Duration = Duration::from_secs(1);
