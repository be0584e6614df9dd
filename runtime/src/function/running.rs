//! A function at work: its components are opened; a run becomes chunks, a chunk moves through the stages and into the
//! outlets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::component::services::{MessageQueue, Services};
use crate::component::state::State;
use crate::component::{Binding, Instance, Sink, Source, Stage};
use crate::function::{Function, Inlet, Outlets, Part};
use crate::model::error::{Error, ErrorCode};
use crate::model::record::Item;

/// How long a part of a function's work took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartTiming {
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
pub type Named<T> = Vec<(String, Box<T>)>;

/// Gives another component than the one that a part names, or none to leave it as it is.
pub type Instead<'a> = dyn Fn(&Part, &Binding) -> Option<Result<Instance, Error>> + 'a;

/// A function whose components are open.
pub struct Running {
    /// Its sources, by name.
    pub sources: Named<dyn Source>,
    /// Its stages, in order.
    pub stages: Vec<Box<dyn Stage>>,
    /// Where its records go.
    pub out: Out,
    /// What it remembers, where it has a memory.
    pub state: Option<Arc<dyn State>>,
    /// Items of a chunk that it sends, at most.
    pub chunk_items: usize,
    /// Items that it has sent.
    pub sent: u64,
}

/// Where the records of a running function go.
pub enum Out {
    /// To the next function.
    Queue(Arc<dyn MessageQueue>),
    /// To the sinks, by name.
    Sinks(Named<dyn Sink>),
}

impl Function {
    /// Opens all components behind these doors; `given` are the items that came with the run, by source.
    ///
    /// # Errors
    /// What keeps one of them from running here, with its name.
    pub fn open(&self, services: &dyn Services, given: &BTreeMap<String, Vec<Item>>) -> Result<Running, Error> {
        self.open_with(services, given, &|_, _| None)
    }

    /// Opens all components, but for those that `instead` gives another one for.
    ///
    /// # Errors
    /// What keeps one of them from running here, with its name.
    pub fn open_with(
        &self,
        services: &dyn Services,
        given: &BTreeMap<String, Vec<Item>>,
        instead: &Instead<'_>,
    ) -> Result<Running, Error> {
        let open = |part: &Part| {
            let given = given.get(&part.name).cloned().unwrap_or_default();
            let binding = Binding { items: given, ..part.binding(self) };
            instead(part, &binding)
                .unwrap_or_else(|| part.settings.open(binding, services))
                .map_err(|error| Error { message: format!("`{}`: {}", part.name, error.message), ..error })
        };
        let odd =
            || Error::permanent(ErrorCode::SettingsUnreadable, "a component opened as another role than its card says");
        let sources = match &self.inlet {
            Inlet::Queue(_) => Vec::new(),
            Inlet::Schedule(parts) => parts
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
        let out = match &self.outlets {
            Outlets::Queue(queue) => Out::Queue(services.queue(queue)?),
            Outlets::Sinks(parts) => Out::Sinks(
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
        Ok(Running { sources, stages, out, state, chunk_items: self.chunk_items, sent: 0 })
    }
}
