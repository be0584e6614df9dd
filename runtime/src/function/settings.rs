//! A function: an inlet, some stages in a row, outlets. The plan writes it to variables, the Lambda reads it back.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::component::{Binding, Component, ComponentKind, ComponentRole, RateLimit};
use crate::function::registry;
use crate::model::error::{Error, ErrorCode};
use crate::model::run::MAX_CHUNK_ITEMS;
use crate::model::tree::Tree;

/// A component in its place in a function.
#[derive(Clone, Debug)]
pub struct FunctionComponent {
    /// Its name in the pipeline.
    pub name: String,
    /// What it is.
    pub kind: &'static ComponentKind,
    /// Its settings.
    pub settings: Box<dyn Component>,
    /// The physical name of its store, where it has one.
    pub on: Option<String>,
    /// How fast it may call upstream.
    pub pace: Option<RateLimit>,
}

impl PartialEq for FunctionComponent {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.kind.card.name, &self.on, self.pace, self.settings.json())
            == (&other.name, other.kind.card.name, &other.on, other.pace, other.settings.json())
    }
}

impl FunctionComponent {
    /// What the component is told when it is opened.
    #[must_use]
    pub fn binding(&self, function: &Function) -> Binding {
        Binding {
            name: self.name.clone(),
            store: self.on.clone(),
            rate_limit: self.pace,
            contact: function.contact.clone(),
            items: Vec::new(),
            state_table: function.state.clone(),
            pipeline: function.pipeline.clone(),
            environment: function.environment.clone(),
        }
    }

    fn to_json(&self) -> Value {
        let mut value = self.settings.json();
        if let Some(table) = value.as_object_mut() {
            table.insert("name".into(), json!(self.name));
            table.insert("type".into(), json!(self.kind.card.name));
            if let Some(pace) = self.pace {
                table.insert("pace".into(), json!(pace));
            }
        }
        value
    }

    fn from_json(variable: &str, role: ComponentRole, text: &str, on: Option<String>) -> Result<Self, Error> {
        let wrong = |words: String| Error::permanent(ErrorCode::SettingsUnreadable, format!("`{variable}`: {words}"));
        let mut value: Value = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let table = value.as_object_mut().ok_or_else(|| wrong("not a JSON object".into()))?;
        let mut word = |key: &str| match table.remove(key) {
            Some(Value::String(word)) => Ok(word),
            _ => Err(wrong(format!("`{key}` is missing"))),
        };
        let (name, kind) = (word("name")?, word("type")?);
        let pace = table.remove("pace").map(serde_json::from_value).transpose().map_err(|e| wrong(e.to_string()))?;
        let kind =
            registry::find(role, &kind).ok_or_else(|| wrong(format!("no {} of type `{kind}`", role.as_str())))?;
        let settings = (kind.read)(&Tree::from_json(value)).map_err(|fault| wrong(fault.to_string()))?;
        Ok(Self { name, kind, settings, on, pace })
    }
}

/// Where a function's work comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// The schedule: the items of these sources.
    Schedule(Vec<FunctionComponent>),
    /// The queue before it.
    Queue(InputQueue),
}

/// The queue before a function, and what becomes of its messages in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputQueue {
    /// The queue, to say there when a message is to come again.
    pub queue: Option<String>,
    /// The queue for messages that nobody can read.
    pub dead: Option<String>,
    /// After how many receives SQS itself takes a message for dead.
    pub receives: Option<u64>,
}

/// Where a function's records go.
#[derive(Clone, Debug, PartialEq)]
pub enum FunctionOutput {
    /// The queue of the next function.
    Queue(String),
    /// The sinks, all of them.
    Sinks(Vec<FunctionComponent>),
}

/// One Lambda, or its like on one's own machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// The pipeline's name.
    pub pipeline: String,
    /// The environment.
    pub environment: String,
    /// The function's name in the plan: `producer`, `worker`, `worker-<stage>`.
    pub name: String,
    /// Who operates the pipeline, for the User-Agent.
    pub contact: Option<String>,
    /// The table of runs, chunks and findings, where there is one.
    pub state: Option<String>,
    /// Items of a chunk that it sends, at most; fewer than usual where stages make several records of each.
    pub chunk_items: usize,
    /// Where its work comes from.
    pub trigger: Trigger,
    /// What it does.
    pub stages: Vec<FunctionComponent>,
    /// Where its records go.
    pub output: FunctionOutput,
}

/// An environment variable of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name, with `FANG_` before it.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether the value is a physical name, in which the plan may have left places for account and region.
    pub physical: bool,
}

const PIPELINE: &str = "FANG_PIPELINE";
const ENVIRONMENT: &str = "FANG_ENVIRONMENT";
const FUNCTION: &str = "FANG_FUNCTION";
const CONTACT: &str = "FANG_CONTACT";
const STATE: &str = "FANG_STATE";
const OUT: &str = "FANG_OUT";
const QUEUE: &str = "FANG_QUEUE";
const DEAD: &str = "FANG_DEAD";
const RECEIVES: &str = "FANG_RECEIVES";
const CHUNK: &str = "FANG_CHUNK";

const fn prefix(role: ComponentRole) -> &'static str {
    match role {
        ComponentRole::Source => "FANG_SOURCE_",
        ComponentRole::Stage => "FANG_STAGE_",
        ComponentRole::Sink => "FANG_SINK_",
    }
}

impl Function {
    /// The variables from which [`Function::from_env`] makes the same function again, in the order of their names.
    #[must_use]
    pub fn to_env(&self) -> Vec<Variable> {
        let mut variables = Vec::new();
        let mut put = |name: String, value: &str, physical: bool| {
            variables.push(Variable { name, value: value.to_owned(), physical });
        };
        put(PIPELINE.into(), &self.pipeline, false);
        put(ENVIRONMENT.into(), &self.environment, false);
        put(FUNCTION.into(), &self.name, false);
        if let Some(contact) = &self.contact {
            put(CONTACT.into(), contact, false);
        }
        if let Some(state) = &self.state {
            put(STATE.into(), state, true);
        }
        if let Trigger::Queue(intake) = &self.trigger {
            for (name, queue) in [(QUEUE, &intake.queue), (DEAD, &intake.dead)] {
                if let Some(queue) = queue {
                    put(name.into(), queue, true);
                }
            }
            if let Some(receives) = intake.receives {
                put(RECEIVES.into(), &receives.to_string(), false);
            }
        }
        if self.chunk_items != MAX_CHUNK_ITEMS {
            put(CHUNK.into(), &self.chunk_items.to_string(), false);
        }
        let mut parts = |role: ComponentRole, parts: &[FunctionComponent]| {
            for (place, part) in parts.iter().enumerate() {
                let name = format!("{}{place}", prefix(role));
                if let Some(on) = &part.on {
                    put(format!("{name}_ON"), on, true);
                }
                put(name, &part.to_json().to_string(), false);
            }
        };
        parts(ComponentRole::Stage, &self.stages);
        if let Trigger::Schedule(sources) = &self.trigger {
            parts(ComponentRole::Source, sources);
        }
        match &self.output {
            FunctionOutput::Sinks(sinks) => parts(ComponentRole::Sink, sinks),
            FunctionOutput::Queue(queue) => put(OUT.into(), queue, true),
        }
        variables.sort_by(|a, b| a.name.cmp(&b.name));
        variables
    }

    /// Reads a function from variables.
    ///
    /// # Errors
    /// `settings_missing`, `settings_unreadable`, naming the variable.
    pub fn from_env(variables: &BTreeMap<String, String>) -> Result<Self, Error> {
        let required = |name: &str| {
            variables.get(name).cloned().ok_or_else(|| {
                Error::permanent(
                    ErrorCode::SettingsMissing,
                    format!("the variable `{name}` is not set; `fanggen render` sets it"),
                )
            })
        };
        let parts = |role: ComponentRole| -> Result<Vec<FunctionComponent>, Error> {
            (0..)
                .map(|place| format!("{}{place}", prefix(role)))
                .map_while(|name| variables.get(&name).map(|text| (name, text)))
                .map(|(name, text)| {
                    FunctionComponent::from_json(&name, role, text, variables.get(&format!("{name}_ON")).cloned())
                })
                .collect()
        };
        let (sources, stages, sinks) =
            (parts(ComponentRole::Source)?, parts(ComponentRole::Stage)?, parts(ComponentRole::Sink)?);
        let number = |name: &str, of: &str| {
            let text = variables.get(name)?;
            let number = text.parse().ok().filter(|number: &u64| *number > 0);
            let words = || format!("`{name}`: `{text}` is not a number of {of}");
            Some(number.ok_or_else(|| Error::permanent(ErrorCode::SettingsUnreadable, words())))
        };
        let chunk_items = number(CHUNK, "items").transpose()?;
        let intake = InputQueue {
            queue: variables.get(QUEUE).cloned(),
            dead: variables.get(DEAD).cloned(),
            receives: number(RECEIVES, "receives").transpose()?,
        };
        Ok(Self {
            pipeline: required(PIPELINE)?,
            environment: required(ENVIRONMENT)?,
            name: required(FUNCTION)?,
            contact: variables.get(CONTACT).cloned(),
            state: variables.get(STATE).cloned(),
            chunk_items: chunk_items.and_then(|items| usize::try_from(items).ok()).unwrap_or(MAX_CHUNK_ITEMS),
            trigger: if sources.is_empty() { Trigger::Queue(intake) } else { Trigger::Schedule(sources) },
            stages,
            output: match variables.get(OUT) {
                Some(queue) => FunctionOutput::Queue(queue.clone()),
                None => FunctionOutput::Sinks(sinks),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Store;

    /// A part of every kind, from the least settings that its example shows.
    fn part(kind: &'static ComponentKind) -> FunctionComponent {
        let table: toml::Table = toml::from_str(kind.card.example).expect("an example is TOML");
        let (_, section) = table.into_iter().next().expect("a section");
        let mut settings = match section {
            toml::Value::Array(stages) => stages.into_iter().next().expect("a stage"),
            toml::Value::Table(named) => named.into_iter().next().expect("a component").1,
            other => panic!("{other:?}"),
        };
        let table = settings.as_table_mut().expect("a table");
        table.remove("name");
        assert_eq!(table.remove("type").expect("a type").as_str(), Some(kind.card.name));
        let tree = Tree::from_json(serde_json::to_value(settings).expect("JSON"));
        let settings = (kind.read)(&tree).unwrap_or_else(|fault| panic!("{kind:?}: {fault}"));
        let on = settings.store("x").map(|store| match store {
            Store::Existing(table) => table,
            Store::Table { name, .. }
            | Store::Bucket { name, .. }
            | Store::Queue { name }
            | Store::Topic { name, .. } => format!("p-e-{name}"),
        });
        let pace = settings.quota().map(|_| RateLimit { calls_per_second: 0.1 + 0.2, max_concurrent: 2 });
        FunctionComponent { name: "x".into(), kind, settings, on, pace }
    }

    fn around(trigger: Trigger, stages: Vec<FunctionComponent>, output: FunctionOutput) -> Function {
        Function {
            pipeline: "fang".into(),
            environment: "dev".into(),
            name: "worker".into(),
            contact: Some("a \"b\" ${c}\u{1f600}".into()),
            state: Some("fang-dev-state".into()),
            chunk_items: 25,
            trigger,
            stages,
            output,
        }
    }

    #[test]
    fn every_kind_survives_the_way_through_the_environment() {
        let queue = || {
            let (queue, dead) = (Some("https://sqs/1/q".into()), Some("https://sqs/1/q-dead".into()));
            Trigger::Queue(InputQueue { queue, dead, receives: Some(10) })
        };
        for kind in registry::all() {
            let part = part(kind);
            let out = FunctionOutput::Queue("https://queue".into());
            let function = match kind.card.role {
                ComponentRole::Source => around(Trigger::Schedule(vec![part]), vec![], out),
                ComponentRole::Stage => around(queue(), vec![part.clone(), part], out),
                ComponentRole::Sink => around(queue(), vec![], FunctionOutput::Sinks(vec![part.clone(), part])),
            };
            let variables = function.to_env().into_iter().map(|variable| (variable.name, variable.value)).collect();
            let again = Function::from_env(&variables).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            assert_eq!(again, function, "{kind:?}");
        }
    }

    #[test]
    fn a_missing_or_broken_variable_is_named() {
        let error = Function::from_env(&BTreeMap::new()).expect_err("empty");
        assert_eq!((error.code.as_str(), error.message.contains("FANG_PIPELINE")), ("settings_missing", true));
        for text in
            ["{", "[]", "{\"name\":\"x\",\"type\":\"nothing\"}", "{\"name\":\"x\",\"type\":\"lexicon\",\"odd\":1}"]
        {
            let variables = BTreeMap::from([("FANG_STAGE_0".to_owned(), text.to_owned())]);
            let error = Function::from_env(&variables).expect_err("broken");
            assert_eq!(error.code, ErrorCode::SettingsUnreadable, "{text}");
            assert!(error.message.contains("FANG_STAGE_0"), "{}", error.message);
        }
    }
}
