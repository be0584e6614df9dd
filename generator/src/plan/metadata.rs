//! Writes `Metadata.fanggen`: the resolved settings, what each resource is called and follows from, the derived values.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::alarms::PATH;
use super::roles::PERMISSIONS_OF;
use super::template_value::{LogicalId, TemplateValue};
use super::{Plan, PlannedResource};
use crate::config::pipeline::{ComponentConfig, Pipeline};
use crate::metadata::{DerivedRule, ResourceMetadata, TemplateMetadata};

/// The key of the items of a source. They are data: `apply` compares them with the rows of the table, or they are part of
/// the schedule's input. Ten thousand of them would not fit into a template.
const ITEMS: &str = "items";

/// The settings of a pipeline that matter to its stack: `[local]` and the profile of `[aws]` do not. Scopes are
/// compared as the statements that they become.
pub fn settings(pipeline: &Pipeline) -> BTreeMap<String, Value> {
    let named = |components: &[ComponentConfig]| -> Value {
        components.iter().filter(|it| deployed(it)).map(|it| (it.name.clone(), Value::Object(component(it)))).collect()
    };
    let stage = |stage: &ComponentConfig| {
        let mut settings = component(stage);
        settings.insert("name".into(), json!(stage.name));
        if let Value::Object(options) = json!(stage.options) {
            settings.extend(options);
        }
        Value::from(settings)
    };
    let mut settings = BTreeMap::from([
        ("pipeline", json!(pipeline.head)),
        ("aws", json!({ "region": pipeline.aws.region, "account": pipeline.aws.account })),
        ("schedule", json!(pipeline.schedule)),
        ("sources", named(&pipeline.sources)),
        ("stages", pipeline.stages.iter().map(stage).collect()),
        ("sinks", named(&pipeline.sinks)),
        ("functions", json!(pipeline.functions)),
        ("logs", json!(pipeline.logs)),
        ("alarms", json!(pipeline.alarms)),
        ("data", json!(pipeline.data)),
        ("iam", json!({ "permissions_boundary": pipeline.iam.permissions_boundary })),
    ]);
    if pipeline.budget.monthly_usd.is_some() {
        settings.insert("budget", json!(pipeline.budget));
    }
    settings.values_mut().for_each(for_metadata);
    settings.into_iter().map(|(section, settings)| (section.to_owned(), settings)).collect()
}

/// Whether a component is part of the stack.
fn deployed(component: &ComponentConfig) -> bool {
    !component.kind.card.local_only
}

/// The settings that a function is given, with defaults, and those that became a resource instead: these are in the file
/// only if they differ from their default.
fn component(component: &ComponentConfig) -> Map<String, Value> {
    let mut settings = match component.settings.json() {
        Value::Object(settings) => settings,
        _ => Map::new(),
    };
    let local: Vec<&str> = component.settings.files().into_iter().map(|(key, _)| key).collect();
    let apart = ["name", "isolate", "share", ITEMS];
    for (key, entry) in component.tree.as_table().into_iter().flatten() {
        if !settings.contains_key(key) && !local.contains(&key.as_str()) && !apart.contains(&key.as_str()) {
            settings.extend(entry.tree.read::<Value>().ok().map(|value| (key.clone(), value)));
        }
    }
    settings.insert("type".into(), json!(component.kind.card.name));
    settings
}

/// CloudFormation's metadata has no nulls and no fractions: a setting without a value is left out, and a fraction is a
/// string.
fn for_metadata(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, inner| !inner.is_null());
            map.values_mut().for_each(for_metadata);
        }
        Value::Array(list) => list.iter_mut().for_each(for_metadata),
        Value::Number(number) if number.is_f64() => *value = Value::String(number.to_string()),
        _ => {}
    }
}

impl Plan {
    /// What the template says about itself.
    #[must_use]
    pub fn metadata(&self) -> TemplateMetadata {
        TemplateMetadata {
            settings: self.settings.clone(),
            resources: self.resources_metadata(),
            derived: self.rules(),
        }
    }

    /// All resources: what they are called, and which settings they follow from.
    fn resources_metadata(&self) -> BTreeMap<String, ResourceMetadata> {
        let mut all = Resources::default();
        self.resources().for_each(|resource| all.put(&resource));
        let schedule = &self.schedule;
        all.name(&schedule.id, "", &["schedule", "sources", "data.kms"]);
        all.name(&schedule.role, " of schedule", &["iam", "data.kms"]);
        all.name_dead(&schedule.dead_letter, "schedule");
        let mut functions: BTreeMap<&LogicalId, (&str, Vec<&str>)> = BTreeMap::new();
        // The notifier is no part of the flow: nothing is sent to it.
        let next = self.functions.iter().skip(1).map(|next| Some(next).filter(|next| next.path != PATH)).chain([None]);
        for (function, next) in self.functions.iter().zip(next) {
            let word = function.word.as_str();
            let parts: Vec<&str> = function.parts.iter().map(String::as_str).chain([word]).collect();
            // The queue that it sends to is that of the next function, which a stage with `isolate` begins.
            let next = next.map(|next| format!("{}.isolate", next.path));
            let with = |more: &[&'static str]| -> Vec<&str> {
                parts.iter().copied().chain(next.as_deref()).chain(more.iter().copied()).collect()
            };
            all.name(&function.id, &format!(" {word}"), &with(&["functions", "pipeline.contact", "data.kms"]));
            all.name(&function.role, &format!(" of {word}"), &with(&["functions.tracing", "iam", "data.kms"]));
            all.name(&function.log_group, &format!(" of {word}"), &[word, "logs", "data"]);
            functions.insert(&function.id, (word, parts));
        }
        for mapping in &self.mappings {
            let Some((word, parts)) = functions.get(&mapping.function) else { continue };
            all.name(&mapping.id, &format!(" to {word}"), &[parts, &["functions.max_concurrency"][..]].concat());
            all.name(&mapping.queue, &format!(" of {word}"), &[word, "functions.timeout_s", "data.kms"]);
            let queue = self.queues.iter().find(|queue| queue.id == mapping.queue);
            let dead = queue.and_then(|queue| queue.dead_letter.as_ref()).map(|dead| &dead.arn);
            if let Some(TemplateValue::Arn(dead)) = dead {
                all.name_dead(dead, word);
            }
        }
        for invoke in &self.invokes {
            let Some((word, _)) = functions.get(&invoke.function) else { continue };
            all.name(&invoke.id, &format!(" of {word}"), &[word]);
            all.name_dead(&invoke.on_failure, word);
        }
        for queue in self.queues.iter().filter(|queue| queue.for_others) {
            all.name_of(&queue.id, last(&queue.path), &[&queue.path, "data.kms"]);
        }
        for table in &self.tables {
            all.name_of(&table.id, &table.word, &[&table.path, "data"]);
        }
        for bucket in &self.buckets {
            all.name_of(&bucket.id, &bucket.word, &[&bucket.path, "aws.account", "data"]);
        }
        for topic in &self.topics {
            all.name_of(&topic.id, last(&topic.path), &[&topic.path, "data.kms"]);
        }
        for subscription in &self.subscriptions {
            let (path, protocol) = (subscription.path.as_str(), subscription.protocol);
            let by = if protocol == "email" { String::new() } else { format!(" by {protocol}") };
            all.name(&subscription.id, &format!("{by} to the topic {}", last(path)), &[path]);
        }
        for permission in &self.permissions {
            let Some((word, _)) = functions.get(&permission.function) else { continue };
            all.name(&permission.id, &format!(" to invoke {word}"), &[&permission.path]);
        }
        for budget in &self.budgets {
            all.name(&budget.id, "", &[budget.path, "alarms.email"]);
        }
        for database in &self.databases {
            all.name(&database.id, "", &[&database.path]);
        }
        for table in &self.catalog {
            all.name_of(&table.id, &table.table, &[&table.path]);
        }
        if let Some(key) = &self.key {
            all.name(&key.id, "", &["data", "stages"]);
            all.name(&key.alias, "", &["data"]);
        }
        for resource in self.resources() {
            if let Some(whole) = resource.part_of {
                all.name_part(&resource, whole);
            }
        }
        for role in &self.roles {
            if let Some((resource, _)) = all.0.get_mut(role.id.as_str()) {
                resource.statements = role.statements.iter().map(|statement| statement.path.clone()).collect();
            }
        }
        all.0.into_iter().map(|(id, (resource, _))| (id, resource)).collect()
    }

    /// The derived values, but for permissions, which are compared as the roles have them.
    fn rules(&self) -> Vec<DerivedRule> {
        let mut places: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut rules: Vec<DerivedRule> = Vec::new();
        for it in self.reasons.0.iter().filter(|it| !it.of.starts_with(PERMISSIONS_OF)) {
            let place = *places.entry((&it.what, &it.why)).or_insert(rules.len());
            if place == rules.len() {
                rules.push(DerivedRule { what: it.what.clone(), why: it.why.clone(), values: BTreeMap::new() });
            }
            // Nothing is substituted in metadata, and the linter takes a placeholder there for a mistake.
            let text = it.value.replace("${AWS::", "{AWS::");
            let value = text.parse::<i64>().map_or_else(|_| json!(text), Value::from);
            rules[place].values.insert(it.of.clone(), value);
        }
        rules
    }
}

/// Resources by logical ID, with the nouns of their types.
#[derive(Default)]
struct Resources(BTreeMap<String, (ResourceMetadata, &'static str)>);

impl Resources {
    /// A resource of any type, by its noun and logical ID.
    fn put(&mut self, resource: &PlannedResource<'_>) {
        let (id, noun, path) = (resource.id.as_str(), resource.card.noun, resource.path);
        let words = format!("{noun} {id}");
        let follows = vec![path.to_owned()];
        let metadata = ResourceMetadata { path: path.to_owned(), words, follows, statements: Vec::new() };
        self.0.insert(id.to_owned(), (metadata, noun));
    }

    /// Names it by its noun and what comes behind that.
    fn name(&mut self, id: &LogicalId, behind: &str, follows: &[&str]) {
        if let Some((resource, noun)) = self.0.get_mut(id.as_str()) {
            resource.words = format!("{noun}{behind}");
            resource.follows = follows.iter().map(|path| (*path).to_owned()).collect();
        }
    }

    fn name_of(&mut self, id: &LogicalId, word: &str, follows: &[&str]) {
        self.name(id, &format!(" {word}"), follows);
    }

    fn name_dead(&mut self, id: &LogicalId, word: &str) {
        self.name(id, &format!(" of {word}"), &[word, "data.kms"]);
        if let Some((resource, _)) = self.0.get_mut(id.as_str()) {
            resource.words.insert_str(0, "dead-letter ");
        }
    }

    /// Names a part by its whole: `policy of the queue news` for a queue policy. It follows from no setting of its own.
    fn name_part(&mut self, part: &PlannedResource<'_>, whole: &LogicalId) {
        let noun = part.card.noun.rsplit(' ').next().unwrap_or(part.card.noun);
        let words = self.0.get(whole.as_str()).map(|(whole, _)| format!("{noun} of the {}", whole.words));
        if let (Some(words), Some((resource, _))) = (words, self.0.get_mut(part.id.as_str())) {
            resource.words = words;
            resource.follows.clear();
        }
    }
}

/// The name of a component, by its path.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}
