//! The resources of an environment as a tree, as `plan --offline` prints them.

use std::collections::BTreeMap;
use std::fmt;

use crate::plan::{
    ACCOUNT, FunctionPlan, LogicalId, MAX_ENVIRONMENT_BYTES, PARTITION, Plan, PlannedResource, QueuePlan, REGION,
    TemplateValue,
};
use crate::resources;
use crate::show::next_runs::NextRuns;

/// A plan and the next firings of its schedule, shown as a tree.
#[derive(Clone, Copy, Debug)]
pub struct PlanTree<'a>(pub &'a Plan, pub &'a NextRuns);

impl fmt::Display for PlanTree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(plan, next_runs) = self;
        let resources: Vec<PlannedResource<'_>> = plan.resources().collect();
        writeln!(f, "{} in {}: {} resources", plan.stack, plan.region, resources.len())?;
        let mut details = details(plan);
        if let Some(schedule) = details.get_mut(&plan.schedule.id) {
            let lines = next_runs.lines();
            let last = lines.len().saturating_sub(1);
            for (at, line) in lines.iter().enumerate() {
                let branch = if at == last { "└──" } else { "├──" };
                schedule.push_str(&format!("\n│   {branch} fires {line}"));
            }
        }
        let mut unnamed = resources.len();
        for card in resources::ALL {
            for resource in resources.iter().filter(|resource| resource.card == *card) {
                let Some(name) = resource.name else { continue };
                unnamed -= 1;
                let details = details.get(resource.id).map(String::as_str).unwrap_or_default();
                writeln!(f, "├── {} {}{details}", card.noun, name.plain())?;
            }
        }
        writeln!(f, "├── and {unnamed} without names: policies, mappings and the like")?;
        let outputs: Vec<&str> = plan.outputs.keys().map(String::as_str).collect();
        write!(f, "└── outputs {}", outputs.join(", "))
    }
}

/// What stands behind the name of a resource, where there is more to say than its type and name.
fn details(plan: &Plan) -> BTreeMap<&LogicalId, String> {
    let mut all = BTreeMap::new();
    let schedule = &plan.schedule;
    let state = schedule.state.to_lowercase();
    all.insert(&schedule.id, format!("  {} {} ({state})", schedule.expression, schedule.timezone));
    all.extend(plan.functions.iter().map(|function| (&function.id, inside(plan, function))));
    all.extend(plan.queues.iter().map(|queue| (&queue.id, after(queue))));
    for table in &plan.tables {
        let sort = table.sort.as_ref().map(|sort| format!(", {sort}")).unwrap_or_default();
        let expires = if table.ttl.is_some_and(|ttl| ttl.enabled) { ", rows expire" } else { "" };
        all.insert(&table.id, format!("  key {}{sort}{expires}{}", table.partition, kept(table.retain)));
    }
    all.extend(plan.buckets.iter().map(|bucket| (&bucket.id, kept(bucket.retain).to_owned())));
    for subscription in &plan.subscriptions {
        let to = match &subscription.endpoint {
            TemplateValue::Arn(_) => "  invokes the notifier".to_owned(),
            address => format!("  sends mail to {}", address.plain()),
        };
        let told: &mut String = all.entry(&subscription.topic).or_default();
        if !told.is_empty() {
            told.push(',');
        }
        told.push_str(&to);
    }
    for table in &plan.catalog {
        all.insert(&table.id, format!("  {} columns, by {}", table.columns.len(), table.day));
    }
    all.extend(plan.key.iter().map(|key| (&key.alias, format!("  rotated every year{}", kept(key.retain)))));
    for role in &plan.roles {
        all.insert(&role.id, format!("  for {}, {} statements", role.service, role.statements.len()));
    }
    all.extend(plan.log_groups.iter().map(|group| (&group.id, format!("  {} days", group.retention_days))));
    all
}

/// The size of a function, and below it what feeds it, what it may do, and its variables.
fn inside(plan: &Plan, function: &FunctionPlan) -> String {
    let mut lines = vec![format!("  {}, {} MB, {} s", function.architecture, function.memory_mb, function.timeout_s)];
    if let Some(mapping) = plan.mappings.iter().find(|mapping| mapping.function == function.id) {
        lines.push(format!("│   ├── from queue, {} instances at once", mapping.concurrency));
    }
    for statement in plan.roles.iter().filter(|role| role.id == function.role).flat_map(|role| &role.statements) {
        let resources: Vec<&str> = statement.resources.iter().map(|text| last(text.plain())).collect();
        let (actions, resources) = (statement.actions.join(", "), resources.join(", "));
        lines.push(format!("│   ├── may {actions} on {resources}  ({})", statement.path));
    }
    let bytes = function.environment_bytes();
    lines.push(format!("│   └── {} variables, {bytes} of {MAX_ENVIRONMENT_BYTES} bytes", function.variables.len()));
    lines.join("\n")
}

fn after(queue: &QueuePlan) -> String {
    match &queue.dead_letter {
        Some(dead) => {
            format!("  visibility {} s, to its dead-letter queue after {} receives", queue.visibility_s, dead.after)
        }
        None if queue.for_others => format!("  for your own consumers, {} days", queue.retention_s / 86_400),
        None => format!("  dead-letter queue, {} days", queue.retention_s / 86_400),
    }
}

fn kept(retain: bool) -> &'static str {
    if retain { ", kept when the stack is deleted" } else { "" }
}

/// The readable end of an ARN: without partition, service, region and account.
fn last(arn: &str) -> &str {
    let Some(rest) = arn.strip_prefix(&format!("arn:{PARTITION}:")) else { return arn };
    let name = rest.split_once(':').map_or(rest, |(_, name)| name);
    name.strip_prefix(&format!("{REGION}:{ACCOUNT}:")).unwrap_or(name).trim_start_matches(':')
}
