//! Pipeline tests: the functions as deployed, with their handlers, queues and retries, on test services and a virtual clock.

mod bench;
mod components;
pub mod coverage;

mod delivery;
mod expectations;
mod faults;
mod items;
pub mod junit;

mod observed;
mod queues;
pub mod record;

mod services;
mod state;
mod tested_sink;
mod tested_source;
mod tested_stage;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fanggen_runtime::model::error::{Error, ErrorCode};
use jiff::Timestamp;

use crate::config::pipeline::{Pipeline, TestConfig};
use crate::config::test_faults::TestFaultKind;
use crate::config::test_sections::TestDays;
use crate::local::{LocalServices, Texts};

use bench::{RunTexts, TestBench};
use delivery::TestFunctions;
pub use expectations::Unmet;
use faults::Faults;
pub use observed::{Observed, Reached};
use services::TestServices;

/// The bytes of a long text: one more than Comprehend takes in a call.
const LONG_TEXT_BYTES: usize = 5_001;

/// The scheduled time of the run of a test in Unix seconds: 2026-01-02T09:00:00Z.
const RUN_TIME: i64 = 1_767_344_400;

/// The scheduled time of a run on an earlier day.
fn run_time(days_before: u64) -> String {
    let seconds = i64::try_from(days_before).unwrap_or(0).saturating_mul(86_400);
    Timestamp::from_second(RUN_TIME.saturating_sub(seconds)).unwrap_or_default().to_string()
}

/// What came of a test.
#[derive(Debug)]
pub struct TestResult {
    /// Its name.
    pub name: String,
    /// The environment that was tested.
    pub environment: String,
    /// How long it took.
    pub took: Duration,
    /// The expectations that were not met.
    pub unmet: Vec<Unmet>,
    /// Why the pipeline could not run.
    pub error: Option<Error>,
    /// What the run did.
    pub observed: Observed,
}

impl TestResult {
    /// Whether everything was as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.unmet.is_empty() && self.error.is_none()
    }
}

/// Runs a test of a pipeline. `root` is the folder of `pipeline.toml`.
#[must_use]
pub fn run(pipeline: &Pipeline, test: &TestConfig, root: &Path) -> TestResult {
    let start = Instant::now();
    // On a clock that jumps to the next event: a backoff of minutes takes no time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let observed = match runtime {
        Ok(runtime) => runtime.block_on(observe(pipeline, test, root)),
        Err(error) => Err(Error::permanent(ErrorCode::WorkerEnded, format!("cannot start the async runtime: {error}"))),
    };
    let (observed, error) = match observed {
        Ok(observed) => (observed, None),
        Err(error) => (Observed::default(), Some(error)),
    };
    let unmet = if error.is_none() { expectations::unmet(test, &observed) } else { Vec::new() };
    TestResult {
        name: test.test.name.to_string(),
        environment: pipeline.environment.clone(),
        took: start.elapsed(),
        unmet,
        error,
        observed,
    }
}

/// Runs the pipeline with the items, texts and faults of a test.
async fn observe(pipeline: &Pipeline, test: &TestConfig, root: &Path) -> Result<Observed, Error> {
    let test = &test.test;
    let has = |kind| test.faults.iter().any(|fault| fault.kind == kind);
    let fetches = pipeline.stages.iter().any(|stage| stage.kind.card.fetches);
    let mut texts = RunTexts::of(test.text.as_deref(), &test.texts);
    if let Some(path) = pipeline.local.texts.as_ref().filter(|_| fetches) {
        texts.local = Some(Arc::new(Texts::read(root, path.as_str())?));
    }
    let here = LocalServices::of(pipeline, root).await;
    let items = match test.items.is_empty() {
        true => None,
        false => Some(items::of_test(pipeline, &test.items, here.as_ref().ok()).await?),
    };
    // Where the test lists the items, the sources need none.
    let here = match here {
        Err(error) if items.is_none() => {
            let words = format!("{}, or list `items` in the test", error.message);
            return Err(Error { message: words, ..error });
        }
        Err(_) => LocalServices::without_items(pipeline, root),
        Ok(here) => here,
    };
    let unwritable = |error| Error::permanent(ErrorCode::FileUnwritable, format!("a temporary folder: {error}"));
    let scratch = tempfile::tempdir().map_err(unwritable)?;
    let before = RunTexts { local: texts.local.clone(), ..RunTexts::of(None, &test.before) };
    let bench = Arc::new(TestBench {
        root: root.to_owned(),
        scratch: scratch.path().to_owned(),
        items,
        fetches,
        text_bytes: has(TestFaultKind::LongText).then_some(LONG_TEXT_BYTES),
        faults: Faults::of(pipeline, &test.faults),
        queues: queues::Queues::default(),
        state: Arc::default(),
        texts: Mutex::default(),
        observed: Mutex::default(),
    });
    let functions =
        TestFunctions::of(pipeline, TestServices { bench: Arc::clone(&bench), component: None, accepted: false }, here);
    // The faults are those of the run that is tested.
    bench.faults.hold(true);
    let days = test.days.map_or(1, TestDays::get);
    if !test.before.is_empty() {
        *bench.texts() = before;
        for day in (0..test.before_days.map_or(1, TestDays::get)).rev() {
            functions.run(&run_time(days + day), &[]).await?;
        }
    }
    *bench.texts() = texts;
    for day in (1..days).rev() {
        functions.run(&run_time(day), &[]).await?;
    }
    bench.faults.hold(false);
    let reached = std::mem::take(&mut *bench.observed()).reached;
    bench.observed().reached = reached;
    functions.run(&run_time(0), &test.faults).await?;
    let observed = bench.observed().clone();
    Ok(observed)
}
