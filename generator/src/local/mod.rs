//! The pipeline on this machine: the components that run in AWS, with local services.

mod disk_error;
mod inputs;
mod item_file;
mod journal;
mod past_runs;
mod queue;
mod replaced_rows;
mod replay;
mod resumed;
mod rows_file;
mod runs;
mod services;
mod state_file;
mod substitute;
mod summary;
mod summary_json;
mod texts;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fanggen_runtime::function::{Delivery, OpenFunction, ProducerOutcome};
use fanggen_runtime::function::{Function, FunctionComponent, FunctionOutput, InputQueue, Trigger};
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::message::Message;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::config::mistake::tidy;
use crate::config::pipeline::{ComponentConfig, Pipeline};
use crate::config::shape;
use crate::results_folder;

use disk_error::unwritable;
use inputs::Inputs;
pub(crate) use item_file::LocalItemFile;
use journal::{ChunkLine, Journal};
pub use past_runs::{PastRun, PastRunState, PastRunSummary, UnreadableRun, past_runs};
pub(crate) use replay::LocalReplay;
pub use rows_file::NAME as ROWS_FILE;
use runs::{BegunRun, Runs};
pub(crate) use services::LocalServices;
pub use services::{Seeds, seeds};
pub(crate) use substitute::Substitutes;
use summary::Recorder;
pub use summary::{FailureKind, Notice, ResultRow, RunFailure, SinkResult, Summary};
pub(crate) use texts::{ItemTexts, Texts, records_of};

/// Options of a run on this machine.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The folder of `pipeline.toml`, which its paths are relative to.
    pub root: PathBuf,
    /// Whether to fetch texts even if the pipeline names local ones.
    pub live: bool,
    /// The scheduled time of the run.
    pub time: Timestamp,
    /// Whether to start a new run even if one was interrupted.
    pub new: bool,
    /// The text of `pipeline.toml`: an interrupted run does not go on with another one.
    pub source: String,
}

/// Receives the progress of a run.
pub trait RunProgress: Send + Sync {
    /// The run has this many items, as far as is known.
    fn expected(&self, items: usize);
    /// This many more items are done.
    fn done(&self, items: usize);
    /// Something to know before the run starts.
    fn say(&self, message: &str);
}

/// A run that has come to its end.
pub struct FinishedRun {
    /// Its summary.
    pub summary: Summary,
    root: PathBuf,
    journal: Journal,
}

impl FinishedRun {
    /// The rows, in the order of the run. They are read one chunk at a time.
    pub fn rows(&self) -> impl Iterator<Item = io::Result<ResultRow>> {
        self.parts(|line| line.rows)
    }

    /// The failures, in the order of the run.
    pub fn failures(&self) -> impl Iterator<Item = io::Result<RunFailure>> {
        self.parts(|line| line.failed)
    }

    fn parts<T>(&self, part: fn(ChunkLine) -> Vec<T>) -> impl Iterator<Item = io::Result<T>> {
        self.journal.lines::<ChunkLine>().flat_map(move |line| match line {
            Ok(line) => part(line).into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        })
    }

    /// Writes the summary as JSON, with all rows and failures.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        summary_json::write(out, &self.root, &self.summary, &self.journal)
    }

    /// Removes the journal, once nothing is read from it any more.
    pub fn discard(self) {
        // If the summary could not be written, the next run does that.
        if self.summary.kept {
            self.journal.discard();
        }
    }
}

/// Runs a pipeline once, or goes on with a run that was interrupted.
///
/// # Errors
/// What keeps the run from starting. What keeps it from reading its sources to the end is part of the summary, as are failed
/// items.
pub async fn run(pipeline: &Pipeline, options: &RunOptions, watch: Arc<dyn RunProgress>) -> Result<FinishedRun, Error> {
    let root = &options.root;
    // Before anything is read, so that a change during the run is noticed.
    let inputs = Inputs::of(pipeline, options);
    let stand_ins = Substitutes::of(pipeline, options)?;
    let mut here = LocalServices::of(pipeline, root).await?;
    let given = pipeline.sources.iter().map(|source| (source.name.clone(), here.given(source))).collect();
    let functions = functions(pipeline);
    let queues: Vec<_> = functions.iter().map(|function| here.queue_before(&function.name)).collect();
    // Everything is opened before the run is recorded, so that a run that cannot start leaves nothing behind.
    let open = |function: &Function| {
        function.open_substituted(&here, &given, &|part, binding| stand_ins.substitute(part, binding, &here))
    };
    let opened = functions.iter().map(open).collect::<Result<Vec<_>, _>>()?;

    let here = Arc::new(here);
    let names = [pipeline.head.name.as_str(), pipeline.environment.as_str()];
    let runs = Runs { root, results: here.results(), names };
    let BegunRun { run, journal, resumed, messages } = runs.begin(options.time, inputs, options.new)?;
    messages.iter().for_each(|message| watch.say(message));
    let resumed_after = resumed.then(|| journal.chunks());
    let recorder = Recorder::watched(root, journal, watch);
    if resumed {
        here.resume(recorder.resume(run.clone()).map_err(|error| unwritable(here.results(), &error))?);
    }
    if let Some(items) = here.expected(pipeline) {
        recorder.expected(items);
    }
    let mut producer = None;
    let mut workers = tokio::task::JoinSet::new();
    let last = opened.len().saturating_sub(1);
    for (index, (running, messages)) in opened.into_iter().zip(queues).enumerate() {
        // The first function has the schedule before it, and nobody sends to its queue.
        if producer.is_none() {
            producer = Some(running);
        } else {
            let (here, recorder) = (Arc::clone(&here), recorder.clone());
            workers.spawn(Worker { running, messages, here, recorder, index, last: index == last }.work());
        }
    }
    let produced = match producer {
        Some(mut producer) => producer.produce(&run, "local", Delivery::once().deadline).await,
        None => Ok(ProducerOutcome::default()),
    };
    recorder.expected(produced.as_ref().map_or(0, |produced| produced.items));
    let mut trouble = produced.err();
    while let Some(ended) = workers.join_next().await {
        let broken = |error| Error::permanent(ErrorCode::WorkerEnded, format!("a worker ended early: {error}"));
        trouble = trouble.or(ended.map_err(broken).err());
    }
    let (totals, mut journal) = recorder.end();
    let state = if trouble.is_some() { "failed" } else { "ended" };
    let mut summary = Summary {
        pipeline: pipeline.head.name.to_string(),
        environment: pipeline.environment.clone(),
        run: run.to_string(),
        state,
        resumed_after,
        notices: stand_ins.notices(pipeline),
        error: trouble.map(|error| format!("{} ({})", tidy(&error.message), error.code)),
        warnings: here.warnings().into_iter().chain(totals.warnings).collect(),
        ..totals
    };
    // What was found is told even if it cannot be kept. If neither the end nor the summary is on the disk, the next run goes
    // on with this one.
    let _ = journal.end(state);
    let kept = runs.write(&summary, &journal);
    summary.kept = kept.is_ok();
    summary
        .warnings
        .extend(kept.err().map(|error| format!("the summary of this run cannot be kept: {}", error.message)));
    Ok(FinishedRun { summary, root: root.clone(), journal })
}

/// A function that takes its messages from a queue.
struct Worker {
    running: OpenFunction,
    messages: mpsc::Receiver<Message>,
    here: Arc<LocalServices>,
    recorder: Recorder,
    index: usize,
    last: bool,
}

impl Worker {
    async fn work(mut self) {
        while let Some(message) = self.messages.recv().await {
            let chunk = message.chunk.clone();
            if !self.here.has(&chunk) {
                // A function in the middle has forwarded its records and reports none.
                let outcome = self.running.process(message, Delivery::once()).await;
                self.recorder.add(chunk, self.index, self.last, outcome);
            }
            // There is one thread: let the producer and the progress bar run between two chunks.
            tokio::task::yield_now().await;
        }
    }
}

/// The functions that would be deployed, with stores and queues of this machine.
pub(crate) fn functions(pipeline: &Pipeline) -> Vec<Function> {
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
