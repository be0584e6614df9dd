//! Describes, deletes and protects one stack.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types;
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use crate::deploy::aws::account::Account;
use crate::deploy::aws::api_call::{ApiCall, calls};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::call_log::logged_client;
use crate::deploy::events::StackEvent;
use crate::deploy::stack_state::StackDescription;
use crate::resources::Target;

/// Maximum bytes of a template in a call; a larger one goes through S3
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>).
pub const INLINE_BYTES: usize = 51_200;

/// Milliseconds between two polls at least, of AWS and of an emulator.
const POLL_MS: u64 = 1_000;
const EMULATOR_POLL_MS: u64 = 100;

/// A stack, by its name.
#[derive(Clone, Debug)]
pub struct StackClient {
    pub(super) client: Client,
    /// Its name.
    pub name: String,
    /// The least time between two polls. CloudFormation throttles an account that asks more often than its operations
    /// change; an emulator does not.
    pub shortest_poll: Duration,
}

/// CloudFormation has no resource level for it
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html>).
const NO_STACK: Target = Target::Everything("DriftIsAskedForWithoutAResource");

calls! {
    "cloudformation":
    [plan operate] DESCRIBE = "DescribeStacks" on Target::Stack,
    [plan] EVENTS = "DescribeStackEvents" on Target::Stack,
    [plan] FINDINGS = "DescribeEvents" on Target::Stack,
    RESOURCES = "ListStackResources" on Target::Stack,
    [plan] TEMPLATE = "GetTemplate" on Target::Stack,
    [plan] CREATE_SET = "CreateChangeSet" on Target::Stack,
    [plan] DESCRIBE_SET = "DescribeChangeSet" on Target::Stack,
    EXECUTE_SET = "ExecuteChangeSet" on Target::Stack,
    [plan] DELETE_SET = "DeleteChangeSet" on Target::Stack,
    [plan] LIST_SETS = "ListChangeSets" on Target::Stack,
    DELETE = "DeleteStack" on Target::Stack,
    PROTECT = "UpdateTerminationProtection" on Target::Stack,
    CONTINUE = "ContinueUpdateRollback" on Target::Stack,
    ROLL_BACK = "RollbackStack" on Target::Stack,
    DETECT_DRIFT = "DetectStackDrift" on Target::Stack,
    // Not called by us, but by CloudFormation for the call before.
    DETECT_EACH = "DetectStackResourceDrift" on Target::Stack,
    DRIFT_STATUS = "DescribeStackDriftDetectionStatus" on NO_STACK,
    DRIFTS = "DescribeStackResourceDrifts" on Target::Stack,
    // Not called by us, but needed for a change set with tags.
    [plan] TAG = "TagResource" on Target::Stack,
    [plan] UNTAG = "UntagResource" on Target::Stack,
}

impl StackClient {
    /// The stack of this name, whether it exists or not.
    #[must_use]
    pub fn new(account: &Account, name: &str) -> Self {
        let poll_ms = if account.endpoint().is_some() { EMULATOR_POLL_MS } else { POLL_MS };
        Self {
            client: logged_client!(aws_sdk_cloudformation, account),
            name: name.to_owned(),
            shortest_poll: Duration::from_millis(poll_ms),
        }
    }

    /// Describes it, by name or by ARN; nothing if it does not exist.
    ///
    /// # Errors
    /// A failed call.
    pub async fn describe(&self, id: Option<&str>) -> Result<Option<StackDescription>, CallError> {
        let answer = self.client.describe_stacks().stack_name(id.unwrap_or(&self.name)).send().await;
        match answer.map_err(|error| CallError::of(DESCRIBE, error)) {
            Ok(answer) => Ok(answer.stacks.unwrap_or_default().into_iter().next().map(described)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The deployed template, as it was sent.
    ///
    /// # Errors
    /// A failed call.
    pub async fn template(&self) -> Result<String, CallError> {
        let call = self.client.get_template().stack_name(&self.name);
        let call = call.template_stage(types::TemplateStage::Original);
        let answer = call.send().await.map_err(|error| CallError::of(TEMPLATE, error))?;
        Ok(answer.template_body.unwrap_or_default())
    }

    /// The events of its current or last operation, oldest first; only those after `since`, if that is given.
    ///
    /// # Errors
    /// A failed call.
    pub async fn events(&self, id: &str, since: Option<&str>) -> Result<Vec<StackEvent>, CallError> {
        let mut events = Vec::new();
        let mut next: Option<String> = None;
        'pages: loop {
            let call = self.client.describe_stack_events().stack_name(id).set_next_token(next);
            let answer = call.send().await.map_err(|error| CallError::of(EVENTS, error))?;
            for event in answer.stack_events.unwrap_or_default().into_iter().map(one_event) {
                // Continuing a rollback starts with no event of its own: what ended before it belongs to an older operation.
                let earlier = event.ends_operation() && events.iter().any(StackEvent::is_of_stack);
                if since == Some(event.id.as_str()) || since.is_none() && earlier {
                    break 'pages;
                }
                let starts = event.starts_operation();
                // An event between two requests shifts the second page.
                if !events.iter().any(|known: &StackEvent| known.id == event.id) {
                    events.push(event);
                }
                if starts {
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
    pub async fn was_complete(&self, id: &str) -> Result<bool, CallError> {
        let events = self.client.describe_stack_events().stack_name(id).into_paginator().items().send();
        let all: Result<Vec<_>, _> = events.collect().await;
        let all = all.map_err(|error| CallError::of(EVENTS, error))?;
        let whole = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"];
        Ok(all.into_iter().map(one_event).any(|event| event.is_of_stack() && whole.contains(&event.status.as_str())))
    }

    /// What is in it: logical id, type, physical id and status.
    ///
    /// # Errors
    /// A failed call.
    pub async fn resources(&self) -> Result<Vec<StackEvent>, CallError> {
        let answer = self.client.list_stack_resources().stack_name(&self.name).into_paginator().items().send();
        let all: Result<Vec<_>, _> = answer.collect().await;
        let all = all.map_err(|error| CallError::of(RESOURCES, error))?;
        Ok(all
            .into_iter()
            .map(|resource| StackEvent {
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

    /// Deletes it, by its ARN.
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

    /// Enables or disables its protection from deletion.
    ///
    /// # Errors
    /// A failed call.
    pub async fn protect(&self, protect: bool) -> Result<(), CallError> {
        let call = self.client.update_termination_protection().stack_name(&self.name);
        let call = call.enable_termination_protection(protect);
        call.send().await.map(drop).map_err(|error| CallError::of(PROTECT, error))
    }

    /// Continues a failed rollback.
    ///
    /// # Errors
    /// A failed call.
    pub async fn continue_rollback(&self) -> Result<(), CallError> {
        let call = self.client.continue_update_rollback().stack_name(&self.name);
        call.send().await.map(drop).map_err(|error| CallError::of(CONTINUE, error))
    }

    /// Rolls a failed update back.
    ///
    /// # Errors
    /// A failed call.
    pub async fn roll_back(&self) -> Result<(), CallError> {
        let call = self.client.rollback_stack().stack_name(&self.name);
        call.send().await.map(drop).map_err(|error| CallError::of(ROLL_BACK, error))
    }
}

pub(super) fn time(at: &DateTime) -> Option<Timestamp> {
    Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).unwrap_or_default()).ok()
}

pub(super) fn parameters(list: Option<Vec<types::Parameter>>) -> BTreeMap<String, String> {
    let pairs = list.unwrap_or_default().into_iter();
    pairs.filter_map(|one| Some((one.parameter_key?, one.parameter_value?))).collect()
}

fn described(stack: types::Stack) -> StackDescription {
    let outputs = stack.outputs.unwrap_or_default().into_iter();
    let tags = stack.tags.unwrap_or_default().into_iter();
    StackDescription {
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

fn one_event(event: types::StackEvent) -> StackEvent {
    StackEvent {
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
