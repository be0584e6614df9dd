//! Services in memory, which record published messages and written objects, and provide secrets and state.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::component::services::{
    MessageQueue, ObjectStore, OutboundMessage, PipelineFile, Publisher, Secret, Services, TableStore,
};
use crate::component::state::State;
use crate::component::{Binding, ComponentRole, Instance, Sink};
use crate::function::registry;
use crate::model::error::{Error, ErrorCode};
use crate::model::tree::Tree;
use crate::testing::memory_state::MemoryState;
use async_trait::async_trait;
use serde_json::Value;

/// The contents of the services.
#[derive(Default)]
pub struct MemoryStore {
    /// Published messages, with their queue or topic.
    pub published: Mutex<Vec<(String, OutboundMessage)>>,
    /// Objects by key.
    pub objects: Mutex<BTreeMap<String, Vec<u8>>>,
    /// The state.
    pub state: Arc<MemoryState>,
    /// The value of every secret.
    pub secret: Mutex<String>,
    /// How many calls to publish fail before one succeeds.
    pub publish_failures: Mutex<usize>,
}

/// The services. Clones share one store.
#[derive(Clone, Default)]
pub struct MemoryServices(
    /// Their contents.
    pub Arc<MemoryStore>,
);

impl MemoryServices {
    /// Opens a sink as a function would.
    pub fn open_sink(&self, kind: &str, name: &str, settings: Value) -> Box<dyn Sink> {
        let kind = registry::find(ComponentRole::Sink, kind).expect("a kind");
        let settings = (kind.read)(&Tree::from_json(settings)).expect("settings");
        let binding = Binding {
            name: name.into(),
            store: settings.store(name).map(|_| format!("on {name}")),
            state_table: Some("state".into()),
            pipeline: "fang".into(),
            environment: "dev".into(),
            contact: Some("me@example.com".into()),
            ..Binding::default()
        };
        match settings.open(binding, self).expect("an open sink") {
            Instance::Sink(sink) => sink,
            _ => unreachable!("a sink opens as a sink"),
        }
    }

    /// The published messages, with their queue or topic.
    pub fn published(&self) -> Vec<(String, OutboundMessage)> {
        self.0.published.lock().expect("no panic").clone()
    }
}

/// One service, by its name.
struct MemoryService(Arc<MemoryStore>, String);

#[async_trait]
impl Publisher for MemoryService {
    async fn publish(&self, messages: Vec<OutboundMessage>) -> Result<(), Error> {
        let mut failures = self.0.publish_failures.lock().expect("no panic");
        if *failures > 0 {
            *failures -= 1;
            return Err(Error::transient(ErrorCode::Throttled, "throttled on purpose"));
        }
        let messages = messages.into_iter().map(|message| (self.1.clone(), message));
        self.0.published.lock().expect("no panic").extend(messages);
        Ok(())
    }
}

#[async_trait]
impl ObjectStore for MemoryService {
    async fn put(&self, key: &str, body: Vec<u8>) -> Result<String, Error> {
        self.0.objects.lock().expect("no panic").insert(key.into(), body);
        Ok(format!("{}/{key}", self.1))
    }
}

#[async_trait]
impl Secret for MemoryService {
    async fn read(&self) -> Result<String, Error> {
        Ok(self.0.secret.lock().expect("no panic").clone())
    }
}

impl Services for MemoryServices {
    fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        Ok(Arc::new(MemoryService(Arc::clone(&self.0), name.into())))
    }

    fn table(&self, _: &str) -> Result<Arc<dyn TableStore>, Error> {
        Err(Error::permanent(ErrorCode::NotHere, "there is no table here"))
    }

    fn queue(&self, _: &str) -> Result<Arc<dyn MessageQueue>, Error> {
        Err(Error::permanent(ErrorCode::NotHere, "there is no queue here"))
    }

    fn state(&self, _: &str) -> Result<Arc<dyn State>, Error> {
        let state = Arc::clone(&self.0.state);
        Ok(state)
    }

    fn queue_publisher(&self, queue: &str) -> Result<Arc<dyn Publisher>, Error> {
        Ok(Arc::new(MemoryService(Arc::clone(&self.0), queue.into())))
    }

    fn topic_publisher(&self, arn: &str) -> Result<Arc<dyn Publisher>, Error> {
        Ok(Arc::new(MemoryService(Arc::clone(&self.0), arn.into())))
    }

    fn secret(&self, arn: &str) -> Result<Arc<dyn Secret>, Error> {
        Ok(Arc::new(MemoryService(Arc::clone(&self.0), arn.into())))
    }

    fn file(&self, _: Option<&str>, _: &str) -> Result<Arc<dyn PipelineFile>, Error> {
        Err(Error::permanent(ErrorCode::NotHere, "there is no file here"))
    }

    fn folder(&self, _: &str) -> Result<PathBuf, Error> {
        Err(Error::permanent(ErrorCode::NotHere, "there is no folder here"))
    }
}
