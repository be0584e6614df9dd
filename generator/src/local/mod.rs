//! The pipeline on this machine: the components of the Lambda behind doors that open here.

mod doors;
mod queue;
mod stand_in;
mod summary;
mod texts;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fanggen_runtime::component::{Binding, Opened, Pace, Quota, Sink, Source, Stage};
use fanggen_runtime::error::Error;
use fanggen_runtime::flow::{Named, Out, Running};
use fanggen_runtime::run::{Message, RunId};
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::config::pipeline::{Component, Pipeline};
use crate::config::shape;

use doors::Here;
use queue::Memory;
use summary::Tally;
pub use summary::{Failed, Notice, Row, Summary};

/// How a run on this machine is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of `pipeline.toml`, which its paths are relative to.
    pub root: PathBuf,
    /// Whether texts are fetched, even where the pipeline names local ones.
    pub live: bool,
    /// When the run fires.
    pub time: Timestamp,
}

/// What happens during a run, for whoever shows it.
pub trait Watch: Send + Sync {
    /// So many items are known to be in the run.
    fn expected(&self, items: usize);
    /// So many more are done.
    fn done(&self, items: usize);
}

/// Messages that wait in a queue, at most: memory does not grow with the items.
const WAITING: usize = 8;

/// Runs a pipeline once.
///
/// # Errors
/// What keeps the run as a whole from starting or from being read to its end; an item that fails is in the summary.
pub async fn run(pipeline: &Pipeline, options: &Options, watch: Arc<dyn Watch>) -> Result<Summary, Error> {
    let offline = stand_in::offline(pipeline, options.live);
    let texts = match pipeline.local.texts.as_ref().filter(|_| offline) {
        Some(path) => Some(Arc::new(texts::Texts::read(&options.root, path.as_str())?)),
        None => None,
    };
    let here = Here::of(pipeline, &options.root).await?;
    // Everything is opened before the run is noted down: what cannot start leaves nothing behind.
    let sources = sources(pipeline, &here)?;
    let mut workers = Vec::new();
    for shape in shape::shapes(pipeline).into_iter().filter(|shape| shape.name != shape::PRODUCER) {
        let stages = shape.stages.iter().map(|stage| open_stage(stage, pipeline, &here, texts.as_ref()));
        workers.push(stages.collect::<Result<Vec<_>, _>>()?);
    }
    let sinks = sinks(pipeline, &here)?;
    let (run, note) = here.begin(options.time)?;

    let tally = Tally::new(watch);
    // From the last function to the first, each with the queue of the one after it.
    let mut out = Out::Sinks(sinks);
    let mut tasks = tokio::task::JoinSet::new();
    for stages in workers.into_iter().rev() {
        let (sender, receiver) = mpsc::channel(WAITING);
        let next = std::mem::replace(&mut out, Out::Queue(Arc::new(Memory::new(sender))));
        let last = matches!(next, Out::Sinks(_));
        let running = Running { sources: Vec::new(), stages, out: next };
        tasks.spawn(work(running, receiver, last.then(|| tally.clone())));
    }
    let produced = produce(sources, out, &run, &tally).await;
    while let Some(ended) = tasks.join_next().await {
        ended
            .map_err(|error| Error::permanent("worker_ended", format!("a worker ended before its work: {error}")))??;
    }
    let summary = Summary {
        pipeline: pipeline.head.name.to_string(),
        environment: pipeline.environment.clone(),
        run: run.to_string(),
        notices: stand_in::notices(pipeline, offline),
        chunks: produced.as_ref().map_or(0, |produced| produced.chunks),
        ..tally.end()
    };
    here.end(&note, &summary)?;
    produced.map(|_| summary)
}

async fn produce(
    sources: Named<dyn Source>,
    out: Out,
    run: &RunId,
    tally: &Tally,
) -> Result<fanggen_runtime::flow::Produced, Error> {
    let mut producer = Running { sources, stages: Vec::new(), out };
    let produced = producer.produce(run).await?;
    tally.expected(produced.items);
    Ok(produced)
}

async fn work(running: Running, mut messages: mpsc::Receiver<Message>, tally: Option<Tally>) -> Result<(), Error> {
    while let Some(message) = messages.recv().await {
        let worked = running.work(message).await?;
        if let Some(tally) = &tally {
            tally.add(worked);
        }
        // One thread does it all: the producer and the progress bar get their turn between two chunks.
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn binding(component: &Component, pipeline: &Pipeline) -> Binding {
    Binding {
        name: component.name.clone(),
        on: Some(component.name.clone()),
        pace: component.settings.quota().map(|quota| pace(&quota, component.frame.share.get())),
        contact: pipeline.head.contact.as_ref().map(ToString::to_string),
        given: Vec::new(),
    }
}

/// How fast one worker may call upstream: this machine keeps to the same share of the quota as the environment.
fn pace(quota: &Quota, share: f64) -> Pace {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
    let at_once = quota.at_once.map_or(1, |at_once| (at_once as f64 * share) as u64).max(1);
    Pace { per_second: quota.calls_per_second * share, at_once }
}

fn named(component: &Component, error: Error) -> Error {
    let what = component.kind.card.role.word();
    Error { message: format!("{what} `{}`: {}", component.name, error.message), ..error }
}

fn odd(component: &Component) -> Error {
    named(component, Error::permanent("card_wrong", "it opened as something else than its card says"))
}

fn sources(pipeline: &Pipeline, here: &Here) -> Result<Named<dyn Source>, Error> {
    let open = |source: &Component| match source
        .settings
        .open(Binding { given: here.given(source), ..binding(source, pipeline) }, here)
    {
        Ok(Opened::Source(opened)) => Ok((source.name.clone(), opened)),
        Ok(_) => Err(odd(source)),
        Err(error) => Err(named(source, error)),
    };
    pipeline.sources.iter().map(open).collect()
}

fn sinks(pipeline: &Pipeline, here: &Here) -> Result<Named<dyn Sink>, Error> {
    let open = |sink: &Component| match sink.settings.open(binding(sink, pipeline), here) {
        Ok(Opened::Sink(opened)) => Ok((sink.name.clone(), opened)),
        Ok(_) => Err(odd(sink)),
        Err(error) => Err(named(sink, error)),
    };
    pipeline.sinks.iter().map(open).collect()
}

fn open_stage(
    stage: &Component,
    pipeline: &Pipeline,
    here: &Here,
    texts: Option<&Arc<texts::Texts>>,
) -> Result<Box<dyn Stage>, Error> {
    if let Some(texts) = texts.filter(|_| stage.kind.card.fetches) {
        return Ok(Box::new(texts::LocalTexts { stage: stage.name.clone(), texts: texts.clone() }));
    }
    let opened = match stage.kind.card.stand_in {
        Some(kind) => stand_in::open(stage.kind.card.name, kind, binding(stage, pipeline), here),
        None => match stage.settings.open(binding(stage, pipeline), here) {
            Ok(Opened::Stage(opened)) => Ok(opened),
            Ok(_) => return Err(odd(stage)),
            Err(error) => Err(error),
        },
    };
    opened.map_err(|error| named(stage, error))
}

/// The folder of a pipeline's local results.
#[must_use]
pub fn results(root: &Path, pipeline: &Pipeline) -> PathBuf {
    root.join(".fanggen").join(pipeline.head.name.as_str()).join(&pipeline.environment)
}
