//! A stage `comprehend` as a function opens it: the SDK's door, and the stand-in for the service on the wire behind it.
#![allow(clippy::panic, reason = "a test without its harness has nothing to judge")]
#![allow(dead_code, reason = "each test crate uses its own part of the harness")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fanggen_runtime::aws::AwsServices;
use fanggen_runtime::component::analysis::TextAnalyzer;
use fanggen_runtime::component::meter::Meter;
use fanggen_runtime::component::services::{MessageQueue, ObjectStore, PipelineFile, Services, TableStore};
use fanggen_runtime::component::state::{ChunkStatus, Claim, Counts, NoteVisitor, Progress, RunStatus, State};
use fanggen_runtime::component::{Binding, ComponentRole, Instance, RateLimit, Stage};
use fanggen_runtime::function::registry;
use fanggen_runtime::function::{Function, FunctionComponent, FunctionOutput, InputQueue, Trigger};
use fanggen_runtime::model::error::Error;
use fanggen_runtime::model::record::{Finding, Item, Record, Text};
use fanggen_runtime::model::run::{Chunk, MAX_CHUNK_ITEMS, RunId};
use fanggen_runtime::model::tree::Tree;
use serde_json::Value;
use tokio::time::Instant;

use crate::harness::aws::comprehend::Comprehend;

/// The doors of a Lambda whose Comprehend is the stand-in, and whose memory is this process's.
pub struct Place {
    pub cloud: AwsServices,
    pub memory: Arc<Memory>,
}

impl Place {
    pub fn before(comprehend: &Comprehend) -> Self {
        let variables = [
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_ENDPOINT_URL_COMPREHEND", comprehend.endpoint()),
        ];
        let cloud = AwsServices::new(variables.map(|(name, value)| (name.to_owned(), value)).into());
        Self { cloud, memory: Arc::default() }
    }

    /// The stage, as a function opens it.
    pub fn stage(&self, settings: Value, pace: Option<RateLimit>) -> Box<dyn Stage> {
        let part = part(settings, pace);
        let binding = Binding { name: part.name, rate_limit: pace, ..Binding::default() };
        match part.settings.open(binding, self).expect("an open stage") {
            Instance::Stage(stage) => stage,
            _ => panic!("a stage opens as a stage"),
        }
    }
}

fn part(settings: Value, pace: Option<RateLimit>) -> FunctionComponent {
    let kind = registry::find(ComponentRole::Stage, "comprehend").expect("a kind");
    let settings = (kind.read)(&Tree::from_json(settings)).expect("settings");
    FunctionComponent { name: "sentiment".into(), kind, settings, store: None, rate_limit: pace }
}

/// A worker that has this stage alone, and remembers.
pub fn worker(settings: Value) -> Function {
    Function {
        pipeline: "p".into(),
        environment: "e".into(),
        name: "worker".into(),
        contact: None,
        state: Some("p-e-state".into()),
        chunk_items: MAX_CHUNK_ITEMS,
        trigger: Trigger::Queue(InputQueue::default()),
        stages: vec![part(settings, None)],
        output: FunctionOutput::Sinks(Vec::new()),
    }
}

/// A record whose text is in this language.
pub fn record(key: &str, body: &str, language: Option<&str>) -> Record {
    let text = Text { body: body.into(), language: language.map(Into::into), ..Text::default() };
    Record { text: Some(text), ..Record::new("20261122T090000Z", "companies", Item::named(key)) }
}

pub fn found(record: &Record) -> &Finding {
    assert_eq!(record.failure, None, "`{}`", record.item.key);
    record.findings.first().unwrap_or_else(|| panic!("`{}` has no finding", record.item.key))
}

pub fn failed(record: &Record) -> &Error {
    assert!(record.findings.is_empty(), "`{}` has failed and has a finding", record.item.key);
    let failure = record.failure.as_ref().unwrap_or_else(|| panic!("`{}` has not failed", record.item.key));
    assert_eq!(failure.stage, "sentiment");
    &failure.error
}

/// A deadline that no test reaches.
pub fn far() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

impl Services for Place {
    fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        self.cloud.bucket(name)
    }

    fn table(&self, name: &str) -> Result<Arc<dyn TableStore>, Error> {
        self.cloud.table(name)
    }

    fn queue(&self, name: &str) -> Result<Arc<dyn MessageQueue>, Error> {
        self.cloud.queue(name)
    }

    fn state(&self, _: &str) -> Result<Arc<dyn State>, Error> {
        Ok(Arc::clone(&self.memory) as Arc<dyn State>)
    }

    fn text_analyzer(&self) -> Result<Arc<dyn TextAnalyzer>, Error> {
        self.cloud.text_analyzer()
    }

    fn file(&self, store: Option<&str>, path: &str) -> Result<Arc<dyn PipelineFile>, Error> {
        self.cloud.file(store, path)
    }

    fn folder(&self, sink: &str) -> Result<PathBuf, Error> {
        self.cloud.folder(sink)
    }

    fn meter(&self) -> Arc<Meter> {
        self.cloud.meter()
    }
}

/// What functions remember, as long as this process lives; runs are of no concern here.
#[derive(Default)]
pub struct Memory(Mutex<BTreeMap<String, String>>);

#[async_trait]
impl State for Memory {
    async fn claim_run(&self, _: &RunId, _: &str) -> Result<Claim, Error> {
        Ok(Claim::New)
    }

    async fn save_progress(&self, _: &RunId, _: &str, _: &Progress, _: Option<u64>) -> Result<(), Error> {
        Ok(())
    }

    async fn chunk_status(&self, _: &Chunk) -> Result<ChunkStatus, Error> {
        Ok(ChunkStatus::default())
    }

    async fn record_sinks(&self, _: &Chunk, _: &BTreeSet<String>) -> Result<(), Error> {
        Ok(())
    }

    async fn complete_chunk(&self, _: &Chunk, _: &Counts) -> Result<RunStatus, Error> {
        Ok(RunStatus::default())
    }

    async fn record_replay(&self, _: &Chunk, _: &str, _: &str) -> Result<(), Error> {
        Ok(())
    }

    async fn replay_outcome(&self, _: &Chunk, _: &str) -> Result<Option<String>, Error> {
        Ok(None)
    }

    async fn mark_notified(&self, _: &RunId) -> Result<(), Error> {
        Ok(())
    }

    async fn get_cached(&self, keys: &[String]) -> Result<BTreeMap<String, String>, Error> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(keys.iter().filter_map(|key| Some((key.clone(), kept.get(key)?.clone()))).collect())
    }

    async fn put_cached(&self, values: Vec<(String, String)>, _: u64) -> Result<(), Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(values);
        Ok(())
    }

    async fn compare_and_set(&self, _: &str, _: Option<&str>, _: &str, _: u64) -> Result<Option<String>, Error> {
        Ok(None)
    }

    async fn add_note(&self, _: &Chunk, _: &str, _: String) -> Result<(), Error> {
        Ok(())
    }

    async fn for_each_note(&self, _: &RunId, _: &str, _: &mut NoteVisitor<'_>) -> Result<(), Error> {
        Ok(())
    }
}
