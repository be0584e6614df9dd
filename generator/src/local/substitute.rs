//! Local substitutes for paid services and for the network, and the notices about them.

use std::sync::Arc;

use async_trait::async_trait;
use fanggen_runtime::component::services::Services;
use fanggen_runtime::component::{Binding, Card, Component, ComponentKind, ComponentRole, Instance, Stage};
use fanggen_runtime::condition::Condition;
use fanggen_runtime::function::FunctionComponent;
use fanggen_runtime::function::registry;
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::record::Record;
use fanggen_runtime::model::tree::Tree;
use fanggen_runtime::sinks;
use tokio::time::Instant;

use super::RunOptions;
use super::summary::Notice;
use super::texts::{LocalTexts, Texts};
use crate::config::pipeline::{ComponentConfig, Pipeline};

/// The substitutes of a run.
pub struct Substitutes {
    /// The local texts, if they replace fetching.
    texts: Option<Arc<Texts>>,
    /// Whether sinks that may send from here do.
    live: bool,
}

impl Substitutes {
    /// The substitutes of paid services alone.
    pub fn offline() -> Self {
        Self { texts: None, live: false }
    }

    /// Reads the local texts, if they are used.
    ///
    /// # Errors
    /// `texts_unreadable`, with file and line.
    pub fn of(pipeline: &Pipeline, options: &RunOptions) -> Result<Self, Error> {
        let fetches = pipeline.stages.iter().any(|stage| stage.kind.card.fetches);
        let path = pipeline.local.texts.as_ref().filter(|_| fetches && !options.live);
        let texts = path.map(|path| Texts::read(&options.root, path.as_str()).map(Arc::new)).transpose()?;
        Ok(Self { texts, live: options.live })
    }

    /// The stage or sink that replaces another, if one does.
    pub fn substitute(
        &self,
        component: &FunctionComponent,
        binding: &Binding,
        services: &dyn Services,
    ) -> Option<Result<Instance, Error>> {
        let card = component.kind.card;
        if let Some(texts) = self.texts.as_ref().filter(|_| card.fetches) {
            // Local texts without a language are in the one that the stage would fetch.
            let language = component.settings.default_language().map(str::to_owned);
            let texts = LocalTexts { stage: component.name.clone(), texts: texts.clone(), language };
            return Some(Ok(Instance::Stage(Box::new(texts))));
        }
        let other = Substitute::of(&card)?;
        if card.role == ComponentRole::Sink {
            // The last findings of a condition such as `changed` are in a file of this environment.
            let binding = Binding { state_table: Some("state".into()), ..binding.clone() };
            if self.sends(component.settings.as_ref()) {
                return Some(component.settings.open(binding, services));
            }
            return Some(other.sink(component.settings.condition(), &binding, services));
        }
        let answered = other.answers(component.settings.as_ref());
        let inner = if answered { other.open(binding.clone(), services) } else { Ok(None) };
        let stage = component.name.clone();
        Some(inner.map(|inner| Instance::Stage(Box::new(SubstituteStage { stage, service: card.name, inner }))))
    }

    /// Whether a sink really sends.
    fn sends(&self, settings: &dyn Component) -> bool {
        self.live && settings.sends_live()
    }

    /// A notice about everything that differs from a run in AWS.
    pub fn notices(&self, pipeline: &Pipeline) -> Vec<Notice> {
        let of = |component: &ComponentConfig| {
            let card = component.kind.card;
            let notice = |instead_of: &str, is: &str, hint: &str| Notice {
                stage: component.name.clone(),
                instead_of: instead_of.into(),
                is: is.into(),
                hint: Some(hint.into()),
            };
            if let Some(texts) = self.texts.as_ref().filter(|_| card.fetches) {
                return vec![notice(card.name, &format!("texts from {}", texts.path()), "--live fetches")];
            }
            let Some(other) = Substitute::of(&card) else { return Vec::new() };
            let mut notices = Vec::new();
            if self.sends(component.settings.as_ref()) {
                return notices;
            }
            if card.role == ComponentRole::Sink {
                notices.push(notice(card.name, other.kind.card.name, "nothing is sent"));
            } else if other.answers(component.settings.as_ref()) {
                notices.push(notice(card.name, other.kind.card.name, "marked in every record"));
            }
            let unanswered = other.unanswered(component.settings.as_ref());
            if !unanswered.is_empty() {
                let those = format!("{}'s {}", card.name, unanswered.join(", "));
                notices.push(notice(&those, "nothing", "left out"));
            }
            notices
        };
        pipeline.stages.iter().chain(&pipeline.sinks).flat_map(of).collect()
    }
}

/// The embedded component that replaces a paid one.
struct Substitute {
    kind: &'static ComponentKind,
    settings: Box<dyn Component>,
}

impl Substitute {
    fn of(card: &Card) -> Option<Self> {
        let kind = registry::find(card.role, card.local_substitute?)?;
        // A substitute needs no settings.
        let settings = (kind.read)(&Tree::table_at(0..0)).ok()?;
        Some(Self { kind, settings })
    }

    /// Whether it can answer any of the questions.
    fn answers(&self, asked: &dyn Component) -> bool {
        asked.answers().iter().any(|question| self.settings.answers().contains(question))
    }

    /// The questions that it cannot answer. They are left out: results are never invented.
    fn unanswered(&self, asked: &dyn Component) -> Vec<&'static str> {
        let answers = self.settings.answers();
        asked.answers().into_iter().filter(|question| !answers.contains(question)).collect()
    }

    /// The sink, with the condition of the one that it replaces.
    fn sink(&self, when: Option<&Condition>, binding: &Binding, services: &dyn Services) -> Result<Instance, Error> {
        match self.settings.open(binding.clone(), services)? {
            Instance::Sink(inner) => Ok(Instance::Sink(sinks::select(inner, when, binding, services)?)),
            _ => Err(Error::permanent(ErrorCode::CardWrong, format!("`{}` is not a sink", self.kind.card.name))),
        }
    }

    fn open(&self, binding: Binding, services: &dyn Services) -> Result<Option<Box<dyn Stage>>, Error> {
        match self.settings.open(binding, services)? {
            Instance::Stage(stage) => Ok(Some(stage)),
            _ => Err(Error::permanent(ErrorCode::CardWrong, format!("`{}` is not a stage", self.kind.card.name))),
        }
    }
}

/// A stage that replaces another. Its findings name the service it replaces.
struct SubstituteStage {
    stage: String,
    service: &'static str,
    inner: Option<Box<dyn Stage>>,
}

#[async_trait]
impl Stage for SubstituteStage {
    fn name(&self) -> &str {
        &self.stage
    }

    async fn apply(&self, records: Vec<Record>, deadline: Instant) -> Vec<Record> {
        let Some(inner) = &self.inner else { return records };
        let mut records = inner.apply(records, deadline).await;
        for finding in records.iter_mut().flat_map(|record| &mut record.findings) {
            if finding.stage == self.stage {
                finding.stands_in_for = Some(self.service.to_owned());
            }
        }
        records
    }
}
