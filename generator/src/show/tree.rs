//! The resources of an environment as a tree, as `plan --offline` prints them.

use std::fmt;

use crate::plan::{ACCOUNT, PARTITION, Plan, QueuePlan, REGION};

/// A plan, shown as a tree.
#[derive(Clone, Copy, Debug)]
pub struct PlanTree<'a>(pub &'a Plan);

impl fmt::Display for PlanTree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(plan) = self;
        writeln!(f, "{} in {}: {} resources", plan.stack, plan.region, plan.count())?;
        let schedule = &plan.schedule;
        writeln!(
            f,
            "├── schedule {}  {} {} ({})",
            schedule.name.plain(),
            schedule.expression,
            schedule.timezone,
            schedule.state.to_lowercase()
        )?;
        for function in &plan.functions {
            let (memory, timeout) = (function.memory_mb, function.timeout_s);
            writeln!(f, "├── function {}  {}, {memory} MB, {timeout} s", function.name.plain(), function.architecture)?;
            let mapping = plan.mappings.iter().find(|mapping| mapping.function == function.id);
            if let Some(mapping) = mapping {
                writeln!(f, "│   ├── from queue, {} instances at once", mapping.concurrency)?;
            }
            for statement in plan.roles.iter().filter(|role| role.id == function.role).flat_map(|role| &role.statements)
            {
                let resources: Vec<&str> = statement.resources.iter().map(|text| last(text.plain())).collect();
                writeln!(
                    f,
                    "│   ├── may {} on {}  ({})",
                    statement.actions.join(", "),
                    resources.join(", "),
                    statement.path
                )?;
            }
            let bytes: usize = function.variables.iter().map(|it| it.name.len() + it.value.longest()).sum();
            writeln!(f, "│   └── {} variables, {bytes} of 4096 bytes", function.variables.len())?;
        }
        for queue in &plan.queues {
            writeln!(f, "├── queue {}{}", queue.name.plain(), after(queue))?;
        }
        for table in &plan.tables {
            let sort = table.sort.as_ref().map(|sort| format!(", {sort}")).unwrap_or_default();
            let expires = table.expires.map(|_| ", rows expire").unwrap_or_default();
            writeln!(
                f,
                "├── table {}  key {}{sort}{expires}{}",
                table.name.plain(),
                table.partition,
                kept(table.retain)
            )?;
        }
        for bucket in &plan.buckets {
            writeln!(f, "├── bucket {}{}", bucket.name.plain(), kept(bucket.retain))?;
        }
        for topic in &plan.topics {
            let mut email = plan.subscriptions.iter().filter(|subscription| subscription.topic == topic.id);
            let email =
                email.next().map(|subscription| format!("  sends mail to {}", subscription.email)).unwrap_or_default();
            writeln!(f, "├── topic {}{email}", topic.name.plain())?;
        }
        for table in &plan.catalog {
            let columns = table.columns.len();
            writeln!(f, "├── catalog table {}  {columns} columns, by {}", table.name.plain(), table.day)?;
        }
        if let Some(key) = &plan.key {
            writeln!(f, "├── key {}  rotated every year{}", key.name.plain(), kept(key.retain))?;
        }
        for role in &plan.roles {
            let (service, count) = (role.service, role.statements.len());
            writeln!(f, "├── role {}  for {service}, {count} statements", role.name.plain())?;
        }
        for group in &plan.log_groups {
            writeln!(f, "├── log group {}  {} days", group.name.plain(), group.retention_days)?;
        }
        let named = plan.resources().filter(|resource| resource.name.is_some()).count();
        writeln!(f, "├── and {} without names: policies, mappings and the like", plan.count() - named)?;
        let outputs: Vec<&str> = plan.outputs.keys().map(String::as_str).collect();
        write!(f, "└── outputs {}", outputs.join(", "))
    }
}

fn after(queue: &QueuePlan) -> String {
    match &queue.dead_letter {
        Some(dead) => format!("  visibility {} s, dead after {} receives", queue.visibility_s, dead.after),
        None if queue.for_others => format!("  for consumers of your own, {} days", queue.retention_s / 86_400),
        None => format!("  keeps what failed, {} days", queue.retention_s / 86_400),
    }
}

fn kept(retain: bool) -> &'static str {
    if retain { ", kept when the stack goes" } else { "" }
}

/// The readable end of an ARN: without partition, service, region and account.
fn last(arn: &str) -> &str {
    let Some(rest) = arn.strip_prefix(&format!("arn:{PARTITION}:")) else { return arn };
    let name = rest.split_once(':').map_or(rest, |(_, name)| name);
    name.strip_prefix(&format!("{REGION}:{ACCOUNT}:")).unwrap_or(name).trim_start_matches(':')
}
