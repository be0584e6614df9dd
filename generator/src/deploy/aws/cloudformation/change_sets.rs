//! Creates, describes, executes and deletes change sets.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{self, Capability, ChangeSetStatus, ChangeSetType, DeploymentConfig};

use super::stack::{
    CREATE_SET, DELETE_SET, DESCRIBE_SET, EXECUTE_SET, FINDINGS, LIST_SETS, StackClient, parameters, time,
};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::diff::{Action, Listed, Replacement};
use crate::deploy::events::StackEvent;

/// How a template is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateBody {
    /// In the call.
    Inline(String),
    /// In S3, by its URL.
    Url(String),
    /// The deployed template stays.
    Previous,
}

/// What a change set is created from.
#[derive(Clone, Debug)]
pub struct ChangeSetRequest<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its description.
    pub description: &'a str,
    /// The template.
    pub body: TemplateBody,
    /// The parameters.
    pub parameters: &'a BTreeMap<String, String>,
    /// The tags of the stack.
    pub tags: &'a BTreeMap<String, String>,
    /// Whether the stack is created.
    pub creates: bool,
    /// Whether to use express mode, which does not wait for resources to stabilize.
    pub express: bool,
}

/// A change set as CloudFormation describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeSet {
    /// Its name.
    pub name: String,
    /// The stack's ARN.
    pub stack: String,
    /// Its description.
    pub description: String,
    /// Its status.
    pub status: String,
    /// Its execution status.
    pub execution: String,
    /// Why it failed, if it did.
    pub reason: Option<String>,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// The resources that it would change.
    pub listed: Vec<Listed>,
}

impl ChangeSet {
    /// Whether it is still being created.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        matches!(self.status.as_str(), "CREATE_PENDING" | "CREATE_IN_PROGRESS")
    }

    /// Whether it failed because there is nothing to change, which is no error.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        // There is no code for it; AWS's own tools search for these two sentences too.
        let said = |words: &str| self.reason.as_deref().is_some_and(|reason| reason.contains(words));
        self.status == "FAILED" && (said("didn't contain changes") || said("No updates are to be performed"))
    }

    /// Whether it can be executed.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.status == "CREATE_COMPLETE" && self.execution == "AVAILABLE"
    }
}

impl StackClient {
    /// Requests a change set.
    ///
    /// # Errors
    /// A failed call.
    pub async fn create_change_set(&self, request: &ChangeSetRequest<'_>) -> Result<(), CallError> {
        let parameter = |(key, value): (&String, &String)| {
            types::Parameter::builder().parameter_key(key).parameter_value(value).build()
        };
        let tag = |(key, value): (&String, &String)| types::Tag::builder().key(key).value(value).build();
        let mut call = self
            .client
            .create_change_set()
            .stack_name(&self.name)
            .change_set_name(request.name)
            .client_token(request.name)
            .description(request.description)
            .change_set_type(if request.creates { ChangeSetType::Create } else { ChangeSetType::Update })
            .capabilities(Capability::CapabilityNamedIam)
            // Retained resources of an earlier stack are imported.
            .import_existing_resources(true)
            .set_parameters(Some(request.parameters.iter().map(parameter).collect()))
            .set_tags(Some(request.tags.iter().map(tag).collect()));
        call = match &request.body {
            TemplateBody::Inline(text) => call.template_body(text),
            TemplateBody::Url(address) => call.template_url(address),
            TemplateBody::Previous => call.use_previous_template(true),
        };
        if request.express {
            let express = types::DeploymentConfigMode::Express;
            // Express mode does not roll back unless it is asked to, and would leave a half-updated stack behind.
            let config = DeploymentConfig::builder().mode(express).disable_rollback(false);
            call = call.deployment_config(config.build());
        }
        match call.send().await.map_err(|error| CallError::of(CREATE_SET, error)) {
            // The name is unique, so the response to an earlier attempt was lost.
            Err(error) if error.is("AlreadyExistsException") => Ok(()),
            other => other.map(drop),
        }
    }

    /// Describes a change set; nothing if it does not exist.
    ///
    /// # Errors
    /// A failed call.
    pub async fn change_set(&self, name: &str) -> Result<Option<ChangeSet>, CallError> {
        let call = || self.client.describe_change_set().stack_name(&self.name).change_set_name(name);
        let mut listed = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let answer = call().set_next_token(next).send().await.map_err(|error| CallError::of(DESCRIBE_SET, error));
            let answer = match answer {
                Err(error) if error.is_absent() => return Ok(None),
                other => other?,
            };
            let changes = answer.changes.unwrap_or_default().into_iter();
            listed.extend(changes.filter_map(|change| change.resource_change).map(one_listed));
            if answer.next_token.is_some() {
                next = answer.next_token;
                continue;
            }
            return Ok(Some(ChangeSet {
                name: answer.change_set_name.unwrap_or_else(|| name.to_owned()),
                stack: answer.stack_id.unwrap_or_default(),
                description: answer.description.unwrap_or_default(),
                status: answer.status.as_ref().map_or("", ChangeSetStatus::as_str).to_owned(),
                execution: answer.execution_status.map_or_else(String::new, |status| status.as_str().to_owned()),
                reason: answer.status_reason.filter(|reason| !reason.is_empty()),
                parameters: parameters(answer.parameters),
                listed,
            }));
        }
    }

    /// What CloudFormation's validation found in a change set, or in the last operation of a stack.
    ///
    /// # Errors
    /// A failed call.
    pub async fn findings(&self, stack: &str, set: Option<&str>) -> Result<Vec<StackEvent>, CallError> {
        let call = self.client.describe_events().stack_name(stack).set_change_set_name(set.map(str::to_owned));
        let all: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
        let all = all.map_err(|error| CallError::of(FINDINGS, error))?.into_iter();
        let failed = all.filter(|event| event.validation_status() == Some(&types::ValidationStatus::Failed));
        let mut findings: Vec<StackEvent> = failed
            .map(|event| {
                let path = event.validation_path.map(|path| format!("{path}: ")).unwrap_or_default();
                StackEvent {
                    id: event.event_id.unwrap_or_default(),
                    stack: event.stack_id.unwrap_or_default(),
                    at: event.timestamp.as_ref().and_then(time),
                    resource: event.logical_resource_id.unwrap_or_default(),
                    kind: event.resource_type.unwrap_or_default(),
                    physical: event.physical_resource_id,
                    status: "VALIDATION_FAILED".to_owned(),
                    reason: event.validation_status_reason.map(|reason| path + &reason),
                }
            })
            .collect();
        findings.sort_by(|one, other| one.resource.cmp(&other.resource));
        Ok(findings)
    }

    /// Executes a change set.
    ///
    /// # Errors
    /// A failed call.
    pub async fn execute_change_set(&self, name: &str) -> Result<(), CallError> {
        let call = self.client.execute_change_set().stack_name(&self.name).change_set_name(name);
        // New resources are empty, so a failed creation deletes them whatever their deletion policy is.
        let done = call.client_request_token(name).retain_except_on_create(true).send().await;
        match done.map_err(|error| CallError::of(EXECUTE_SET, error)) {
            // It is being executed, so the response to an earlier attempt was lost.
            Err(error) if error.is("InvalidChangeSetStatus") => {
                let now = self.change_set(name).await?.map(|set| set.execution).unwrap_or_default();
                if now.starts_with("EXECUTE_") { Ok(()) } else { Err(error) }
            }
            other => other.map(drop),
        }
    }

    /// Deletes a change set; one that does not exist is no error.
    ///
    /// # Errors
    /// A failed call.
    pub async fn delete_change_set(&self, name: &str) -> Result<(), CallError> {
        let call = self.client.delete_change_set().stack_name(&self.name).change_set_name(name);
        match call.send().await.map_err(|error| CallError::of(DELETE_SET, error)) {
            Err(error) if error.is_absent() => Ok(()),
            // An executed change set stays with its stack, and does no harm.
            Err(error) if error.is("InvalidChangeSetStatus") => {
                let now = self.change_set(name).await?.map(|set| set.execution).unwrap_or_default();
                if now.starts_with("EXECUTE_") { Ok(()) } else { Err(error) }
            }
            other => other.map(drop),
        }
    }

    /// The names of all change sets.
    ///
    /// # Errors
    /// A failed call.
    pub async fn change_sets(&self) -> Result<Vec<String>, CallError> {
        let answer = self.client.list_change_sets().stack_name(&self.name).into_paginator().items().send();
        let all: Result<Vec<_>, _> = answer.collect().await;
        match all.map_err(|error| CallError::of(LIST_SETS, error)) {
            Err(error) if error.is_absent() => Ok(Vec::new()),
            other => Ok(other?.into_iter().filter_map(|set| set.change_set_name).collect()),
        }
    }
}

fn one_listed(change: types::ResourceChange) -> Listed {
    use types::ChangeAction::{Add, Dynamic, Import, Remove};
    Listed {
        action: match change.action {
            Some(Add) => Action::Add,
            Some(Remove) => Action::Remove,
            Some(Import) => Action::Import,
            Some(Dynamic) => Action::Dynamic,
            _ => Action::Modify,
        },
        replacement: match change.replacement {
            Some(types::Replacement::True) => Replacement::Yes,
            Some(types::Replacement::Conditional) => Replacement::Perhaps,
            _ => Replacement::No,
        },
        id: change.logical_resource_id.unwrap_or_default(),
        kind: change.resource_type.unwrap_or_default(),
        physical: change.physical_resource_id,
        scope: change.scope.unwrap_or_default().iter().map(|part| part.as_str().to_owned()).collect(),
    }
}
