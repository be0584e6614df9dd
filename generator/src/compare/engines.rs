//! The engines: stages that analyse sentiment without any settings, run as in a pipeline.

use std::time::Duration;

use fanggen_runtime::component::services::Services;
use fanggen_runtime::component::{Binding, Component, ComponentKind, ComponentRole, Instance};
use fanggen_runtime::function::registry;
use fanggen_runtime::model::error::ErrorCode;
use fanggen_runtime::model::record::{Item, Label, Record, Text};
use fanggen_runtime::model::run::MAX_CHUNK_ITEMS;
use fanggen_runtime::model::tree::{Tree, quoted_list};
use tokio::time::Instant;

use super::{CompareError, Sample};
use crate::config::suggestion::did_you_mean;

/// The longest that a chunk may take, as in a Lambda function.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(900);

/// The answer of an engine: label and score, or the code of the failure.
pub type EngineAnswer = Result<(Label, f64), ErrorCode>;

/// An engine, which is a type of stage.
pub struct Engine {
    kind: &'static ComponentKind,
    settings: Box<dyn Component>,
}

/// The names of all engines.
#[must_use]
pub fn known() -> Vec<&'static str> {
    registry::of(ComponentRole::Stage).iter().filter_map(Engine::of).map(|engine| engine.name()).collect()
}

/// The engines with these names.
///
/// # Errors
/// An unknown name, or one that occurs twice.
pub fn engines(names: &[String]) -> Result<Vec<Engine>, CompareError> {
    let mut engines: Vec<Engine> = Vec::new();
    for name in names {
        let known = known();
        let engine =
            registry::find(ComponentRole::Stage, name).filter(|_| known.contains(&name.as_str())).and_then(Engine::of);
        let engine = engine.ok_or_else(|| CompareError::Engine {
            found: name.clone(),
            known: quoted_list(&known),
            help: did_you_mean(name, &known).map(|help| format!("; {help}")).unwrap_or_default(),
        })?;
        if engines.iter().any(|other| other.name() == name) {
            return Err(CompareError::Twice(name.clone()));
        }
        engines.push(engine);
    }
    Ok(engines)
}

impl Engine {
    fn of(kind: &'static ComponentKind) -> Option<Self> {
        let settings = (kind.read)(&Tree::from_json(serde_json::json!({}))).ok()?;
        settings.answers().contains(&"sentiment").then_some(Self { kind, settings })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind.card.name
    }

    /// Whether it is a paid service.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        !self.settings.units().is_empty()
    }

    /// Its answer to each text, in order.
    pub async fn ask(
        &self,
        texts: &[Sample],
        language: &str,
        services: &dyn Services,
        done: &dyn Fn(usize),
    ) -> Result<Vec<EngineAnswer>, CompareError> {
        let closed = |reason: String| CompareError::Closed { name: self.name().to_owned(), reason };
        let pace = self.settings.quota().map(|quota| quota.rate_limit(1.0, 1));
        let binding = Binding { name: self.name().to_owned(), rate_limit: pace, ..Binding::default() };
        let opened = self.settings.open(binding, services).map_err(|error| closed(error.message))?;
        let Instance::Stage(stage) = opened else { return Err(closed("it is not a stage".into())) };
        let mut answers = Vec::with_capacity(texts.len());
        for chunk in texts.chunks(MAX_CHUNK_ITEMS) {
            let records = chunk.iter().map(|given| record(given, language)).collect();
            let analysed = stage.apply(records, Instant::now() + CHUNK_TIMEOUT).await;
            if analysed.len() != chunk.len() {
                return Err(closed(format!("it answered {} of {} texts", analysed.len(), chunk.len())));
            }
            answers.extend(analysed.iter().map(answer));
            done(chunk.len());
        }
        Ok(answers)
    }
}

fn record(given: &Sample, language: &str) -> Record {
    // Without an item, the text is about nothing that occurs in it.
    let key = given.item.clone().unwrap_or_default();
    let text = Text {
        body: given.text.clone(),
        language: Some(given.language.clone().unwrap_or_else(|| language.to_owned())),
        source: "texts".into(),
        ..Text::default()
    };
    Record { text: Some(text), ..Record::new("compare", "texts", Item::named(key)) }
}

fn answer(record: &Record) -> EngineAnswer {
    if let Some(failure) = &record.failure {
        return Err(failure.error.code);
    }
    let finding = record.finding().and_then(|finding| Some((finding.label?, finding.score?)));
    finding.ok_or(ErrorCode::NoAnswer)
}
