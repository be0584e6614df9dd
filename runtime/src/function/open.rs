//! Opens the components of a function.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::component::services::{MessageQueue, Services};
use crate::component::state::State;
use crate::component::{Binding, Instance, Sink, Source, Stage};
use crate::function::{Function, FunctionComponent, FunctionOutput, Trigger};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::Item;

/// How long a component took for a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentTiming {
    /// The name of the stage or sink in the pipeline.
    pub name: String,
    /// When it started.
    pub start: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// Whether anything failed in it.
    pub failed: bool,
}

/// Open components with their names.
pub type NamedComponents<T> = Vec<(String, Box<T>)>;

/// Replaces a component by another one, or returns `None` to keep it.
pub type SubstituteFn<'a> = dyn Fn(&FunctionComponent, &Binding) -> Option<Result<Instance, Error>> + 'a;

/// A function with open components, ready to process runs or chunks.
pub struct OpenFunction {
    /// Its sources, with their names.
    pub sources: NamedComponents<dyn Source>,
    /// Its stages, in order.
    pub stages: Vec<Box<dyn Stage>>,
    /// Where its records go.
    pub output: OpenOutput,
    /// The state table, if there is one.
    pub state: Option<Arc<dyn State>>,
    /// Maximum number of items per chunk that it sends.
    pub chunk_items: usize,
    /// How many items it has sent.
    pub sent: u64,
    /// The sinks that a replay writes, by name.
    pub storing: BTreeSet<String>,
}

/// Where the records of an open function go.
pub enum OpenOutput {
    /// To the next function.
    Queue(Arc<dyn MessageQueue>),
    /// To the sinks, with their names.
    Sinks(NamedComponents<dyn Sink>),
}

impl Function {
    /// Opens all components. `items` are the items that came with the run, by source.
    ///
    /// # Errors
    /// Why a component cannot be opened, with its name.
    pub fn open(&self, services: &dyn Services, items: &BTreeMap<String, Vec<Item>>) -> Result<OpenFunction, Error> {
        self.open_substituted(services, items, &|_, _| None)
    }

    /// Opens all components, except those that `substitute` replaces.
    ///
    /// # Errors
    /// Why a component cannot be opened, with its name.
    pub fn open_substituted(
        &self,
        services: &dyn Services,
        items: &BTreeMap<String, Vec<Item>>,
        substitute: &SubstituteFn<'_>,
    ) -> Result<OpenFunction, Error> {
        let open = |component: &FunctionComponent| {
            let items = items.get(&component.name).cloned().unwrap_or_default();
            let binding = Binding { items, ..component.binding(self) };
            substitute(component, &binding)
                .unwrap_or_else(|| component.settings.open(binding, services))
                .map_err(|error| Error { message: format!("`{}`: {}", component.name, error.message), ..error })
        };
        let wrong_role = || {
            let message = "a component was opened in another role than the one on its card";
            Error::permanent(ErrorCode::SettingsUnreadable, message)
        };
        let sources = match &self.trigger {
            Trigger::Queue(_) | Trigger::Alarms(_) => Vec::new(),
            Trigger::Schedule(sources) => sources
                .iter()
                .map(|component| match open(component)? {
                    Instance::Source(source) => Ok((component.name.clone(), source)),
                    _ => Err(wrong_role()),
                })
                .collect::<Result<_, _>>()?,
        };
        let stages = self
            .stages
            .iter()
            .map(|component| match open(component)? {
                Instance::Stage(stage) => Ok(stage),
                _ => Err(wrong_role()),
            })
            .collect::<Result<_, _>>()?;
        let output = match &self.output {
            FunctionOutput::Queue(queue) => OpenOutput::Queue(services.queue(queue)?),
            FunctionOutput::Sinks(sinks) => OpenOutput::Sinks(
                sinks
                    .iter()
                    .map(|component| match open(component)? {
                        Instance::Sink(sink) => Ok((component.name.clone(), sink)),
                        _ => Err(wrong_role()),
                    })
                    .collect::<Result<_, _>>()?,
            ),
        };
        let state = self.state.as_deref().map(|table| services.state(table)).transpose()?;
        let sinks = match &self.output {
            FunctionOutput::Sinks(sinks) => sinks.as_slice(),
            FunctionOutput::Queue(_) => &[],
        };
        let storing = sinks.iter().filter(|sink| sink.kind.card.stores);
        Ok(OpenFunction {
            sources,
            stages,
            output,
            state,
            chunk_items: self.chunk_items,
            sent: 0,
            storing: storing.map(|sink| sink.name.clone()).collect(),
        })
    }
}
