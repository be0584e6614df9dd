//! A stage of a test: the real one, with an answer for what it asks, and observed from outside.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fanggen_runtime::component::Stage;
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::record::{Identity, Record};
use fanggen_runtime::model::run::RunId;
use tokio::time::Instant;

use super::bench::TestBench;

/// A stage. What it asks of the network or of a paid service is answered by the test's texts or by the embedded stage.
pub struct TestedStage {
    pub inner: Box<dyn Stage>,
    /// The embedded stage that answers for a paid service.
    pub stand_in: Option<Box<dyn Stage>>,
    /// Whether it fetches, and the language of texts without one.
    pub fetches: Option<Option<String>>,
    /// Whether it has a condition.
    pub selects: bool,
    pub bench: Arc<TestBench>,
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
