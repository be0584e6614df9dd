//! The plan: a pure, typed description of all resources of one environment, from which everything is rendered.

pub mod alarms;
mod budget;
mod catalog;
mod concurrency;
mod dashboard;
mod functions;
mod key;
mod limits;
mod metadata;
mod notifier;
mod pages;
mod queues;
mod reasons;
mod roles;
mod schedule;
mod sink_targets;
mod storage;
mod suppressions;
mod template_value;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::Serialize;

use crate::config::Config;
use crate::config::mistake::{Mistake, MistakeCode};
use crate::config::pipeline::Pipeline;
use crate::config::shape;
use crate::resources::ResourceType;

pub use alarms::{AlarmPlan, MetricDimension, WatchedMetric};
pub use budget::{BudgetNotification, BudgetPlan};
pub use catalog::{CatalogColumn, CatalogTablePlan, DatabasePlan};
pub use dashboard::DashboardPlan;
pub use functions::{
    EnvironmentVariable, FunctionPlan, InvokeConfigPlan, LogGroupPlan, MAX_ENVIRONMENT_BYTES, MappingPlan,
    PRODUCER_TIMEOUT_S,
};
pub use key::KeyPlan;
pub use notifier::PermissionPlan;
pub use queues::{MAX_RECEIVES, QueuePlan, RedriveSources, VISIBILITY_FACTOR};
pub use reasons::{DerivedValue, Reasons};
pub use roles::{RolePlan, RoleStatement};
pub use schedule::SchedulePlan;
pub use sink_targets::{SubscriptionPlan, TopicPlan};
pub use storage::{BucketPlan, TablePlan};
pub use suppressions::Suppression;
pub use template_value::{ACCOUNT, LogicalId, PARTITION, REGION, SUFFIX, TemplateValue};

/// All resources of one environment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Name of the pipeline.
    pub pipeline: String,
    /// The environment.
    pub environment: String,
    /// Name of the stack.
    pub stack: String,
    /// What the stack is for.
    pub description: String,
    /// Whether a text from the file contains `${`, which a linter takes for a forgotten `Sub`.
    pub look_alikes: bool,
    /// Its region.
    pub region: String,
    /// The only account that it may be deployed to, where the file names one; not rendered.
    #[serde(skip)]
    pub account: Option<String>,
    /// Whether its data outlives it, and the stack is protected against deletion.
    pub retain: bool,
    /// The tags of every resource that takes tags.
    pub tags: Vec<Tag>,
    /// The schedule.
    pub schedule: SchedulePlan,
    /// The functions, in the order of the flow.
    pub functions: Vec<FunctionPlan>,
    /// Where failed invocations of the producer go.
    pub invokes: Vec<InvokeConfigPlan>,
    /// What allows topics to invoke functions.
    pub permissions: Vec<PermissionPlan>,
    /// What feeds the workers from their queues.
    pub mappings: Vec<MappingPlan>,
    /// The queues and dead-letter queues.
    pub queues: Vec<QueuePlan>,
    /// The tables.
    pub tables: Vec<TablePlan>,
    /// The buckets.
    pub buckets: Vec<BucketPlan>,
    /// The topics.
    pub topics: Vec<TopicPlan>,
    /// The subscriptions to the topics.
    pub subscriptions: Vec<SubscriptionPlan>,
    /// The alarms.
    pub alarms: Vec<AlarmPlan>,
    /// The budget: one, or none.
    pub budgets: Vec<BudgetPlan>,
    /// The dashboard: one, or none.
    pub dashboards: Vec<DashboardPlan>,
    /// The database that Athena reads: one, or none.
    pub databases: Vec<DatabasePlan>,
    /// The tables of that database.
    pub catalog: Vec<CatalogTablePlan>,
    /// The roles.
    pub roles: Vec<RolePlan>,
    /// The log groups.
    pub log_groups: Vec<LogGroupPlan>,
    /// The customer key for all stored data, where the file asks for one.
    pub key: Option<KeyPlan>,
    /// The accepted findings of checkov, by resource.
    pub suppressions: BTreeMap<LogicalId, Vec<Suppression>>,
    /// The outputs of the stack, by name.
    pub outputs: BTreeMap<String, StackOutput>,
    /// Derived values with their reasons.
    #[serde(skip)]
    pub reasons: Reasons,
    /// The settings that it was made from.
    #[serde(skip)]
    pub settings: BTreeMap<String, serde_json::Value>,
}

/// A tag of a resource: it separates the pipelines of an account in bills and searches.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Its name.
    pub key: &'static str,
    /// Its value.
    pub value: String,
}

/// An output of the stack.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StackOutput {
    /// What it is.
    pub description: String,
    /// Its value.
    pub value: TemplateValue,
}

/// One mistake per place and code: the one with the longest label among all environments and resources, which is that of
/// the longest name or the largest number. Fixing it fixes the others.
fn worst_of_each(mistakes: Vec<Mistake>) -> Vec<Mistake> {
    let mut worst: BTreeMap<(MistakeCode, usize), Mistake> = BTreeMap::new();
    for mistake in mistakes {
        match worst.entry((mistake.code, mistake.span.start)) {
            Entry::Occupied(mut known) if known.get().label.len() < mistake.label.len() => drop(known.insert(mistake)),
            Entry::Occupied(_) => {}
            Entry::Vacant(place) => drop(place.insert(mistake)),
        }
    }
    worst.into_values().collect()
}

/// A resource of the template: its type, its name, and the part of the file that asked for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedResource<'a> {
    /// Its name within the template.
    #[serde(skip)]
    pub id: &'a LogicalId,
    /// Its type.
    #[serde(rename = "type", serialize_with = "type_name")]
    pub card: &'static ResourceType,
    /// Its physical name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a TemplateValue>,
    /// The path in `pipeline.toml` that asked for it.
    pub path: &'a str,
    /// The resource that it belongs to, by which people know it: the queue of a queue policy.
    #[serde(skip)]
    pub part_of: Option<&'a LogicalId>,
}

impl<'a> PlannedResource<'a> {
    /// A resource with a physical name.
    fn named(card: &'static ResourceType, id: &'a LogicalId, name: &'a TemplateValue, path: &'a str) -> Self {
        Self { id, card, name: Some(name), path, part_of: None }
    }

    /// A resource that AWS names, or that has no name.
    fn unnamed(card: &'static ResourceType, id: &'a LogicalId, path: &'a str) -> Self {
        Self { id, card, name: None, path, part_of: None }
    }

    /// The same, as a part of another resource.
    fn part_of(self, whole: &'a LogicalId) -> Self {
        Self { part_of: Some(whole), ..self }
    }
}

fn type_name<S: serde::Serializer>(card: &&ResourceType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(card.name)
}

/// A mistake that only the plan can see: names too long, names that collide, too many resources.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Its code.
    pub code: MistakeCode,
    /// The path in `pipeline.toml` to point at.
    pub path: String,
    /// What is wrong.
    pub title: String,
    /// What was found.
    pub found: String,
    /// What is allowed.
    pub allowed: String,
    /// What to do.
    pub help: Option<String>,
}

impl Plan {
    /// Plans one environment.
    ///
    /// # Errors
    /// Every problem that would keep it from being deployed, all at once.
    pub fn of(pipeline: &Pipeline) -> Result<Self, Vec<Problem>> {
        let mut reasons = Reasons::default();
        let names = ResourceNames::of(pipeline);
        let stores = storage::plan(pipeline, &names, &mut reasons);
        let shapes = shape::shapes(pipeline);
        let mut flow = functions::plan(pipeline, &names, &shapes, &stores.tables, &mut reasons);
        let notifier = notifier::plan(pipeline, &names, &mut flow, &mut reasons);
        let key = key::plan(pipeline, &names, &flow.log_groups, &mut reasons);
        let alarms = alarms::plan(pipeline, &names, &flow.functions, &flow.queues, &mut reasons);
        let dashboard = dashboard::plan(pipeline, &names, &alarms, &flow.functions, &flow.queues, &flow.log_groups);
        let told = alarms::topic(pipeline, &names, &alarms, &mut reasons);
        let (posts, permission) = notifier.map(|it| (it.subscription, it.permission)).unzip();
        let tags = vec![
            Tag { key: "fanggen:pipeline", value: pipeline.head.name.to_string() },
            Tag { key: "fanggen:environment", value: pipeline.environment.clone() },
        ];
        let budget = budget::plan(pipeline, &names, &tags, &mut reasons);
        let mut problems = Vec::new();
        let roles = roles::plan(pipeline, &names, &shapes, &flow, &stores.tables, &mut reasons, &mut problems);
        let mut plan = Self {
            pipeline: pipeline.head.name.to_string(),
            environment: pipeline.environment.clone(),
            stack: names.stack().to_owned(),
            description: pipeline.head.description.as_ref().map_or_else(
                || format!("Pipeline {}, {}", pipeline.head.name, pipeline.environment),
                ToString::to_string,
            ),
            look_alikes: false,
            region: pipeline.aws.region.to_string(),
            account: pipeline.aws.account.as_ref().map(ToString::to_string),
            retain: pipeline.data.retain,
            tags,
            schedule: flow.schedule,
            functions: flow.functions,
            invokes: flow.invokes,
            permissions: permission.into_iter().collect(),
            mappings: flow.mappings,
            queues: flow.queues.into_iter().chain(stores.queues).collect(),
            tables: stores.tables,
            buckets: stores.buckets,
            topics: stores.topics.into_iter().chain(told.topic).collect(),
            subscriptions: stores.subscriptions.into_iter().chain(told.subscription).chain(posts).collect(),
            alarms,
            budgets: budget.into_iter().collect(),
            dashboards: dashboard.into_iter().collect(),
            databases: stores.databases,
            catalog: stores.catalog,
            roles,
            log_groups: flow.log_groups,
            key,
            suppressions: BTreeMap::new(),
            outputs: BTreeMap::new(),
            reasons,
            settings: metadata::settings(pipeline),
        };
        plan.outputs = plan.outputs();
        plan.suppressions = suppressions::of(&plan, pipeline);
        let look_alikes = plan.literals().any(|text| text.contains("${"));
        plan.look_alikes = look_alikes;
        limits::check(&plan, &mut problems);
        if problems.is_empty() { Ok(plan) } else { Err(problems) }
    }

    /// Plans every environment of a file; problems become mistakes with their places.
    pub fn all(config: &mut Config) -> BTreeMap<String, Self> {
        let mut plans = BTreeMap::new();
        let mut mistakes = Vec::new();
        for (environment, pipeline) in &config.pipelines {
            match Self::of(pipeline) {
                Ok(plan) => drop(plans.insert(environment.clone(), plan)),
                Err(problems) => mistakes.extend(problems.into_iter().map(|problem| {
                    Mistake::new(problem.code, &config.span(environment, &problem.path), problem.title, problem.found)
                        .allowed(problem.allowed)
                        .help(problem.help)
                })),
            }
        }
        let mut mistakes = worst_of_each(mistakes);
        mistakes.extend(limits::across_environments(config, &plans));
        mistakes.extend(concurrency::check(config, &mut plans));
        config.note(mistakes);
        plans
    }

    /// The texts of the template that come from the file and are rendered literally.
    fn literals(&self) -> impl Iterator<Item = &str> {
        let variables = self.functions.iter().flat_map(|function| &function.variables).map(|variable| &variable.value);
        let statements = || self.roles.iter().flat_map(|role| &role.statements);
        let conditions = statements().flat_map(|statement| statement.conditions.values());
        let keys = conditions.clone().flat_map(BTreeMap::keys);
        let values = conditions.flat_map(BTreeMap::values).flat_map(|value| match value {
            serde_json::Value::Array(list) => list.iter().filter_map(serde_json::Value::as_str).collect(),
            other => Vec::from_iter(other.as_str()),
        });
        [self.description.as_str()]
            .into_iter()
            .chain(self.schedule.input.literals())
            .chain(
                (self.subscriptions.iter().map(|subscription| &subscription.endpoint))
                    .chain(self.budgets.iter().map(|budget| &budget.email))
                    .chain(variables)
                    .chain(statements().flat_map(|statement| &statement.resources))
                    .filter_map(TemplateValue::literal),
            )
            .chain(keys.map(String::as_str))
            .chain(values)
    }

    fn outputs(&self) -> BTreeMap<String, StackOutput> {
        let mut outputs = BTreeMap::new();
        let mut put = |id: &LogicalId, what: &str, path: &str| {
            let description = format!("{what} of {path}");
            outputs.insert(id.as_str().to_owned(), StackOutput { description, value: TemplateValue::Ref(id.clone()) });
        };
        self.tables.iter().for_each(|table| put(&table.id, "Table", &table.path));
        self.buckets.iter().for_each(|bucket| put(&bucket.id, "Bucket", &bucket.path));
        let for_others = self.queues.iter().filter(|queue| queue.for_others);
        for_others.for_each(|queue| put(&queue.id, "Address of the queue", &queue.path));
        self.topics.iter().for_each(|topic| put(&topic.id, "ARN of the topic", &topic.path));
        self.databases.iter().for_each(|database| put(&database.id, "Database for Athena", &database.path));
        outputs
    }

    /// The dead-letter queues, each with what fails into it: a queue, a function or the schedule.
    pub fn dead_letter_queues(&self) -> impl Iterator<Item = (&LogicalId, &LogicalId)> {
        let of_queues = self.queues.iter().filter_map(|queue| match &queue.dead_letter.as_ref()?.arn {
            TemplateValue::Arn(dead) => Some((dead, &queue.id)),
            _ => None,
        });
        let of_functions = self.invokes.iter().map(|invoke| (&invoke.on_failure, &invoke.function));
        of_queues.chain(of_functions).chain([(&self.schedule.dead_letter, &self.schedule.id)])
    }

    /// Every resource, in the order of the template.
    pub fn resources(&self) -> impl Iterator<Item = PlannedResource<'_>> {
        (self.schedule.resources().into_iter())
            .chain(self.functions.iter().flat_map(FunctionPlan::resources))
            .chain(self.invokes.iter().flat_map(InvokeConfigPlan::resources))
            .chain(self.permissions.iter().flat_map(PermissionPlan::resources))
            .chain(self.mappings.iter().flat_map(MappingPlan::resources))
            .chain(self.log_groups.iter().flat_map(LogGroupPlan::resources))
            .chain(self.queues.iter().flat_map(QueuePlan::resources))
            .chain(self.tables.iter().flat_map(TablePlan::resources))
            .chain(self.buckets.iter().flat_map(BucketPlan::resources))
            .chain(self.topics.iter().flat_map(TopicPlan::resources))
            .chain(self.subscriptions.iter().flat_map(SubscriptionPlan::resources))
            .chain(self.alarms.iter().flat_map(AlarmPlan::resources))
            .chain(self.dashboards.iter().flat_map(DashboardPlan::resources))
            .chain(self.budgets.iter().flat_map(BudgetPlan::resources))
            .chain(self.databases.iter().flat_map(DatabasePlan::resources))
            .chain(self.catalog.iter().flat_map(CatalogTablePlan::resources))
            .chain(self.roles.iter().flat_map(RolePlan::resources))
            .chain(self.key.iter().flat_map(KeyPlan::resources))
    }

    /// How many resources the template has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.resources().count()
    }
}

/// How resources are named: `<pipeline>-<environment>-<part>`.
#[derive(Clone, Debug)]
pub struct ResourceNames {
    prefix: String,
    region: String,
    /// The account where the file names it, so that names are literals: CloudFormation imports an existing resource only
    /// by a literal name.
    account: String,
}

impl ResourceNames {
    fn of(pipeline: &Pipeline) -> Self {
        Self {
            prefix: format!("{}-{}", pipeline.head.name, pipeline.environment),
            region: pipeline.aws.region.to_string(),
            account: pipeline.aws.account.as_ref().map_or_else(|| ACCOUNT.to_owned(), ToString::to_string),
        }
    }

    /// The name of the stack.
    #[must_use]
    pub fn stack(&self) -> &str {
        &self.prefix
    }

    /// The name of one part of the environment.
    #[must_use]
    pub fn of_part(&self, part: &str) -> String {
        format!("{}-{part}", self.prefix)
    }

    /// A name that is unique in the account across all regions, since roles are global.
    #[must_use]
    pub fn global(&self, part: &str) -> String {
        format!("{}-{part}-{}", self.prefix, self.region)
    }
}
