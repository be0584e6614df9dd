//! The door to CloudFormation: one stack.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{self, Capability, ChangeSetStatus, ChangeSetType, DeploymentConfig};
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use super::account::Account;
use super::call::CallError;
use crate::deploy::changes::{Action, Listed, Replacement};
use crate::deploy::events::Event;
use crate::deploy::standing::Described;

/// Bytes of a template that go with the call; a larger one goes through S3
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>).
pub const INLINE_BYTES: usize = 51_200;

/// A stack, by its name.
#[derive(Clone, Debug)]
pub struct Stack {
    client: Client,
    /// Its name.
    pub name: String,
}

/// Where a template is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// In the call.
    Inline(String),
    /// In S3, by its HTTPS address.
    At(String),
}

/// What a change set is asked for with.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it says of itself.
    pub description: &'a str,
    /// The template.
    pub body: Body,
    /// The parameters.
    pub parameters: &'a BTreeMap<String, String>,
    /// The tags of the stack.
    pub tags: &'a BTreeMap<String, String>,
    /// Whether the stack is to be made.
    pub creates: bool,
    /// Whether CloudFormation does not wait for resources to settle.
    pub express: bool,
}

/// A change set, once CloudFormation has thought about it.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeSet {
    /// Its name.
    pub name: String,
    /// The stack's ARN.
    pub stack: String,
    /// What it said of itself when it was made.
    pub description: String,
    /// CloudFormation's own word.
    pub status: String,
    /// Whether it can be executed: CloudFormation's own word.
    pub execution: String,
    /// Why it failed, where it did.
    pub reason: Option<String>,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// What it would change.
    pub listed: Vec<Listed>,
}

impl ChangeSet {
    /// Whether CloudFormation is still at it.
    #[must_use]
    pub fn pending(&self) -> bool {
        matches!(self.status.as_str(), "CREATE_PENDING" | "CREATE_IN_PROGRESS")
    }

    /// Whether it failed because there is nothing to change, which is a success.
    #[must_use]
    pub fn empty(&self) -> bool {
        // There is no code for it; these are the two sentences that AWS's own tools look for.
        let said = |words: &str| self.reason.as_deref().is_some_and(|reason| reason.contains(words));
        self.status == "FAILED" && (said("didn't contain changes") || said("No updates are to be performed"))
    }

    /// Whether it can be executed.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.status == "CREATE_COMPLETE" && self.execution == "AVAILABLE"
    }
}

macro_rules! calls {
    ($($name:ident = $action:literal),+ $(,)?) => {
        $(const $name: &str = concat!("cloudformation:", $action);)+
        /// The actions that this door needs.
        pub const CALLS: &[&str] = &[$($name),+];
    };
}

calls! {
    DESCRIBE = "DescribeStacks",
    EVENTS = "DescribeStackEvents",
    FINDINGS = "DescribeEvents",
    RESOURCES = "ListStackResources",
    TEMPLATE = "GetTemplate",
    CREATE_SET = "CreateChangeSet",
    DESCRIBE_SET = "DescribeChangeSet",
    EXECUTE_SET = "ExecuteChangeSet",
    DELETE_SET = "DeleteChangeSet",
    LIST_SETS = "ListChangeSets",
    DELETE = "DeleteStack",
    PROTECT = "UpdateTerminationProtection",
    CONTINUE = "ContinueUpdateRollback",
    DETECT_DRIFT = "DetectStackDrift",
    DRIFT_STATUS = "DescribeStackDriftDetectionStatus",
    DRIFTS = "DescribeStackResourceDrifts",
}

impl Stack {
    /// The stack of this name, whether it exists or not.
    #[must_use]
    pub fn new(account: &Account, name: &str) -> Self {
        Self { client: Client::new(&account.sdk), name: name.to_owned() }
    }

    /// How it stands, by name or by ARN; nothing if there is none.
    ///
    /// # Errors
    /// A failed call.
    pub async fn describe(&self, id: Option<&str>) -> Result<Option<Described>, CallError> {
        let answer = self.client.describe_stacks().stack_name(id.unwrap_or(&self.name)).send().await;
        match answer.map_err(|error| CallError::of(DESCRIBE, error)) {
            Ok(answer) => Ok(answer.stacks.unwrap_or_default().into_iter().next().map(described)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The template that it was last deployed with, as it was sent.
    ///
    /// # Errors
    /// A failed call.
    pub async fn template(&self) -> Result<String, CallError> {
        let call = self.client.get_template().stack_name(&self.name);
        let call = call.template_stage(types::TemplateStage::Original);
        let answer = call.send().await.map_err(|error| CallError::of(TEMPLATE, error))?;
        Ok(answer.template_body.unwrap_or_default())
    }

    /// Asks for a change set.
    ///
    /// # Errors
    /// A failed call.
    pub async fn draft(&self, draft: &Draft<'_>) -> Result<(), CallError> {
        let parameter = |(key, value): (&String, &String)| {
            types::Parameter::builder().parameter_key(key).parameter_value(value).build()
        };
        let tag = |(key, value): (&String, &String)| types::Tag::builder().key(key).value(value).build();
        let mut call = self
            .client
            .create_change_set()
            .stack_name(&self.name)
            .change_set_name(draft.name)
            .client_token(draft.name)
            .description(draft.description)
            .change_set_type(if draft.creates { ChangeSetType::Create } else { ChangeSetType::Update })
            .capabilities(Capability::CapabilityNamedIam)
            // What an earlier life left behind is taken over, where it is ours to keep.
            .import_existing_resources(true)
            .set_parameters(Some(draft.parameters.iter().map(parameter).collect()))
            .set_tags(Some(draft.tags.iter().map(tag).collect()));
        call = match &draft.body {
            Body::Inline(text) => call.template_body(text),
            Body::At(address) => call.template_url(address),
        };
        if draft.express {
            let express = types::DeploymentConfigMode::Express;
            call = call.deployment_config(DeploymentConfig::builder().mode(express).build());
        }
        match call.send().await.map_err(|error| CallError::of(CREATE_SET, error)) {
            // The name is ours alone: the answer to an earlier attempt was lost.
            Err(error) if error.is("AlreadyExistsException") => Ok(()),
            other => other.map(drop),
        }
    }

    /// What a change set would do; nothing if there is none of this name.
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

    /// What CloudFormation's own validation found wrong with a change set, or with the last operation of a stack.
    ///
    /// # Errors
    /// A failed call.
    pub async fn findings(&self, stack: &str, set: Option<&str>) -> Result<Vec<Event>, CallError> {
        let call = self.client.describe_events().stack_name(stack).set_change_set_name(set.map(str::to_owned));
        let all: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
        let all = all.map_err(|error| CallError::of(FINDINGS, error))?.into_iter();
        let failed = all.filter(|event| event.validation_status() == Some(&types::ValidationStatus::Failed));
        let mut findings: Vec<Event> = failed
            .map(|event| {
                let path = event.validation_path.map(|path| format!("{path}: ")).unwrap_or_default();
                Event {
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

    /// Carries a change set out.
    ///
    /// # Errors
    /// A failed call.
    pub async fn execute(&self, name: &str) -> Result<(), CallError> {
        let call = self.client.execute_change_set().stack_name(&self.name).change_set_name(name);
        // What was just made holds nothing yet: a creation that fails takes it along, whatever its deletion policy.
        let done = call.client_request_token(name).retain_except_on_create(true).send().await;
        match done.map_err(|error| CallError::of(EXECUTE_SET, error)) {
            // In execution already: the answer to an earlier attempt was lost.
            Err(error) if error.is("InvalidChangeSetStatus") => {
                let now = self.change_set(name).await?.map(|set| set.execution).unwrap_or_default();
                if now.starts_with("EXECUTE_") { Ok(()) } else { Err(error) }
            }
            other => other.map(drop),
        }
    }

    /// Removes a change set; one that is not there is no fault.
    ///
    /// # Errors
    /// A failed call.
    pub async fn forget(&self, name: &str) -> Result<(), CallError> {
        let call = self.client.delete_change_set().stack_name(&self.name).change_set_name(name);
        match call.send().await.map_err(|error| CallError::of(DELETE_SET, error)) {
            Err(error) if error.is_absent() => Ok(()),
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

    /// The events of its current or last operation, oldest first; those after `since`, where that is among them.
    ///
    /// # Errors
    /// A failed call.
    pub async fn events(&self, id: &str, since: Option<&str>) -> Result<Vec<Event>, CallError> {
        let mut events = Vec::new();
        let mut next: Option<String> = None;
        'pages: loop {
            let call = self.client.describe_stack_events().stack_name(id).set_next_token(next);
            let answer = call.send().await.map_err(|error| CallError::of(EVENTS, error))?;
            for event in answer.stack_events.unwrap_or_default().into_iter().map(one_event) {
                // A rollback that is continued begins with no event of its own kind: what ended before it is older.
                let earlier = event.ends() && events.iter().any(Event::of_stack);
                if since == Some(event.id.as_str()) || since.is_none() && earlier {
                    break 'pages;
                }
                let begins = event.begins();
                // What happens between two pages moves the second one.
                if !events.iter().any(|known: &Event| known.id == event.id) {
                    events.push(event);
                }
                if begins {
                    break 'pages;
                }
            }
            next = answer.next_token;
            if next.is_none() {
                break;
            }
        }
        events.reverse();
        Ok(events)
    }

    /// Whether it ever was whole: a stack that was must not be cleaned up as a failed creation.
    ///
    /// # Errors
    /// A failed call.
    pub async fn was_whole(&self, id: &str) -> Result<bool, CallError> {
        let events = self.client.describe_stack_events().stack_name(id).into_paginator().items().send();
        let all: Result<Vec<_>, _> = events.collect().await;
        let all = all.map_err(|error| CallError::of(EVENTS, error))?;
        let whole = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"];
        Ok(all.into_iter().map(one_event).any(|event| event.of_stack() && whole.contains(&event.status.as_str())))
    }

    /// What is in it: logical id, type, physical id and status.
    ///
    /// # Errors
    /// A failed call.
    pub async fn resources(&self) -> Result<Vec<Event>, CallError> {
        let answer = self.client.list_stack_resources().stack_name(&self.name).into_paginator().items().send();
        let all: Result<Vec<_>, _> = answer.collect().await;
        let all = all.map_err(|error| CallError::of(RESOURCES, error))?;
        Ok(all
            .into_iter()
            .map(|resource| Event {
                id: String::new(),
                stack: String::new(),
                at: resource.last_updated_timestamp.as_ref().and_then(time),
                resource: resource.logical_resource_id.unwrap_or_default(),
                kind: resource.resource_type.unwrap_or_default(),
                physical: resource.physical_resource_id,
                status: resource.resource_status.map_or_else(String::new, |status| status.as_str().to_owned()),
                reason: resource.resource_status_reason.filter(|reason| !reason.is_empty()),
            })
            .collect())
    }

    /// Deletes it, by its ARN; what it could not delete the last time is kept out of it.
    ///
    /// # Errors
    /// A failed call.
    pub async fn delete(&self, id: &str) -> Result<(), CallError> {
        let call = self.client.delete_stack().stack_name(id);
        match call.send().await.map_err(|error| CallError::of(DELETE, error)) {
            Err(error) if error.is_absent() => Ok(()),
            other => other.map(drop),
        }
    }

    /// Protects it from deletion, or ends that.
    ///
    /// # Errors
    /// A failed call.
    pub async fn protect(&self, protect: bool) -> Result<(), CallError> {
        let call = self.client.update_termination_protection().stack_name(&self.name);
        let call = call.enable_termination_protection(protect);
        call.send().await.map(drop).map_err(|error| CallError::of(PROTECT, error))
    }

    /// Goes on with a rollback that failed.
    ///
    /// # Errors
    /// A failed call.
    pub async fn continue_rollback(&self) -> Result<(), CallError> {
        let call = self.client.continue_update_rollback().stack_name(&self.name);
        call.send().await.map(drop).map_err(|error| CallError::of(CONTINUE, error))
    }

    /// Starts to compare its resources with what is really there.
    ///
    /// # Errors
    /// A failed call.
    pub async fn detect_drift(&self) -> Result<String, CallError> {
        let call = self.client.detect_stack_drift().stack_name(&self.name);
        let answer = call.send().await.map_err(|error| CallError::of(DETECT_DRIFT, error))?;
        Ok(answer.stack_drift_detection_id.unwrap_or_default())
    }

    /// Whether the comparison is done: its status, and the reason of a failure.
    ///
    /// # Errors
    /// A failed call.
    pub async fn drift_detection(&self, id: &str) -> Result<(String, Option<String>), CallError> {
        let call = self.client.describe_stack_drift_detection_status().stack_drift_detection_id(id);
        let answer = call.send().await.map_err(|error| CallError::of(DRIFT_STATUS, error))?;
        let status = answer.detection_status.map_or_else(String::new, |status| status.as_str().to_owned());
        Ok((status, answer.detection_status_reason))
    }

    /// The resources that were compared.
    ///
    /// # Errors
    /// A failed call.
    pub async fn drifts(&self) -> Result<Vec<Drift>, CallError> {
        let mut drifts = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let call = self.client.describe_stack_resource_drifts().stack_name(&self.name).set_next_token(next);
            let answer = call.send().await.map_err(|error| CallError::of(DRIFTS, error))?;
            drifts.extend(answer.stack_resource_drifts.unwrap_or_default().into_iter().map(one_drift));
            next = answer.next_token;
            if next.is_none() {
                return Ok(drifts);
            }
        }
    }
}

/// How a resource differs from its template.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Drift {
    /// The resource, by its name within the template.
    pub resource: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// CloudFormation's own word: `IN_SYNC`, `MODIFIED`, `DELETED`, `NOT_CHECKED`, `UNKNOWN`.
    pub status: String,
    /// The properties that differ: path, expected, found.
    pub differences: Vec<(String, String, String)>,
}

fn one_drift(drift: types::StackResourceDrift) -> Drift {
    let differences = drift.property_differences.unwrap_or_default().into_iter().map(|difference| {
        let text = |value: Option<String>| value.unwrap_or_default();
        (text(difference.property_path), text(difference.expected_value), text(difference.actual_value))
    });
    Drift {
        resource: drift.logical_resource_id.unwrap_or_default(),
        kind: drift.resource_type.unwrap_or_default(),
        status: drift.stack_resource_drift_status.map_or_else(String::new, |status| status.as_str().to_owned()),
        differences: differences.collect(),
    }
}

fn time(at: &DateTime) -> Option<Timestamp> {
    Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).unwrap_or_default()).ok()
}

fn parameters(list: Option<Vec<types::Parameter>>) -> BTreeMap<String, String> {
    let pairs = list.unwrap_or_default().into_iter();
    pairs.filter_map(|one| Some((one.parameter_key?, one.parameter_value?))).collect()
}

fn described(stack: types::Stack) -> Described {
    let outputs = stack.outputs.unwrap_or_default().into_iter();
    let tags = stack.tags.unwrap_or_default().into_iter();
    Described {
        id: stack.stack_id.unwrap_or_default(),
        status: stack.stack_status.map_or_else(String::new, |status| status.as_str().to_owned()),
        reason: stack.stack_status_reason.filter(|reason| !reason.is_empty()),
        created: stack.creation_time.as_ref().and_then(time),
        updated: stack.last_updated_time.as_ref().and_then(time),
        parameters: parameters(stack.parameters),
        outputs: outputs.filter_map(|one| Some((one.output_key?, one.output_value?))).collect(),
        tags: tags.filter_map(|one| Some((one.key?, one.value?))).collect(),
        protected: stack.enable_termination_protection.unwrap_or_default(),
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

fn one_event(event: types::StackEvent) -> Event {
    Event {
        id: event.event_id.unwrap_or_default(),
        stack: event.stack_id.unwrap_or_default(),
        at: event.timestamp.as_ref().and_then(time),
        resource: event.logical_resource_id.unwrap_or_default(),
        kind: event.resource_type.unwrap_or_default(),
        physical: event.physical_resource_id,
        status: event.resource_status.map_or_else(String::new, |status| status.as_str().to_owned()),
        reason: event.resource_status_reason.filter(|reason| !reason.is_empty()),
    }
}
