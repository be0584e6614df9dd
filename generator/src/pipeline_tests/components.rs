//! The real components of a pipeline, each opened with test services and observed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use fanggen_runtime::component::services::Services;
use fanggen_runtime::component::{Binding, Component, ComponentClone, ComponentRole, Instance, Source, Store};
use fanggen_runtime::function::FunctionComponent;
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::record::Item;
use fanggen_runtime::sinks;

use super::services::TestServices;
use super::tested_sink::{DeliveredRecords, TestedSink};
use super::tested_source::{ListedItems, TestedSource};
use super::tested_stage::TestedStage;
use crate::local::{LocalServices, Substitutes};

/// The settings of a component in a test.
#[derive(Clone)]
pub struct TestedComponent {
    /// The component in its function.
    pub part: FunctionComponent,
    /// The services.
    pub services: TestServices,
    /// The services that read the sources of the file.
    pub here: Arc<LocalServices>,
    /// The items of a source that travel in the schedule's input.
    pub given: Vec<Item>,
}

impl fmt::Debug for TestedComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.part.fmt(f)
    }
}

impl ComponentClone for TestedComponent {
    fn json(&self) -> serde_json::Value {
        self.part.settings.json()
    }

    fn boxed(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}

impl Component for TestedComponent {
    fn open(&self, binding: Binding, _: &dyn Services) -> Result<Instance, Error> {
        let card = self.part.kind.card;
        let services = self.services.of(&self.part.name, card.role);
        let bench = Arc::clone(&services.bench);
        if card.role == ComponentRole::Source {
            let inner = match &bench.items {
                Some(items) => {
                    let listed = items.get(&self.part.name).into_iter().flatten().cloned().collect();
                    Box::new(ListedItems { listed, read: 0 }) as Box<dyn Source>
                }
                None => {
                    let binding = Binding { items: self.given.clone(), ..binding };
                    source(self.part.settings.open(binding, self.here.as_ref())?)?
                }
            };
            return Ok(Instance::Source(Box::new(TestedSource { inner, bench })));
        }
        match self.part.settings.open(binding.clone(), &services)? {
            Instance::Stage(inner) => {
                let substitute = Substitutes::offline().substitute(&self.part, &binding, &services);
                let stand_in = match substitute.transpose()? {
                    Some(Instance::Stage(stage)) => Some(stage),
                    _ => None,
                };
                let language = self.part.settings.default_language().map(str::to_owned);
                let fetches = card.fetches.then_some(language);
                let selects = self.part.settings.condition().is_some();
                Ok(Instance::Stage(Box::new(TestedStage { inner, stand_in, fetches, selects, bench })))
            }
            Instance::Sink(inner) => {
                let when = self.part.settings.condition();
                let selected = Arc::<AtomicUsize>::default();
                let observer = Box::new(DeliveredRecords {
                    sink: self.part.name.clone(),
                    keyed: matches!(
                        self.part.settings.store(&self.part.name),
                        Some(Store::Bucket { .. } | Store::Table { .. } | Store::Existing(_))
                    ),
                    selected: Arc::clone(&selected),
                    bench: Arc::clone(&bench),
                });
                let observer = sinks::select(
                    observer,
                    when,
                    &Binding { name: format!("{}+", binding.name), ..binding },
                    &services,
                )?;
                let sink = self.part.name.clone();
                Ok(Instance::Sink(Box::new(TestedSink {
                    sink,
                    inner,
                    observer,
                    selects: when.is_some(),
                    selected,
                    bench,
                })))
            }
            source @ Instance::Source(_) => Ok(source),
        }
    }
}

fn source(instance: Instance) -> Result<Box<dyn Source>, Error> {
    match instance {
        Instance::Source(source) => Ok(source),
        _ => Err(Error::permanent(ErrorCode::CardWrong, "a source opens as something else")),
    }
}
