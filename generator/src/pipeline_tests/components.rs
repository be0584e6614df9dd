//! The real components of a pipeline, each with test services around it and observed from outside.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fanggen_runtime::component::services::Services;
use fanggen_runtime::component::state::Counts;
use fanggen_runtime::component::{
    Binding, Component, ComponentClone, ComponentRole, Instance, Sink, Source, SourceItem, Stage, Store,
};
use fanggen_runtime::function::FunctionComponent;
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::record::{Identity, Item, Record};
use fanggen_runtime::model::run::{Chunk, RunId};
use fanggen_runtime::sinks;
use tokio::time::Instant;

use super::bench::TestBench;
use super::services::TestServices;
use crate::local::{LocalServices, Substitutes};

/// The settings of a component in a test.
#[derive(Clone)]
pub struct TestedComponent {
    /// The component in its function.
    pub part: FunctionComponent,
    /// The services.
    pub services: TestServices,
    /// The services that read the sources of the file.
    pub here: Arc<LocalServices>,
    /// The items of a source that travel in the schedule's input.
    pub given: Vec<Item>,
}

impl fmt::Debug for TestedComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.part.fmt(f)
    }
}

impl ComponentClone for TestedComponent {
    fn json(&self) -> serde_json::Value {
        self.part.settings.json()
    }

    fn boxed(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

impl Component for TestedComponent {
    fn open(&self, binding: Binding, _: &dyn Services) -> Result<Instance, Error> {
        let card = self.part.kind.card;
        let services = self.services.of(&self.part.name, card.role);
        let bench = Arc::clone(&services.bench);
        if card.role == ComponentRole::Source {
            let inner = match &bench.items {
                Some(items) => {
                    let listed: VecDeque<Item> = items.get(&self.part.name).into_iter().flatten().cloned().collect();
                    Box::new(ListedItems { listed, read: 0 }) as Box<dyn Source>
                }
                None => {
                    let binding = Binding { items: self.given.clone(), ..binding };
                    source(self.part.settings.open(binding, self.here.as_ref())?)?
                }
            };
            return Ok(Instance::Source(Box::new(TestedSource { inner, bench })));
        }
        match self.part.settings.open(binding.clone(), &services)? {
            Instance::Stage(inner) => {
                let substitute = Substitutes::offline().substitute(&self.part, &binding, &services);
                let stand_in = match substitute.transpose()? {
                    Some(Instance::Stage(stage)) => Some(stage),
                    _ => None,
                };
                let language = self.part.settings.default_language().map(str::to_owned);
                let fetches = card.fetches.then_some(language);
                let selects = self.part.settings.condition().is_some();
                Ok(Instance::Stage(Box::new(TestedStage { inner, stand_in, fetches, selects, bench })))
            }
            Instance::Sink(inner) => {
                let when = self.part.settings.condition();
                let selected = Arc::<AtomicUsize>::default();
                let observer = Box::new(DeliveredRecords {
                    sink: self.part.name.clone(),
                    keyed: matches!(
                        self.part.settings.store(&self.part.name),
                        Some(Store::Bucket { .. } | Store::Table { .. } | Store::Existing(_))
                    ),
                    selected: Arc::clone(&selected),
                    bench: Arc::clone(&bench),
                });
                let observer = sinks::select(
                    observer,
                    when,
                    &Binding { name: format!("{}+", binding.name), ..binding },
                    &services,
                )?;
                let sink = self.part.name.clone();
                Ok(Instance::Sink(Box::new(TestedSink {
                    sink,
                    inner,
                    observer,
                    selects: when.is_some(),
                    selected,
                    bench,
                })))
            }
            source @ Instance::Source(_) => Ok(source),
        }
    }
}

fn source(instance: Instance) -> Result<Box<dyn Source>, Error> {
    match instance {
        Instance::Source(source) => Ok(source),
        _ => Err(Error::permanent(ErrorCode::CardWrong, "a source opens as something else")),
    }
}

/// The items that a test lists.
struct ListedItems {
    listed: VecDeque<Item>,
    read: usize,
}

#[async_trait]
impl Source for ListedItems {
    async fn next(&mut self) -> Result<Option<SourceItem>, Error> {
        self.read += 1;
        Ok(self.listed.pop_front().map(|item| (item, None)))
    }

    fn cursor(&self) -> String {
        self.read.to_string()
    }

    fn resume(&mut self, _: &str) -> Result<(), Error> {
        Ok(())
    }
}

/// A source whose items have the texts of the test.
struct TestedSource {
    inner: Box<dyn Source>,
    bench: Arc<TestBench>,
}

#[async_trait]
impl Source for TestedSource {
    async fn next(&mut self) -> Result<Option<SourceItem>, Error> {
        let next = self.inner.next().await?;
        Ok(next.map(|(item, error)| (self.bench.sourced(item), error)))
    }

    fn cursor(&self) -> String {
        self.inner.cursor()
    }

    fn resume(&mut self, cursor: &str) -> Result<(), Error> {
        self.inner.resume(cursor)
    }
}

/// A stage. What it asks of the network or of a paid service is answered by the test's texts or by the embedded stage.
struct TestedStage {
    inner: Box<dyn Stage>,
    /// The embedded stage that answers for a paid service.
    stand_in: Option<Box<dyn Stage>>,
    /// Whether it fetches, and the language of texts without one.
    fetches: Option<Option<String>>,
    /// Whether it has a condition.
    selects: bool,
    bench: Arc<TestBench>,
}

impl TestedStage {
    /// The records whose call nothing answered, as they were before, and the others.
    fn split(&self, given: &[Record], returned: Vec<Record>) -> (Vec<Record>, Vec<Record>) {
        let unanswered = |record: &Record| {
            let failure = record.failure.as_ref()?;
            (failure.stage == self.inner.name() && failure.error.code == ErrorCode::NotHere).then_some(())
        };
        let (open, mut done): (Vec<_>, Vec<_>) = returned.into_iter().partition(|record| unanswered(record).is_some());
        let open: HashSet<Identity> = open.iter().map(Record::identity).collect();
        let open = given.iter().filter(|record| open.contains(&record.identity())).cloned().collect();
        done.retain(|record: &Record| unanswered(record).is_none());
        (open, done)
    }

    async fn stand_in(&self, open: Vec<Record>, deadline: Instant) -> Vec<Record> {
        if let Some(language) = &self.fetches {
            let fetched = |record| self.bench.fetched(self.inner.name(), language.as_deref(), record);
            return open.into_iter().flat_map(fetched).collect();
        }
        match &self.stand_in {
            Some(stage) if !open.is_empty() => stage.apply(open, deadline).await,
            _ => open,
        }
    }

    fn observe(&self, given: &[Identity], returned: &[Record]) {
        let name = self.inner.name();
        let mut observed = self.bench.observed();
        observed.reached.stages.insert(name.to_owned());
        let kept: HashSet<Identity> = returned.iter().map(Record::identity).collect();
        // A record that others were made of has not been dropped.
        let made: HashSet<(&str, &str)> = (kept.iter().filter(|identity| !given.contains(identity)))
            .map(|identity| (identity.source.as_str(), identity.item.as_str()))
            .collect();
        for identity in given.iter().filter(|identity| !kept.contains(identity)) {
            if !made.contains(&(identity.source.as_str(), identity.item.as_str())) {
                observed.dropped.insert(identity.clone(), name.to_owned());
                if self.selects {
                    observed.reached.conditions.insert((name.to_owned(), false));
                }
            }
        }
        for record in returned {
            match &record.failure {
                Some(failure) => drop(observed.reached.failures.insert((failure.stage.clone(), failure.error.code))),
                None if self.selects => drop(observed.reached.conditions.insert((name.to_owned(), true))),
                None => {}
            }
        }
    }
}

#[async_trait]
impl Stage for TestedStage {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn apply(&self, records: Vec<Record>, deadline: Instant) -> Vec<Record> {
        let given: Vec<Identity> = records.iter().map(Record::identity).collect();
        let returned = self.inner.apply(records.clone(), deadline).await;
        let (open, mut returned) = self.split(&records, returned);
        returned.extend(self.stand_in(open, deadline).await);
        self.observe(&given, &returned);
        returned
    }

    fn max_wait(&self) -> Option<Duration> {
        self.inner.max_wait()
    }

    async fn committed(&self, run: &RunId, created: &[Identity]) -> Result<(), Error> {
        self.inner.committed(run, created).await
    }

    fn cache_key(&self) -> Option<String> {
        self.inner.cache_key()
    }
}

/// A sink, and what it selects.
struct TestedSink {
    sink: String,
    inner: Box<dyn Sink>,
    /// Gets the records that the condition of the sink selects.
    observer: Box<dyn Sink>,
    selects: bool,
    /// How many records it selected last.
    selected: Arc<AtomicUsize>,
    bench: Arc<TestBench>,
}

#[async_trait]
impl Sink for TestedSink {
    async fn write(&self, chunk: &Chunk, records: &[Record]) -> Result<String, Error> {
        let all = records.iter().map(|record| (record.identity(), record.clone()));
        self.bench.observed().records.extend(all);
        let location = self.inner.write(chunk, records).await?;
        self.selected.store(0, Ordering::Relaxed);
        self.observer.write(chunk, records).await?;
        let selected = self.selected.load(Ordering::Relaxed);
        if self.selects {
            let said = [(true, selected > 0), (false, selected < records.len())];
            let said = said.into_iter().filter(|(_, happened)| *happened).map(|(said, _)| (self.sink.clone(), said));
            self.bench.observed().reached.conditions.extend(said);
        }
        Ok(location)
    }

    async fn complete(&self, run: &RunId, counts: &Counts) -> Result<bool, Error> {
        self.inner.complete(run, counts).await
    }
}

/// Notes the records that a sink selected.
struct DeliveredRecords {
    sink: String,
    /// Whether a record that is written again replaces itself.
    keyed: bool,
    selected: Arc<AtomicUsize>,
    bench: Arc<TestBench>,
}

#[async_trait]
impl Sink for DeliveredRecords {
    async fn write(&self, _: &Chunk, records: &[Record]) -> Result<String, Error> {
        self.selected.store(records.len(), Ordering::Relaxed);
        let mut observed = self.bench.observed();
        let delivered = observed.delivered.entry(self.sink.clone()).or_default();
        for identity in records.iter().map(Record::identity) {
            if !self.keyed || !delivered.contains(&identity) {
                delivered.push(identity);
            }
        }
        Ok(String::new())
    }
}
