//! Services in memory: they record what is posted and put, and serve secrets and state.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::component::services::{Bucket, Document, Doors, Outbox, Post, Queue, Rows, Secret};
use crate::component::state::{Before, Begun, Counts, Progress, Reader, Standing, State};
use crate::component::{Binding, Opened, Role, Sink};
use crate::function::registry;
use crate::model::error::Error;
use crate::model::run::{Chunk, RunId};
use crate::model::tree::Tree;
use async_trait::async_trait;
use serde_json::Value;

/// What the services received and hold.
#[derive(Default)]
pub struct MemoryStore {
    /// Posted messages, with their queue or topic.
    pub posts: Mutex<Vec<(String, Post)>>,
    /// Objects by key.
    pub objects: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Values of the state by key.
    pub values: Mutex<BTreeMap<String, String>>,
    /// Notes by run, sink, chunk number and chunk id.
    pub jots: Mutex<BTreeMap<(String, String, u64, String), String>>,
    /// What every secret contains.
    pub secret: Mutex<String>,
    /// How many calls the state received.
    pub calls: Mutex<usize>,
    /// How many posts fail before one succeeds.
    pub refusals: Mutex<usize>,
}

/// The services. Clones share one store.
#[derive(Clone, Default)]
pub struct MemoryServices(
    /// What they received and hold.
    pub Arc<MemoryStore>,
);

impl MemoryServices {
    /// Opens a sink as a function would.
    pub fn open_sink(&self, kind: &str, name: &str, settings: Value) -> Box<dyn Sink> {
        let kind = registry::find(Role::Sink, kind).expect("a kind");
        let settings = (kind.read)(&Tree::from_json(settings)).expect("settings");
        let binding = Binding {
            name: name.into(),
            on: settings.store(name).map(|_| format!("on {name}")),
            state: Some("state".into()),
            pipeline: "fang".into(),
            environment: "dev".into(),
            contact: Some("me@example.com".into()),
            ..Binding::default()
        };
        match settings.open(binding, self).expect("an open sink") {
            Opened::Sink(sink) => sink,
            _ => unreachable!("a sink opens as a sink"),
        }
    }

    /// The posted messages, with their queue or topic.
    pub fn posts(&self) -> Vec<(String, Post)> {
        self.0.posts.lock().expect("no panic").clone()
    }
}

struct MemoryService(Arc<MemoryStore>, String);

#[async_trait]
impl Outbox for MemoryService {
    async fn post(&self, posts: Vec<Post>) -> Result<(), Error> {
        let mut refusals = self.0.refusals.lock().expect("no panic");
        if *refusals > 0 {
            *refusals -= 1;
            return Err(Error::transient("throttled", "later"));
        }
        let posts = posts.into_iter().map(|post| (self.1.clone(), post));
        self.0.posts.lock().expect("no panic").extend(posts);
        Ok(())
    }
}

#[async_trait]
impl Bucket for MemoryService {
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

#[async_trait]
impl State for MemoryService {
    async fn begin(&self, _: &RunId, _: &str) -> Result<Begun, Error> {
        unreachable!("sinks do not begin runs")
    }

    async fn note(&self, _: &RunId, _: &str, _: &Progress, _: Option<u64>) -> Result<(), Error> {
        unreachable!("sinks do not send chunks")
    }

    async fn before(&self, _: &Chunk) -> Result<Before, Error> {
        unreachable!("sinks do not finish chunks")
    }

    async fn took(&self, _: &Chunk, _: &BTreeSet<String>) -> Result<(), Error> {
        unreachable!("sinks do not finish chunks")
    }

    async fn done(&self, _: &Chunk, _: Counts) -> Result<Standing, Error> {
        unreachable!("sinks do not finish chunks")
    }

    async fn told(&self, _: &RunId) -> Result<(), Error> {
        unreachable!("sinks do not end runs")
    }

    async fn recall(&self, keys: &[String]) -> Result<BTreeMap<String, String>, Error> {
        *self.0.calls.lock().expect("no panic") += 1;
        let values = self.0.values.lock().expect("no panic");
        Ok(keys.iter().filter_map(|key| Some((key.clone(), values.get(key)?.clone()))).collect())
    }

    async fn remember(&self, values: Vec<(String, String)>, _: u64) -> Result<(), Error> {
        *self.0.calls.lock().expect("no panic") += 1;
        self.0.values.lock().expect("no panic").extend(values);
        Ok(())
    }

    async fn exchange(&self, _: &str, _: Option<&str>, _: &str, _: u64) -> Result<Option<String>, Error> {
        unreachable!("sinks do not race")
    }

    async fn jot(&self, chunk: &Chunk, sink: &str, note: String) -> Result<(), Error> {
        *self.0.calls.lock().expect("no panic") += 1;
        let key = (chunk.run.to_string(), sink.to_owned(), chunk.number, chunk.id.clone());
        self.0.jots.lock().expect("no panic").insert(key, note);
        Ok(())
    }

    async fn jotted(&self, run: &RunId, sink: &str, each: &mut Reader<'_>) -> Result<(), Error> {
        let jots = self.0.jots.lock().expect("no panic");
        let mut of_run = jots.iter().filter(|((of, by, ..), _)| of == run.as_str() && by == sink);
        of_run.try_for_each(|(_, note)| each(note.clone()))
    }
}

impl Doors for MemoryServices {
    fn bucket(&self, name: &str) -> Result<Arc<dyn Bucket>, Error> {
        Ok(Arc::new(MemoryService(Arc::clone(&self.0), name.into())))
    }

    fn table(&self, _: &str) -> Result<Arc<dyn Rows>, Error> {
        Err(Error::permanent("not_here", "there is no table here"))
    }

    fn queue(&self, _: &str) -> Result<Arc<dyn Queue>, Error> {
        Err(Error::permanent("not_here", "there is no queue here"))
    }

    fn state(&self, name: &str) -> Result<Arc<dyn State>, Error> {
        Ok(Arc::new(MemoryService(Arc::clone(&self.0), name.into())))
    }

    fn outbox(&self, queue: &str) -> Result<Arc<dyn Outbox>, Error> {
        Ok(Arc::new(MemoryService(Arc::clone(&self.0), queue.into())))
    }

    fn topic(&self, arn: &str) -> Result<Arc<dyn Outbox>, Error> {
        Ok(Arc::new(MemoryService(Arc::clone(&self.0), arn.into())))
    }

    fn secret(&self, arn: &str) -> Result<Arc<dyn Secret>, Error> {
        Ok(Arc::new(MemoryService(Arc::clone(&self.0), arn.into())))
    }

    fn file(&self, _: Option<&str>, _: &str) -> Result<Arc<dyn Document>, Error> {
        Err(Error::permanent("not_here", "there is no file here"))
    }

    fn folder(&self, _: &str) -> Result<PathBuf, Error> {
        Err(Error::permanent("not_here", "there is no folder here"))
    }
}
