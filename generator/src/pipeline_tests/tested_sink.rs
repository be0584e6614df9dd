//! A sink of a test: the real one, and what its condition selects.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use fanggen_runtime::component::Sink;
use fanggen_runtime::component::state::Counts;
use fanggen_runtime::model::error::Error;
use fanggen_runtime::model::record::Record;
use fanggen_runtime::model::run::{Chunk, RunId};

use super::bench::TestBench;

/// A sink, and what it selects.
pub struct TestedSink {
    pub sink: String,
    pub inner: Box<dyn Sink>,
    /// Gets the records that the condition of the sink selects.
    pub observer: Box<dyn Sink>,
    pub selects: bool,
    /// How many records it selected last.
    pub selected: Arc<AtomicUsize>,
    pub bench: Arc<TestBench>,
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
pub struct DeliveredRecords {
    pub sink: String,
    /// Whether a record that is written again replaces itself.
    pub keyed: bool,
    pub selected: Arc<AtomicUsize>,
    pub bench: Arc<TestBench>,
}

#[async_trait]
impl Sink for DeliveredRecords {
    async fn write(&self, _: &Chunk, records: &[Record]) -> Result<String, Error> {
        self.selected.store(records.len(), Ordering::Relaxed);
        let mut observed = self.bench.observed();
        for identity in records.iter().map(Record::identity) {
            if !self.keyed || observed.stored.insert((self.sink.clone(), identity.clone())) {
                observed.delivered.entry(self.sink.clone()).or_default().push(identity);
            }
        }
        Ok(String::new())
    }
}
