//! A place that remembers in memory, and keeps what is posted, put and read there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fanggen_runtime::component::services::{Bucket, Document, Doors, Outbox, Post, Queue, Rows, Secret};
use fanggen_runtime::component::state::{Before, Begun, Counts, Progress, Reader, Standing, State};
use fanggen_runtime::component::{Binding, Opened, Role, Sink};
use fanggen_runtime::function::registry;
use fanggen_runtime::model::error::Error;
use fanggen_runtime::model::run::{Chunk, RunId};
use fanggen_runtime::model::tree::Tree;
use serde_json::Value;

/// What was left in a place.
#[derive(Default)]
pub struct Kept {
    pub posts: Mutex<Vec<(String, Post)>>,
    pub objects: Mutex<BTreeMap<String, Vec<u8>>>,
    pub values: Mutex<BTreeMap<String, String>>,
    pub jots: Mutex<BTreeMap<(String, String, u64, String), String>>,
    pub secret: Mutex<String>,
    /// How often the state was asked or told something.
    pub calls: Mutex<usize>,
    /// How many posts fail before one is taken.
    pub refusals: Mutex<usize>,
}

/// The doors to it.
#[derive(Clone, Default)]
pub struct Place(pub Arc<Kept>);

impl Place {
    /// Opens a sink here as a function would.
    pub fn sink(&self, kind: &str, name: &str, settings: Value) -> Box<dyn Sink> {
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

    /// What was posted, and where.
    pub fn posts(&self) -> Vec<(String, Post)> {
        self.0.posts.lock().expect("no panic").clone()
    }
}

struct Door(Arc<Kept>, String);

#[async_trait]
impl Outbox for Door {
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
impl Bucket for Door {
    async fn put(&self, key: &str, body: Vec<u8>) -> Result<String, Error> {
        self.0.objects.lock().expect("no panic").insert(key.into(), body);
        Ok(format!("{}/{key}", self.1))
    }
}

#[async_trait]
impl Secret for Door {
    async fn read(&self) -> Result<String, Error> {
        Ok(self.0.secret.lock().expect("no panic").clone())
    }
}

#[async_trait]
impl State for Door {
    async fn begin(&self, _: &RunId, _: &str) -> Result<Begun, Error> {
        unreachable!("sinks begin no run")
    }

    async fn note(&self, _: &RunId, _: &str, _: &Progress, _: Option<u64>) -> Result<(), Error> {
        unreachable!("sinks send no chunks")
    }

    async fn before(&self, _: &Chunk) -> Result<Before, Error> {
        unreachable!("sinks settle no chunks")
    }

    async fn took(&self, _: &Chunk, _: &BTreeSet<String>) -> Result<(), Error> {
        unreachable!("sinks settle no chunks")
    }

    async fn done(&self, _: &Chunk, _: Counts) -> Result<Standing, Error> {
        unreachable!("sinks settle no chunks")
    }

    async fn told(&self, _: &RunId) -> Result<(), Error> {
        unreachable!("sinks end no run")
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
        unreachable!("sinks race with nobody")
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

impl Doors for Place {
    fn bucket(&self, name: &str) -> Result<Arc<dyn Bucket>, Error> {
        Ok(Arc::new(Door(Arc::clone(&self.0), name.into())))
    }

    fn table(&self, _: &str) -> Result<Arc<dyn Rows>, Error> {
        Err(Error::permanent("not_here", "there is no table here"))
    }

    fn queue(&self, _: &str) -> Result<Arc<dyn Queue>, Error> {
        Err(Error::permanent("not_here", "there is no queue here"))
    }

    fn state(&self, name: &str) -> Result<Arc<dyn State>, Error> {
        Ok(Arc::new(Door(Arc::clone(&self.0), name.into())))
    }

    fn outbox(&self, queue: &str) -> Result<Arc<dyn Outbox>, Error> {
        Ok(Arc::new(Door(Arc::clone(&self.0), queue.into())))
    }

    fn topic(&self, arn: &str) -> Result<Arc<dyn Outbox>, Error> {
        Ok(Arc::new(Door(Arc::clone(&self.0), arn.into())))
    }

    fn secret(&self, arn: &str) -> Result<Arc<dyn Secret>, Error> {
        Ok(Arc::new(Door(Arc::clone(&self.0), arn.into())))
    }

    fn file(&self, _: Option<&str>, _: &str) -> Result<Arc<dyn Document>, Error> {
        Err(Error::permanent("not_here", "there is no file here"))
    }

    fn folder(&self, _: &str) -> Result<PathBuf, Error> {
        Err(Error::permanent("not_here", "there is no folder here"))
    }
}
