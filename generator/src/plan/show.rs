//! The plan as a tree for people.

use std::fmt;

use super::text::{ACCOUNT, PARTITION, REGION};
use super::{Plan, Queue};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} in {}: {} resources", self.stack, self.region, self.count())?;
        let schedule = &self.schedule;
        writeln!(
            f,
            "├── schedule {}  {} {} ({})",
            schedule.name.plain(),
            schedule.expression,
            schedule.timezone,
            schedule.state.to_lowercase()
        )?;
        for function in &self.functions {
            let (memory, timeout) = (function.memory_mb, function.timeout_s);
            writeln!(f, "├── function {}  {}, {memory} MB, {timeout} s", function.name.plain(), function.architecture)?;
            let mapping = self.mappings.iter().find(|mapping| mapping.function == function.id);
            if let Some(mapping) = mapping {
                writeln!(f, "│   ├── from queue, {} instances at once", mapping.concurrency)?;
            }
            for statement in self.roles.iter().filter(|role| role.id == function.role).flat_map(|role| &role.statements)
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
        for queue in &self.queues {
            writeln!(f, "├── queue {}{}", queue.name.plain(), after(queue))?;
        }
        for table in &self.tables {
            let sort = table.sort.as_ref().map(|sort| format!(", {sort}")).unwrap_or_default();
            let expires = table.expires.map(|_| ", rows end").unwrap_or_default();
            writeln!(
                f,
                "├── table {}  key {}{sort}{expires}{}",
                table.name.plain(),
                table.partition,
                kept(table.retain)
            )?;
        }
        for bucket in &self.buckets {
            writeln!(f, "├── bucket {}{}", bucket.name.plain(), kept(bucket.retain))?;
        }
        for topic in &self.topics {
            let mut told = self.subscriptions.iter().filter(|subscription| subscription.topic == topic.id);
            let told = told.next().map(|subscription| format!("  mails to {}", subscription.email)).unwrap_or_default();
            writeln!(f, "├── topic {}{told}", topic.name.plain())?;
        }
        for table in &self.catalog {
            let columns = table.columns.len();
            writeln!(f, "├── catalog table {}  {columns} columns, by {}", table.name.plain(), table.day)?;
        }
        if let Some(key) = &self.key {
            writeln!(f, "├── key {}  turned over every year{}", key.name.plain(), kept(key.retain))?;
        }
        for role in &self.roles {
            let (service, count) = (role.service, role.statements.len());
            writeln!(f, "├── role {}  for {service}, {count} statements", role.name.plain())?;
        }
        for group in &self.log_groups {
            writeln!(f, "├── log group {}  {} days", group.name.plain(), group.retention_days)?;
        }
        let named = self.resources().filter(|resource| resource.name.is_some()).count();
        writeln!(f, "├── and {} without names: policies, what joins queue and function", self.count() - named)?;
        let outputs: Vec<&str> = self.outputs.keys().map(String::as_str).collect();
        write!(f, "└── outputs {}", outputs.join(", "))
    }
}

fn after(queue: &Queue) -> String {
    match &queue.dead_letter {
        Some(dead) => format!("  visibility {} s, dead after {} receives", queue.visibility_s, dead.after),
        None if queue.listened => format!("  for others, {} days", queue.retention_s / 86_400),
        None => format!("  keeps what failed, {} days", queue.retention_s / 86_400),
    }
}

fn kept(retain: bool) -> &'static str {
    if retain { ", kept when the stack goes" } else { "" }
}

/// The part of an ARN that a reader looks for: without partition, service, region and account.
fn last(arn: &str) -> &str {
    let Some(rest) = arn.strip_prefix(&format!("arn:{PARTITION}:")) else { return arn };
    let name = rest.split_once(':').map_or(rest, |(_, name)| name);
    name.strip_prefix(&format!("{REGION}:{ACCOUNT}:")).unwrap_or(name).trim_start_matches(':')
}
