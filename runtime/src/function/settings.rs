//! The settings of a function: its trigger, stages and output. The plan writes them to environment variables, and the
//! Lambda reads them back.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::component::{Binding, Component, ComponentKind, ComponentRole, RateLimit};
use crate::function::notifier::NotifierSettings;
use crate::function::registry;
use crate::model::error::{Error, ErrorCode};
use crate::model::run::MAX_CHUNK_ITEMS;
use crate::model::tree::Tree;

/// A component of a function.
#[derive(Clone, Debug)]
pub struct FunctionComponent {
    /// Its name in the pipeline.
    pub name: String,
    /// Its kind.
    pub kind: &'static ComponentKind,
    /// Its settings.
    pub settings: Box<dyn Component>,
    /// The physical name of its store, if it has one.
    pub store: Option<String>,
    /// How fast it may call upstream.
    pub rate_limit: Option<RateLimit>,
}

impl PartialEq for FunctionComponent {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.kind.card.name, &self.store, self.rate_limit, self.settings.json())
            == (&other.name, other.kind.card.name, &other.store, other.rate_limit, other.settings.json())
    }
}

impl FunctionComponent {
    /// What the component receives when it is opened.
    #[must_use]
    pub fn binding(&self, function: &Function) -> Binding {
        Binding {
            name: self.name.clone(),
            store: self.store.clone(),
            rate_limit: self.rate_limit,
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
            if let Some(rate_limit) = self.rate_limit {
                table.insert("pace".into(), json!(rate_limit));
            }
        }
        value
    }

    fn from_json(variable: &str, role: ComponentRole, json: &str, store: Option<String>) -> Result<Self, Error> {
        let invalid = |why: String| Error::permanent(ErrorCode::SettingsUnreadable, format!("`{variable}`: {why}"));
        let mut value: Value = serde_json::from_str(json).map_err(|error| invalid(error.to_string()))?;
        let table = value.as_object_mut().ok_or_else(|| invalid("not a JSON object".into()))?;
        let mut string = |key: &str| match table.remove(key) {
            Some(Value::String(string)) => Ok(string),
            _ => Err(invalid(format!("`{key}` is missing"))),
        };
        let (name, kind) = (string("name")?, string("type")?);
        let rate_limit = table.remove("pace").map(serde_json::from_value).transpose();
        let rate_limit = rate_limit.map_err(|error| invalid(error.to_string()))?;
        let kind = registry::find(role, &kind)
            .ok_or_else(|| invalid(format!("there is no {} of type `{kind}`", role.as_str())))?;
        let settings = (kind.read)(&Tree::from_json(value)).map_err(|fault| invalid(fault.to_string()))?;
        Ok(Self { name, kind, settings, store, rate_limit })
    }
}

/// What invokes a function.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// A schedule. The function reads these sources.
    Schedule(Vec<FunctionComponent>),
    /// A queue of chunks.
    Queue(InputQueue),
    /// A topic of alarms. The function posts them, and has neither stages nor sinks.
    Alarms(NotifierSettings),
}

/// The input queue of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputQueue {
    /// The URL of the queue, in which the function delays failed messages.
    pub queue: Option<String>,
    /// The URL of the dead-letter queue, for messages that cannot be processed.
    pub dead_letter_queue: Option<String>,
    /// After how many receives SQS itself moves a message to the dead-letter queue.
    pub max_receives: Option<u64>,
}

/// Where a function's records go.
#[derive(Clone, Debug, PartialEq)]
pub enum FunctionOutput {
    /// The queue of the next function.
    Queue(String),
    /// All of these sinks.
    Sinks(Vec<FunctionComponent>),
}

/// One Lambda function, or its equivalent on the user's machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// The pipeline's name.
    pub pipeline: String,
    /// The environment's name.
    pub environment: String,
    /// The function's name in the plan: `producer`, `worker`, `worker-<stage>`, `notifier`.
    pub name: String,
    /// The operator of the pipeline, for the User-Agent.
    pub contact: Option<String>,
    /// The state table, if there is one.
    pub state: Option<String>,
    /// Maximum number of items per chunk that it sends. Lower than the default if a stage splits records.
    pub chunk_items: usize,
    /// What invokes it.
    pub trigger: Trigger,
    /// Its stages, in order.
    pub stages: Vec<FunctionComponent>,
    /// Where its records go.
    pub output: FunctionOutput,
}

/// An environment variable of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name, which starts with `FANG_`.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether the value is a physical name, which may contain placeholders for the account and the region.
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
const SLACK: &str = "FANG_SLACK";

const fn prefix(role: ComponentRole) -> &'static str {
    match role {
        ComponentRole::Source => "FANG_SOURCE_",
        ComponentRole::Stage => "FANG_STAGE_",
        ComponentRole::Sink => "FANG_SINK_",
    }
}

impl Function {
    /// The environment variables of the function, sorted by name. [`Function::from_env`] is the inverse.
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
        if let Trigger::Queue(input) = &self.trigger {
            for (name, queue) in [(QUEUE, &input.queue), (DEAD, &input.dead_letter_queue)] {
                if let Some(queue) = queue {
                    put(name.into(), queue, true);
                }
            }
            if let Some(max_receives) = input.max_receives {
                put(RECEIVES.into(), &max_receives.to_string(), false);
            }
        }
        if let Trigger::Alarms(settings) = &self.trigger {
            put(SLACK.into(), &json!(settings).to_string(), false);
        }
        if self.chunk_items != MAX_CHUNK_ITEMS {
            put(CHUNK.into(), &self.chunk_items.to_string(), false);
        }
        let mut put_components = |role: ComponentRole, components: &[FunctionComponent]| {
            for (index, component) in components.iter().enumerate() {
                let name = format!("{}{index}", prefix(role));
                if let Some(store) = &component.store {
                    put(format!("{name}_ON"), store, true);
                }
                put(name, &component.to_json().to_string(), false);
            }
        };
        put_components(ComponentRole::Stage, &self.stages);
        if let Trigger::Schedule(sources) = &self.trigger {
            put_components(ComponentRole::Source, sources);
        }
        match &self.output {
            FunctionOutput::Sinks(sinks) => put_components(ComponentRole::Sink, sinks),
            FunctionOutput::Queue(queue) => put(OUT.into(), queue, true),
        }
        variables.sort_by(|a, b| a.name.cmp(&b.name));
        variables
    }

    /// Reads a function from environment variables.
    ///
    /// # Errors
    /// `settings_missing` or `settings_unreadable`; the message names the variable.
    pub fn from_env(variables: &BTreeMap<String, String>) -> Result<Self, Error> {
        let required = |name: &str| {
            variables.get(name).cloned().ok_or_else(|| {
                Error::permanent(
                    ErrorCode::SettingsMissing,
                    format!("the environment variable `{name}` is not set; `fanggen render` sets it"),
                )
            })
        };
        let components = |role: ComponentRole| -> Result<Vec<FunctionComponent>, Error> {
            (0..)
                .map(|index| format!("{}{index}", prefix(role)))
                .map_while(|name| variables.get(&name).map(|json| (name, json)))
                .map(|(name, json)| {
                    FunctionComponent::from_json(&name, role, json, variables.get(&format!("{name}_ON")).cloned())
                })
                .collect()
        };
        let (sources, stages, sinks) =
            (components(ComponentRole::Source)?, components(ComponentRole::Stage)?, components(ComponentRole::Sink)?);
        let number = |name: &str, unit: &str| {
            let text = variables.get(name)?;
            let number = text.parse().ok().filter(|number: &u64| *number > 0);
            let message = || format!("`{name}`: `{text}` is not a positive number of {unit}");
            Some(number.ok_or_else(|| Error::permanent(ErrorCode::SettingsUnreadable, message())))
        };
        let notifier = variables.get(SLACK).map(|json| {
            serde_json::from_str(json)
                .map_err(|error| Error::permanent(ErrorCode::SettingsUnreadable, format!("`{SLACK}`: {error}")))
        });
        let notifier = notifier.transpose()?;
        let chunk_items = number(CHUNK, "items").transpose()?;
        let input = InputQueue {
            queue: variables.get(QUEUE).cloned(),
            dead_letter_queue: variables.get(DEAD).cloned(),
            max_receives: number(RECEIVES, "receives").transpose()?,
        };
        Ok(Self {
            pipeline: required(PIPELINE)?,
            environment: required(ENVIRONMENT)?,
            name: required(FUNCTION)?,
            contact: variables.get(CONTACT).cloned(),
            state: variables.get(STATE).cloned(),
            chunk_items: chunk_items.and_then(|items| usize::try_from(items).ok()).unwrap_or(MAX_CHUNK_ITEMS),
            trigger: match notifier {
                Some(settings) => Trigger::Alarms(settings),
                None if sources.is_empty() => Trigger::Queue(input),
                None => Trigger::Schedule(sources),
            },
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

    /// A component of this kind, with the settings of its example.
    fn component(kind: &'static ComponentKind) -> FunctionComponent {
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
        let store = settings.store("x").map(|store| match store {
            Store::Existing(table) => table,
            Store::Table { name, .. }
            | Store::Bucket { name, .. }
            | Store::Queue { name }
            | Store::Topic { name, .. } => format!("p-e-{name}"),
        });
        let rate_limit = settings.quota().map(|_| RateLimit { calls_per_second: 0.1 + 0.2, max_concurrent: 2 });
        FunctionComponent { name: "x".into(), kind, settings, store, rate_limit }
    }

    fn function(trigger: Trigger, stages: Vec<FunctionComponent>, output: FunctionOutput) -> Function {
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
    fn every_kind_round_trips_through_the_environment() {
        let queue = || {
            let (queue, dead_letter_queue) = (Some("https://sqs/1/q".into()), Some("https://sqs/1/q-dead".into()));
            Trigger::Queue(InputQueue { queue, dead_letter_queue, max_receives: Some(10) })
        };
        for kind in registry::all() {
            let component = component(kind);
            let output = FunctionOutput::Queue("https://queue".into());
            let function = match kind.card.role {
                ComponentRole::Source => function(Trigger::Schedule(vec![component]), vec![], output),
                ComponentRole::Stage => function(queue(), vec![component.clone(), component], output),
                ComponentRole::Sink => {
                    function(queue(), vec![], FunctionOutput::Sinks(vec![component.clone(), component]))
                }
            };
            let variables = function.to_env().into_iter().map(|variable| (variable.name, variable.value)).collect();
            let parsed = Function::from_env(&variables).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            assert_eq!(parsed, function, "{kind:?}");
        }
    }

    #[test]
    fn a_notifier_round_trips_through_the_environment_and_names_what_is_wrong() {
        let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:slack-AbCdEf";
        let json = json!({ "url_secret": arn, "allow": ["127.0.0.1:8080"] });
        let settings = serde_json::from_value(json).expect("settings");
        let notifier = function(Trigger::Alarms(settings), vec![], FunctionOutput::Sinks(vec![]));
        let variables: BTreeMap<_, _> = notifier.to_env().into_iter().map(|it| (it.name, it.value)).collect();
        assert_eq!(Function::from_env(&variables).expect("a notifier"), notifier);
        for text in ["{", "{}", r#"{"url_secret":"https://hooks.slack.com/s3cret"}"#] {
            let broken = BTreeMap::from([(SLACK.to_owned(), text.to_owned())]);
            let error = Function::from_env(
                &broken.into_iter().chain(variables.clone().into_iter().filter(|(name, _)| name != SLACK)).collect(),
            )
            .expect_err(text);
            assert!(
                error.code == ErrorCode::SettingsUnreadable && error.message.starts_with("`FANG_SLACK`: "),
                "{error}"
            );
        }
    }

    #[test]
    fn sinks_that_keep_records_store_them_and_those_with_consumers_do_not() {
        for kind in registry::all().filter(|kind| kind.card.role == ComponentRole::Sink) {
            let store = component(kind).settings.store("x");
            let keeps = matches!(store, Some(Store::Table { .. } | Store::Bucket { .. })) || kind.card.local_only;
            assert_eq!(kind.card.stores, keeps, "{kind:?}");
        }
    }

    #[test]
    fn an_error_names_the_missing_or_invalid_variable() {
        let error = Function::from_env(&BTreeMap::new()).expect_err("empty");
        assert_eq!((error.code.as_str(), error.message.contains("FANG_PIPELINE")), ("settings_missing", true));
        for text in
            ["{", "[]", "{\"name\":\"x\",\"type\":\"nothing\"}", "{\"name\":\"x\",\"type\":\"lexicon\",\"odd\":1}"]
        {
            let variables = BTreeMap::from([("FANG_STAGE_0".to_owned(), text.to_owned())]);
            let error = Function::from_env(&variables).expect_err("invalid");
            assert_eq!(error.code, ErrorCode::SettingsUnreadable, "{text}");
            assert!(error.message.contains("FANG_STAGE_0"), "{}", error.message);
        }
    }
}
