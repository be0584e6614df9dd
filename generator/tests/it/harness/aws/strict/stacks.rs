//! The stacks of an emulator, as the change sets that were executed describe them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Sent;
use super::intrinsics::{self, Place};
use crate::harness::yaml;

/// A resource of a template, with everything in it that can be resolved.
#[derive(Clone, Debug)]
pub struct Resource {
    pub kind: String,
    pub properties: Value,
    pub is_retained: bool,
}

/// A template with its parameters.
#[derive(Clone, Debug, Default)]
pub struct Deployment {
    pub resources: BTreeMap<String, Resource>,
    parameters: Map<String, Value>,
    template: Value,
}

#[derive(Default)]
pub struct Stacks {
    /// By account, and name of the stack.
    deployed: BTreeMap<(String, String), Deployment>,
    /// By account, and name of the change set.
    sets: BTreeMap<(String, String), (String, Deployment)>,
    /// Templates that were uploaded, by the path of their object.
    uploaded: BTreeMap<String, String>,
    /// Tables whose protection was changed after their deployment, by account and name.
    protection: BTreeMap<(String, String), bool>,
}

/// The name within `arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID`, or the name itself.
fn name(text: &str) -> String {
    let within = || text.strip_prefix("arn:")?.split('/').nth(1);
    within().unwrap_or(text).to_owned()
}

impl Stacks {
    /// What a change set or a stack would change: the stack as it is, where it is known, and as it would be.
    pub fn change(&self, sent: &Sent<'_>) -> Option<(Option<&Deployment>, Deployment)> {
        let of_stack = ["CreateChangeSet", "CreateStack", "UpdateStack"].contains(&sent.call.name.as_str());
        if sent.call.service != "cloudformation" || !of_stack {
            return None;
        }
        let stack = (sent.account.clone(), name(sent.text("StackName")));
        let before = self.deployed.get(&stack);
        let template = if sent.parameters["UsePreviousTemplate"] == true {
            before?.template.clone()
        } else {
            let text = match sent.parameters["TemplateBody"].as_str() {
                Some(text) => text,
                None => self.uploaded.get(path(sent.text("TemplateURL")))?,
            };
            // One that cannot be read is refused by whoever is behind the gate.
            serde_json::from_str(text).ok().or_else(|| yaml::read(text).ok())?
        };
        let given = sent.parameters["Parameters"].as_array().into_iter().flatten();
        let parameters = given.filter_map(|one| {
            let key = one["ParameterKey"].as_str()?;
            let previous = || before?.parameters.get(key).cloned();
            let value = if one["UsePreviousValue"] == true { previous()? } else { one["ParameterValue"].clone() };
            Some((key.to_owned(), value))
        });
        let place = Place { account: sent.account.clone(), region: sent.call.region().to_owned() };
        let parameters = parameters.collect();
        Some((before, deployment(template, parameters, &place)))
    }

    /// The resources of a stack that a DeleteStack would delete.
    pub fn deleted(&self, sent: &Sent<'_>) -> Vec<(&String, &Resource)> {
        let kept = sent.parameters["RetainResources"].as_array();
        let is_kept = |id: &str| kept.into_iter().flatten().any(|kept| kept == id);
        let stack = self.deployed.get(&(sent.account.clone(), name(sent.text("StackName"))));
        let all = stack.into_iter().flat_map(|stack| &stack.resources);
        all.filter(|(id, resource)| !resource.is_retained && !is_kept(id)).collect()
    }

    /// Whether a table of a stack is protected now.
    pub fn is_protected(&self, account: &str, table: &Resource) -> bool {
        let name = table.properties["TableName"].as_str().unwrap_or_default();
        let changed = self.protection.get(&(account.to_owned(), name.to_owned()));
        changed.copied().unwrap_or(intrinsics::is_true(&table.properties["DeletionProtectionEnabled"]))
    }

    /// Learns from a request that succeeded; returns the names of the queues that it deletes.
    pub fn observe(&mut self, sent: &Sent<'_>, _answer: &[u8]) -> Vec<String> {
        let account = sent.account.clone();
        let stack = name(sent.text("StackName"));
        match sent.call.operation().as_str() {
            "s3:PutObject" => {
                // A template is at most a megabyte.
                if sent.call.body.len() <= 1 << 20
                    && let Ok(text) = str::from_utf8(&sent.call.body)
                    && text.contains("Resources:")
                {
                    self.uploaded.insert(sent.call.head.uri.path().to_owned(), text.to_owned());
                }
            }
            "cloudformation:CreateChangeSet" => {
                if let Some((_, after)) = self.change(sent) {
                    self.sets.insert((account, name(sent.text("ChangeSetName"))), (stack, after));
                }
            }
            "cloudformation:CreateStack" | "cloudformation:UpdateStack" => {
                if let Some((_, after)) = self.change(sent) {
                    self.deploy(account, stack, after);
                }
            }
            "cloudformation:ExecuteChangeSet" => {
                let set = (account.clone(), name(sent.text("ChangeSetName")));
                if let Some((stack, after)) = self.sets.remove(&set) {
                    self.deploy(account, stack, after);
                }
            }
            "cloudformation:DeleteStack" => {
                let queues = self.deleted(sent).into_iter().filter(|(_, resource)| resource.kind == "AWS::SQS::Queue");
                let names = queues.filter_map(|(_, queue)| queue.properties["QueueName"].as_str().map(str::to_owned));
                let names = names.collect();
                self.deployed.remove(&(account, stack));
                return names;
            }
            "dynamodb:UpdateTable" => {
                if let Some(on) = sent.parameters["DeletionProtectionEnabled"].as_bool() {
                    self.protection.insert((account, sent.text("TableName").to_owned()), on);
                }
            }
            _ => {}
        }
        Vec::new()
    }

    fn deploy(&mut self, account: String, stack: String, deployment: Deployment) {
        let tables = deployment.resources.values().filter(|resource| resource.kind == "AWS::DynamoDB::Table");
        for name in tables.filter_map(|table| table.properties["TableName"].as_str()) {
            self.protection.remove(&(account.clone(), name.to_owned()));
        }
        self.deployed.insert((account, stack), deployment);
    }
}

/// The path of an address.
fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |at| &rest[at..])
}

fn deployment(template: Value, parameters: Map<String, Value>, place: &Place) -> Deployment {
    let resolver = intrinsics::Resolver::new(&template, &parameters, place);
    let none = Map::new();
    let all = template["Resources"].as_object().unwrap_or(&none).iter();
    let resources = all.map(|(id, resource)| {
        let resource = Resource {
            kind: resource["Type"].as_str().unwrap_or_default().to_owned(),
            properties: resolver.resolved(&resource["Properties"]),
            is_retained: resolver.resolved(&resource["DeletionPolicy"]) == "Retain",
        };
        (id.clone(), resource)
    });
    let resources = resources.collect();
    Deployment { resources, parameters, template }
}
