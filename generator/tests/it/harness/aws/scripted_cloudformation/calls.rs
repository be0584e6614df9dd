//! What the scripted CloudFormation does for each operation.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::wire::Answer;
use super::xml::{event_xml, finding_xml, reply, resources_xml, set_xml, stack_xml, tag, text_tag};
use super::{ChangeSet, GONE, Script};

type Form = BTreeMap<String, String>;
type Refused = (u16, &'static str, String);

/// The statuses in which a stack can be updated.
const SETTLED: [&str; 6] = [
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
    "REVIEW_IN_PROGRESS",
];

impl Script {
    pub(super) fn act(&mut self, operation: &str, form: &Form) -> Result<Answer, Refused> {
        let text = |name: &str| form.get(name).cloned().unwrap_or_default();
        let (name, token) = (text("StackName"), text("ClientRequestToken"));
        let set = text("ChangeSetName");
        match operation {
            "DescribeStacks" | "ListStacks" if name.is_empty() => {
                let stacks = self.stack.as_ref().filter(|stack| stack.status != GONE);
                let list = stacks.map(|stack| stack_xml(&self.name, stack)).unwrap_or_default();
                let list = if operation == "ListStacks" { tag("StackSummaries", &list) } else { tag("Stacks", &list) };
                Ok(reply(operation, &list))
            }
            "DescribeStacks" => {
                let stack = self.find(&name).ok_or_else(|| no_stack(&name))?;
                Ok(reply(operation, &tag("Stacks", &stack_xml(&self.name, stack))))
            }
            "DescribeStackEvents" => self.events_of(&name, &text("NextToken")),
            "CreateChangeSet" => self.create_change_set(&name, &set, form),
            "DescribeChangeSet" => {
                let set = self.set(&name, &set)?;
                let answer = reply(operation, &set_xml(&self.name, &self.stack_id(), set, true));
                self.settle(&set.id.clone());
                Ok(answer)
            }
            "DescribeEvents" => {
                let findings = self.set(&name, &set)?.findings.iter().map(finding_xml).collect::<String>();
                Ok(reply(operation, &tag("OperationEvents", &findings)))
            }
            "ListChangeSets" => {
                self.find(&name).ok_or_else(|| no_stack(&name))?;
                let id = self.stack_id();
                let list = self.sets.iter().map(|set| tag("member", &set_xml(&self.name, &id, set, false)));
                Ok(reply(operation, &tag("Summaries", &list.collect::<String>())))
            }
            "DeleteChangeSet" => {
                let id = self.set(&name, &set).map(|set| set.id.clone());
                self.sets.retain(|set| Some(&set.id) != id.as_ref().ok());
                Ok(reply(operation, ""))
            }
            "ExecuteChangeSet" => self.execute(&name, &set, &token),
            "DeleteStack" => self.delete(&name, &token),
            "ContinueUpdateRollback" => {
                self.in_state(&name, &["UPDATE_ROLLBACK_FAILED"], "can not be continued to roll back")?;
                self.react(operation, &token, &["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"]);
                Ok(reply(operation, ""))
            }
            "RollbackStack" => {
                self.in_state(&name, &["CREATE_FAILED", "UPDATE_FAILED"], "can not be rolled back")?;
                self.react(operation, &token, &["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"]);
                Ok(reply(operation, &tag("StackId", &self.stack_id())))
            }
            "UpdateTerminationProtection" => {
                let id = self.find(&name).ok_or_else(|| no_stack(&name))?.id.clone();
                let stack = self.stack.as_mut().ok_or_else(|| no_stack(&name))?;
                stack.protected = text("EnableTerminationProtection") == "true";
                Ok(reply(operation, &tag("StackId", &id)))
            }
            "GetTemplate" => {
                let stack = self.find(&name).ok_or_else(|| no_stack(&name))?;
                let stages = "<StagesAvailable><member>Original</member><member>Processed</member></StagesAvailable>";
                Ok(reply(operation, &format!("{}{stages}", text_tag("TemplateBody", &stack.template))))
            }
            "ListStackResources" => {
                let stack = self.find(&name).ok_or_else(|| no_stack(&name))?;
                Ok(reply(operation, &tag("StackResourceSummaries", &resources_xml(stack, "LastUpdatedTimestamp"))))
            }
            "DescribeStackResources" => {
                let stack = self.find(&name).ok_or_else(|| no_stack(&name))?;
                Ok(reply(operation, &tag("StackResources", &resources_xml(stack, "Timestamp"))))
            }
            other => Err((400, "InvalidAction", format!("Could not find operation {other} for version 2010-05-15"))),
        }
    }

    fn stack_id(&self) -> String {
        self.stack.as_ref().map(|stack| stack.id.clone()).unwrap_or_default()
    }

    fn in_state(&self, name: &str, states: &[&str], what: &str) -> Result<(), Refused> {
        let stack = self.find(name).ok_or_else(|| no_stack(name))?;
        if states.contains(&stack.status.as_str()) {
            return Ok(());
        }
        Err((400, "ValidationError", format!("Stack:{} is in {} state and {what}.", stack.id, stack.status)))
    }

    fn events_of(&self, name: &str, from: &str) -> Result<Answer, Refused> {
        let stack =
            self.find(name).ok_or_else(|| (400, "ValidationError", format!("Stack [{name}] does not exist")))?;
        let from: usize = from.parse().unwrap_or_default();
        let newest_first = self.events.iter().enumerate().rev().skip(from).take(self.page);
        let mut list = String::new();
        for (index, event) in newest_first {
            let own = text_tag("EventId", &format!("{index:08}")) + &text_tag("StackId", &stack.id);
            let rest = text_tag("StackName", &self.name) + &event_xml(event, "Timestamp");
            list += &tag("member", &format!("{own}{rest}{}", text_tag("ClientRequestToken", &event.token)));
        }
        let next = from + self.page;
        let more = if next < self.events.len() { tag("NextToken", &next.to_string()) } else { String::new() };
        Ok(reply("DescribeStackEvents", &(tag("StackEvents", &list) + &more)))
    }

    fn create_change_set(&mut self, stack: &str, name: &str, form: &Form) -> Result<Answer, Refused> {
        let kind = form.get("ChangeSetType").map_or("UPDATE", String::as_str).to_owned();
        match self.find(stack) {
            None if kind == "UPDATE" => {
                return Err((400, "ValidationError", format!("Stack [{stack}] does not exist")));
            }
            None if stack != self.name => {
                return Err((400, "ValidationError", format!("this script is of {}, and not of {stack}", self.name)));
            }
            None => self.begin("REVIEW_IN_PROGRESS"),
            Some(found) if kind == "CREATE" && found.status != "REVIEW_IN_PROGRESS" => {
                let said =
                    format!("Stack [{stack}] already exists and cannot be created again with the changeSet [{name}].");
                return Err((400, "ValidationError", said));
            }
            Some(_) => self.in_state(stack, &SETTLED, "can not be updated")?,
        }
        if self.sets.iter().any(|set| set.name == name) {
            return Err((
                409,
                "AlreadyExistsException",
                format!("ChangeSet {name} cannot be created because it already exists"),
            ));
        }
        let id = self.stack_id().replace(":stack/", ":changeSet/").replacen(&self.name, name, 1);
        let old = self.stack.clone().unwrap_or_default();
        let outcome = self.outcomes.pop_front().unwrap_or_default();
        self.sets.push(ChangeSet {
            name: name.to_owned(),
            id: format!("{id}{}", self.sets.len()),
            kind,
            status: if outcome.waits > 0 { "CREATE_PENDING" } else { "CREATE_IN_PROGRESS" }.to_owned(),
            execution: "UNAVAILABLE".to_owned(),
            reason: outcome.failure.unwrap_or_default(),
            waits: outcome.waits,
            findings: outcome.findings,
            changes: outcome.changes,
            template: form.get("TemplateBody").cloned().unwrap_or(old.template),
            parameters: pairs(form, "Parameters", ["ParameterKey", "ParameterValue"], &old.parameters),
            tags: pairs(form, "Tags", ["Key", "Value"], &old.tags),
            created: Timestamp::now(),
        });
        let set = self.sets.last().map(|set| set.id.clone()).unwrap_or_default();
        Ok(reply("CreateChangeSet", &(tag("Id", &set) + &tag("StackId", &self.stack_id()))))
    }

    /// A change set by its name, or by its ARN alone.
    fn set(&self, stack: &str, name: &str) -> Result<&ChangeSet, Refused> {
        let mine = stack.is_empty() || self.find(stack).is_some();
        let found = self.sets.iter().find(|set| mine && (set.name == name || set.id == name));
        found.ok_or_else(|| (404, "ChangeSetNotFound", format!("ChangeSet [{name}] does not exist")))
    }

    /// A change set that was described as in progress once is done.
    fn settle(&mut self, id: &str) {
        if let Some(set) = self.sets.iter_mut().find(|set| set.id == id && set.status == "CREATE_PENDING") {
            set.waits = set.waits.saturating_sub(1);
            if set.waits == 0 {
                set.status = "CREATE_IN_PROGRESS".to_owned();
            }
            return;
        }
        for set in self.sets.iter_mut().filter(|set| set.id == id && set.status == "CREATE_IN_PROGRESS") {
            let good = set.reason.is_empty();
            set.status = if good { "CREATE_COMPLETE" } else { "FAILED" }.to_owned();
            set.execution = if good { "AVAILABLE" } else { "UNAVAILABLE" }.to_owned();
        }
    }

    fn execute(&mut self, stack: &str, name: &str, token: &str) -> Result<Answer, Refused> {
        let set = self.set(stack, name)?.clone();
        if set.execution != "AVAILABLE" {
            let (id, status, execution) = (&set.id, &set.status, &set.execution);
            let said = format!(
                "ChangeSet [{id}] cannot be executed in its current status of [{status}], execution status [{execution}]"
            );
            return Err((400, "InvalidChangeSetStatus", said));
        }
        let new = self.stack.as_ref().is_some_and(|stack| stack.status == "REVIEW_IN_PROGRESS");
        // The others go with it; this one stays, and cannot be executed again.
        self.sets.retain(|other| other.id == set.id);
        self.sets.iter_mut().for_each(|done| "EXECUTE_COMPLETE".clone_into(&mut done.execution));
        if let Some(stack) = &mut self.stack {
            (stack.template, stack.parameters, stack.tags) = (set.template, set.parameters, set.tags);
            stack.set = set.id;
            stack.updated = (!new).then(Timestamp::now);
        }
        let course: &[&str] = match (set.kind.as_str(), new) {
            ("IMPORT", _) => &["IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"],
            (_, true) => &["CREATE_IN_PROGRESS", "CREATE_COMPLETE"],
            _ => &["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"],
        };
        self.react("ExecuteChangeSet", token, course);
        Ok(reply("ExecuteChangeSet", ""))
    }

    /// Deleting a stack that does not exist is a success.
    fn delete(&mut self, name: &str, token: &str) -> Result<Answer, Refused> {
        let Some(stack) = self.find(name) else { return Ok(reply("DeleteStack", "")) };
        if stack.protected {
            let said = format!("Stack [{name}] cannot be deleted while TerminationProtection is enabled");
            return Err((400, "ValidationError", said));
        }
        let course: &[&str] =
            if stack.status == "REVIEW_IN_PROGRESS" { &[GONE] } else { &["DELETE_IN_PROGRESS", GONE] };
        self.react("DeleteStack", token, course);
        Ok(reply("DeleteStack", ""))
    }
}

fn no_stack(name: &str) -> Refused {
    (400, "ValidationError", format!("Stack with id {name} does not exist"))
}

/// `Parameters.member.1.ParameterKey=..`, where a value may be the one from before.
fn pairs(form: &Form, list: &str, [key, value]: [&str; 2], old: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let at = |index: usize, field: &str| form.get(&format!("{list}.member.{index}.{field}"));
    let keys = (1..).map_while(|index| at(index, key).map(|key| (index, key.clone())));
    let kept = |index, key: &String| {
        let old = old.get(key).filter(|_| at(index, "UsePreviousValue").is_some_and(|previous| previous == "true"));
        old.or(at(index, value)).cloned().unwrap_or_default()
    };
    keys.map(|(index, key)| (key.clone(), kept(index, &key))).collect()
}
