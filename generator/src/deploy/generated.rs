//! The rendered files of an environment: all that a deployment knows of the pipeline.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::aws::account::CallerIdentity;
use crate::metadata::FirstRun;
use crate::resources::ResourceType;

/// One environment of `generated/`.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The resources of the template, and the path in the pipeline's file behind each.
    pub manifest: Manifest,
    /// The template.
    pub template: String,
}

/// `plan.json`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Manifest {
    /// Name of the pipeline.
    pub pipeline: String,
    /// The environment.
    pub environment: String,
    /// Name of the stack.
    pub stack: String,
    /// Region of the stack.
    pub region: String,
    /// The only account that may be deployed to, where the file names one.
    pub account: Option<String>,
    /// Whether data is retained when the stack is deleted, and the stack is protected.
    pub retain: bool,
    /// What starts the first run.
    pub first_run: FirstRun,
    /// Architecture of the functions.
    pub architecture: String,
    /// Hash of what was rendered.
    pub render_sha: String,
    /// The resources, by logical id.
    pub resources: BTreeMap<String, ManifestResource>,
}

/// One resource of the template.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ManifestResource {
    /// Its CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its physical name: a string, or `{"Fn::Sub": string}`.
    pub name: Option<Value>,
    /// The path in the pipeline's file that asked for it.
    pub path: String,
    /// Of a role, the service that assumes it: `lambda.amazonaws.com`.
    #[serde(default)]
    pub service: Option<String>,
    /// Of an event source mapping, how many instances of its function it may run at once.
    #[serde(default)]
    pub concurrency: Option<u64>,
    /// Of a dead-letter queue, the logical id of what fails into it: a queue, a function or the schedule.
    #[serde(default)]
    pub dead_letters_of: Option<String>,
}

impl Generated {
    /// Reads an environment's `plan.json`, and takes its template.
    ///
    /// # Errors
    /// A `plan.json` of another shape.
    pub fn of(plan: &str, template: String) -> Result<Self, serde_json::Error> {
        Ok(Self { manifest: serde_json::from_str(plan)?, template })
    }
}

impl Manifest {
    /// The physical name of a resource in an account, where the template gives it one.
    #[must_use]
    pub fn physical(&self, resource: &ManifestResource, caller: &CallerIdentity) -> Option<String> {
        match resource.name.as_ref()? {
            Value::String(name) => Some(name.clone()),
            Value::Object(map) => map.get("Fn::Sub")?.as_str().map(|text| {
                text.replace("${AWS::AccountId}", &caller.account)
                    .replace("${AWS::Region}", &self.region)
                    .replace("${AWS::Partition}", caller.partition())
            }),
            _ => None,
        }
    }

    /// The physical name of a resource. A resource without a name has that of the resource which its card names, and which
    /// has the same path in the file.
    #[must_use]
    pub fn name_by_card(
        &self,
        card: &ResourceType,
        resource: &ManifestResource,
        caller: &CallerIdentity,
    ) -> Option<String> {
        let Some(other) = card.named_after else { return self.physical(resource, caller) };
        let mut others = self.resources.values();
        self.physical(others.find(|one| one.kind == other.name && one.path == resource.path)?, caller)
    }

    /// The logical ids and physical names of the resources of a type.
    pub fn named<'a>(&'a self, kind: &'a str, caller: &'a CallerIdentity) -> impl Iterator<Item = (&'a str, String)> {
        self.resources
            .iter()
            .filter(move |(_, resource)| resource.kind == kind)
            .filter_map(|(id, resource)| Some((id.as_str(), self.physical(resource, caller)?)))
    }
}
