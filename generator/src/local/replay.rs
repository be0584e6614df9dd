//! A replay on this machine: the stages that analyse, with local engines, and the sinks that store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fanggen_runtime::component::Sink;
use fanggen_runtime::component::services::{MessageQueue, ObjectStore, PipelineFile, Services, TableStore};
use fanggen_runtime::component::state::State;
use fanggen_runtime::function::{
    Delivery, Function, FunctionComponent, FunctionOutput, InputQueue, NamedComponents, OpenFunction, OpenOutput,
    Trigger,
};
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::message::Message;
use fanggen_runtime::model::record::Record;
use fanggen_runtime::model::replay::ReplayOutcome;
use fanggen_runtime::model::run::Chunk;
use fanggen_runtime::sinks::refuse_links;

use super::replaced_rows::ReplacedRows;
use super::rows_file;
use super::services::LocalServices;
use super::substitute::Substitutes;
use crate::config::pipeline::Pipeline;

/// The components of a replay on this machine.
pub struct LocalReplay {
    analysis: OpenFunction,
    sinks: NamedComponents<dyn Sink>,
    services: ReplayServices,
}

impl LocalReplay {
    /// Opens the stages that are not skipped and, if results are written, the sinks that store.
    ///
    /// # Errors
    /// Why a component cannot be opened.
    pub fn open(pipeline: &Pipeline, root: &Path, skipped: &[String], writes: bool) -> Result<Self, Error> {
        let services = ReplayServices {
            here: LocalServices::without_items(pipeline, root),
            root: root.to_owned(),
            tables: Mutex::default(),
        };
        let functions = super::functions(pipeline);
        let all = functions.iter().flat_map(|function| &function.stages);
        let stages = all.filter(|stage| !skipped.contains(&stage.name));
        let sinks: Vec<FunctionComponent> = match functions.last().map(|function| &function.output) {
            Some(FunctionOutput::Sinks(sinks)) if writes => {
                sinks.iter().filter(|sink| sink.kind.card.stores).cloned().collect()
            }
            _ => Vec::new(),
        };
        let function = Function {
            pipeline: pipeline.head.name.to_string(),
            environment: pipeline.environment.clone(),
            name: "replay".to_owned(),
            contact: None,
            state: None,
            chunk_items: 0,
            trigger: Trigger::Queue(InputQueue::default()),
            stages: stages.cloned().collect(),
            output: FunctionOutput::Sinks(sinks),
        };
        let stand_ins = Substitutes::offline();
        let substitute = |part: &FunctionComponent, binding: &_| stand_ins.substitute(part, binding, &services);
        let mut analysis = function.open_substituted(&services, &BTreeMap::new(), &substitute)?;
        // The sinks are written in an order of their own, once what was is saved.
        let OpenOutput::Sinks(sinks) = std::mem::replace(&mut analysis.output, OpenOutput::Sinks(Vec::new())) else {
            return Err(Error::permanent(ErrorCode::SettingsUnreadable, "a replay has no queue"));
        };
        Ok(Self { analysis, sinks, services })
    }

    /// The records of a chunk with their new results, and what became of the others.
    ///
    /// # Errors
    /// Why the chunk as a whole cannot be analysed.
    pub async fn analyse(&self, message: Message) -> Result<(Vec<Record>, ReplayOutcome), Error> {
        let outcome = self.analysis.process(message, Delivery::once()).await;
        match (outcome.replay, outcome.failures.into_iter().next()) {
            (Some(replay), None) => Ok((outcome.records, replay)),
            (_, Some(failure)) => Err(failure.error),
            (None, None) => Err(Error::permanent(ErrorCode::WorkerEnded, "the chunk is not one of a replay")),
        }
    }

    /// Writes chunks to all sinks, and to the one that was read last: if the process ends before, the same replay does the
    /// same again.
    ///
    /// # Errors
    /// Why a sink cannot be written.
    pub async fn write(&self, chunks: &[(Chunk, Vec<Record>)], read: &str) -> Result<(), Error> {
        let (last, first): (Vec<_>, Vec<_>) = self.sinks.iter().partition(|(name, _)| name == read);
        for (_, sink) in first {
            for (chunk, records) in chunks {
                sink.write(chunk, records).await?;
            }
        }
        for table in self.services.tables.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            table.replace()?;
        }
        for (_, sink) in last {
            for (chunk, records) in chunks {
                sink.write(chunk, records).await?;
            }
        }
        Ok(())
    }
}

/// The services of this machine, except that rows are replaced.
struct ReplayServices {
    here: LocalServices,
    root: PathBuf,
    tables: Mutex<Vec<Arc<ReplacedRows>>>,
}

impl Services for ReplayServices {
    fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        self.here.bucket(name)
    }

    fn table(&self, name: &str) -> Result<Arc<dyn TableStore>, Error> {
        let name = name.rsplit('.').next().unwrap_or(name);
        let path = self.here.results().join(name).join(rows_file::NAME);
        refuse_links(&self.root, &path)?;
        let table = Arc::new(ReplacedRows::new(self.root.clone(), path));
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&table));
        Ok(table)
    }

    fn queue(&self, name: &str) -> Result<Arc<dyn MessageQueue>, Error> {
        self.here.queue(name)
    }

    fn state(&self, table: &str) -> Result<Arc<dyn State>, Error> {
        self.here.state(table)
    }

    fn file(&self, bucket: Option<&str>, path: &str) -> Result<Arc<dyn PipelineFile>, Error> {
        self.here.file(bucket, path)
    }

    fn folder(&self, sink: &str) -> Result<PathBuf, Error> {
        self.here.folder(sink)
    }
}
