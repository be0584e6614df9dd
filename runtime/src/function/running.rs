//! A function at work: its components are opened; a run becomes chunks, a chunk moves through the stages and into the
//! outlets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::component::services::{MessageQueue, Services};
use crate::component::state::State;
use crate::component::{Binding, Instance, Sink, Source, Stage};
use crate::function::{Function, FunctionComponent, FunctionOutput, Trigger};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::Item;

/// How long a part of a function's work took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentTiming {
    /// The stage or sink, by its name in the pipeline.
    pub name: String,
    /// When it began.
    pub start: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// Whether anything failed in it.
    pub failed: bool,
}

/// Open components by their names.
pub type NamedComponents<T> = Vec<(String, Box<T>)>;

/// Gives another component than the one that a part names, or none to leave it as it is.
pub type SubstituteFn<'a> = dyn Fn(&FunctionComponent, &Binding) -> Option<Result<Instance, Error>> + 'a;

/// A function whose components are open.
pub struct OpenFunction {
    /// Its sources, by name.
    pub sources: NamedComponents<dyn Source>,
    /// Its stages, in order.
    pub stages: Vec<Box<dyn Stage>>,
    /// Where its records go.
    pub out: OpenOutput,
    /// What it remembers, where it has a memory.
    pub state: Option<Arc<dyn State>>,
    /// Items of a chunk that it sends, at most.
    pub chunk_items: usize,
    /// Items that it has sent.
    pub sent: u64,
}

/// Where the records of a running function go.
pub enum OpenOutput {
    /// To the next function.
    Queue(Arc<dyn MessageQueue>),
    /// To the sinks, by name.
    Sinks(NamedComponents<dyn Sink>),
}

impl Function {
    /// Opens all components behind these doors; `given` are the items that came with the run, by source.
    ///
    /// # Errors
    /// What keeps one of them from running here, with its name.
    pub fn open(&self, services: &dyn Services, given: &BTreeMap<String, Vec<Item>>) -> Result<OpenFunction, Error> {
        self.open_substituted(services, given, &|_, _| None)
    }

    /// Opens all components, but for those that `substitute` gives another one for.
    ///
    /// # Errors
    /// What keeps one of them from running here, with its name.
    pub fn open_substituted(
        &self,
        services: &dyn Services,
        given: &BTreeMap<String, Vec<Item>>,
        substitute: &SubstituteFn<'_>,
    ) -> Result<OpenFunction, Error> {
        let open = |part: &FunctionComponent| {
            let given = given.get(&part.name).cloned().unwrap_or_default();
            let binding = Binding { items: given, ..part.binding(self) };
            substitute(part, &binding)
                .unwrap_or_else(|| part.settings.open(binding, services))
                .map_err(|error| Error { message: format!("`{}`: {}", part.name, error.message), ..error })
        };
        let odd =
            || Error::permanent(ErrorCode::SettingsUnreadable, "a component opened as another role than its card says");
        let sources = match &self.trigger {
            Trigger::Queue(_) => Vec::new(),
            Trigger::Schedule(parts) => parts
                .iter()
                .map(|part| match open(part)? {
                    Instance::Source(source) => Ok((part.name.clone(), source)),
                    _ => Err(odd()),
                })
                .collect::<Result<_, _>>()?,
        };
        let stages = self
            .stages
            .iter()
            .map(|part| match open(part)? {
                Instance::Stage(stage) => Ok(stage),
                _ => Err(odd()),
            })
            .collect::<Result<_, _>>()?;
        let out = match &self.output {
            FunctionOutput::Queue(queue) => OpenOutput::Queue(services.queue(queue)?),
            FunctionOutput::Sinks(parts) => OpenOutput::Sinks(
                parts
                    .iter()
                    .map(|part| match open(part)? {
                        Instance::Sink(sink) => Ok((part.name.clone(), sink)),
                        _ => Err(odd()),
                    })
                    .collect::<Result<_, _>>()?,
            ),
        };
        let state = self.state.as_deref().map(|table| services.state(table)).transpose()?;
        Ok(OpenFunction { sources, stages, out, state, chunk_items: self.chunk_items, sent: 0 })
    }
}
