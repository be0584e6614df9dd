//! The pipeline on this machine: the components that run in AWS, with local services.

mod disk_error;
mod queue;
mod rows_file;
mod services;
mod state_file;
mod substitute;
mod summary;
mod texts;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fanggen_runtime::function::{Delivery, OpenFunction, ProducerOutcome};
use fanggen_runtime::function::{Function, FunctionComponent, FunctionOutput, InputQueue, Trigger};
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::message::Message;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::config::pipeline::{ComponentConfig, Pipeline};
use crate::config::shape;
use crate::results_folder;

use services::LocalServices;
pub use services::{Seeds, seeds};
use substitute::Substitutes;
use summary::SummaryBuilder;
pub use summary::{Notice, ResultRow, RunFailure, Summary};

/// Options of a run on this machine.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The folder of `pipeline.toml`, which its paths are relative to.
    pub root: PathBuf,
    /// Whether to fetch texts even if the pipeline names local ones.
    pub live: bool,
    /// The scheduled time of the run.
    pub time: Timestamp,
}

/// Receives the progress of a run.
pub trait RunProgress: Send + Sync {
    /// The run has this many items, as far as is known.
    fn expected(&self, items: usize);
    /// This many more items are done.
    fn done(&self, items: usize);
}

/// Runs a pipeline once.
///
/// # Errors
/// What keeps the run from starting or from reading its sources to the end. A failed item is part of the summary.
pub async fn run(pipeline: &Pipeline, options: &RunOptions, watch: Arc<dyn RunProgress>) -> Result<Summary, Error> {
    let stand_ins = Substitutes::of(pipeline, options)?;
    let mut here = LocalServices::of(pipeline, &options.root).await?;
    let given = pipeline.sources.iter().map(|source| (source.name.clone(), here.given(source))).collect();
    let functions = functions(pipeline);
    let queues: Vec<_> = functions.iter().map(|function| here.queue_before(&function.name)).collect();
    // Everything is opened before the run is recorded, so that a run that cannot start leaves nothing behind.
    let open = |function: &Function| {
        function.open_substituted(&here, &given, &|part, binding| stand_ins.substitute(part, binding, &here))
    };
    let opened = functions.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let (run, note) = here.begin(options.time)?;

    let tally = SummaryBuilder::new(watch);
    if let Some(items) = here.expected(pipeline) {
        tally.expected(items);
    }
    let mut producer = None;
    let mut workers = tokio::task::JoinSet::new();
    for (running, queue) in opened.into_iter().zip(queues) {
        // The first function has the schedule before it, and nobody sends to its queue.
        if producer.is_none() {
            producer = Some(running);
        } else {
            workers.spawn(work(running, queue, tally.clone()));
        }
    }
    let produced = match producer {
        Some(mut producer) => producer.produce(&run, "local", Delivery::once().deadline).await,
        None => Ok(ProducerOutcome::default()),
    };
    tally.expected(produced.as_ref().map_or(0, |produced| produced.items));
    let mut trouble = produced.as_ref().err().cloned();
    while let Some(ended) = workers.join_next().await {
        let broken = |error| Error::permanent(ErrorCode::WorkerEnded, format!("a worker ended early: {error}"));
        trouble = trouble.or(ended.map_err(broken).and_then(|worked| worked).err());
    }
    let summary = Summary {
        pipeline: pipeline.head.name.to_string(),
        environment: pipeline.environment.clone(),
        run: run.to_string(),
        state: "ended",
        notices: stand_ins.notices(pipeline),
        warnings: here.warnings(),
        chunks: produced.map_or(0, |produced| produced.chunks),
        ..tally.end()
    };
    // The results are recorded even if an error occurred.
    here.end(&note, &summary)?;
    trouble.map_or(Ok(summary), Err)
}

async fn work(
    running: OpenFunction,
    mut messages: mpsc::Receiver<Message>,
    tally: SummaryBuilder,
) -> Result<(), Error> {
    while let Some(message) = messages.recv().await {
        // A function in the middle has forwarded its records and reports none.
        tally.add(running.process(message, Delivery::once()).await);
        // There is one thread: let the producer and the progress bar run between two chunks.
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// The functions that would be deployed, with stores and queues of this machine.
fn functions(pipeline: &Pipeline) -> Vec<Function> {
    let part = |component: &ComponentConfig| FunctionComponent {
        name: component.name.clone(),
        kind: component.kind,
        settings: component.settings.clone(),
        store: Some(component.path.clone()),
        // One worker, which may use the whole share of the environment.
        rate_limit: component.settings.quota().map(|quota| quota.rate_limit(component.options.share.get(), 1)),
    };
    let parts = |components: &[ComponentConfig]| components.iter().map(part).collect();
    let function = |shape: shape::Shape<'_>| Function {
        pipeline: pipeline.head.name.to_string(),
        environment: pipeline.environment.clone(),
        contact: pipeline.head.contact.as_ref().map(ToString::to_string),
        state: None,
        chunk_items: shape.chunk_items,
        trigger: if shape.name == shape::PRODUCER {
            Trigger::Schedule(parts(&pipeline.sources))
        } else {
            Trigger::Queue(InputQueue::default())
        },
        stages: shape.stages.iter().map(|stage| part(stage)).collect(),
        output: shape.next.map_or_else(|| FunctionOutput::Sinks(parts(&pipeline.sinks)), FunctionOutput::Queue),
        name: shape.name,
    };
    shape::shapes(pipeline).into_iter().map(function).collect()
}

/// The folder of a pipeline's local results.
#[must_use]
pub fn results(root: &Path, pipeline: &Pipeline) -> PathBuf {
    root.join(results_folder::NAME).join(pipeline.head.name.as_str()).join(&pipeline.environment)
}
