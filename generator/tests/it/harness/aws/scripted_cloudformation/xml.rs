//! The responses of the scripted CloudFormation, in the XML of the query protocol.

use std::collections::BTreeMap;

use super::super::wire::{Answer, ID, escaped, xml};
use super::{Change, ChangeSet, Event, Finding, Stack};

pub fn stack_xml(name: &str, stack: &Stack) -> String {
    let outputs = members(&stack.outputs, "OutputKey", "OutputValue");
    let parameters = members(&stack.parameters, "ParameterKey", "ParameterValue");
    let inner = [
        text_tag("StackId", &stack.id),
        text_tag("StackName", name),
        tag("CreationTime", &stack.created.to_string()),
        stack.updated.map(|time| tag("LastUpdatedTime", &time.to_string())).unwrap_or_default(),
        text_tag("ChangeSetId", &stack.set),
        text_tag("StackStatus", &stack.status),
        text_tag("StackStatusReason", &stack.reason),
        tag("DisableRollback", "false"),
        tag("EnableTerminationProtection", &stack.protected.to_string()),
        tag("Capabilities", "<member>CAPABILITY_NAMED_IAM</member>"),
        tag("Outputs", &outputs),
        tag("Parameters", &parameters),
        tag("Tags", &members(&stack.tags, "Key", "Value")),
        tag("DriftInformation", "<StackDriftStatus>NOT_CHECKED</StackDriftStatus>"),
    ];
    tag("member", &inner.concat())
}

pub fn set_xml(stack: &str, stack_id: &str, set: &ChangeSet, whole: bool) -> String {
    let done = set.status != "CREATE_IN_PROGRESS";
    let reason = if done { set.reason.as_str() } else { "" };
    let mut inner = [
        text_tag("ChangeSetName", &set.name),
        text_tag("ChangeSetId", &set.id),
        text_tag("StackId", stack_id),
        text_tag("StackName", stack),
        tag("CreationTime", &set.created.to_string()),
        tag("Status", &set.status),
        text_tag("StatusReason", reason),
        tag("ExecutionStatus", &set.execution),
    ]
    .concat();
    if whole {
        let changes: String = set.changes.iter().filter(|_| done).map(change_xml).collect();
        inner += &tag("Parameters", &members(&set.parameters, "ParameterKey", "ParameterValue"));
        inner += &(tag("Tags", &members(&set.tags, "Key", "Value")) + &tag("Changes", &changes));
    }
    inner
}

fn change_xml(change: &Change) -> String {
    let inner = [
        tag("Action", &change.action),
        text_tag("LogicalResourceId", &change.logical),
        text_tag("ResourceType", &change.kind),
        text_tag("Replacement", &change.replacement),
        tag("Scope", ""),
        tag("Details", ""),
    ];
    tag("member", &(tag("Type", "Resource") + &tag("ResourceChange", &inner.concat())))
}

pub fn finding_xml(finding: &Finding) -> String {
    let inner = [
        text_tag("EventType", "VALIDATION_ERROR"),
        text_tag("LogicalResourceId", &finding.logical),
        text_tag("ValidationFailureMode", "FAIL"),
        text_tag("ValidationName", &finding.check),
        text_tag("ValidationStatus", "FAILED"),
        text_tag("ValidationStatusReason", &finding.reason),
        text_tag("ValidationPath", &finding.path),
    ];
    tag("member", &inner.concat())
}

pub fn event_xml(event: &Event, time: &str) -> String {
    [
        text_tag("LogicalResourceId", &event.logical),
        text_tag("PhysicalResourceId", &event.physical),
        text_tag("ResourceType", &event.kind),
        tag(time, &event.time.to_string()),
        text_tag("ResourceStatus", &event.status),
        text_tag("ResourceStatusReason", &event.reason),
    ]
    .concat()
}

pub fn resources_xml(stack: &Stack, time: &str) -> String {
    stack.resources.values().map(|event| tag("member", &event_xml(event, time))).collect()
}

fn members(pairs: &BTreeMap<String, String>, key: &str, value: &str) -> String {
    pairs.iter().map(|(name, text)| tag("member", &(tag(key, &escaped(name)) + &tag(value, &escaped(text))))).collect()
}

pub fn tag(name: &str, inner: &str) -> String {
    format!("<{name}>{inner}</{name}>")
}

/// Absent where the text is empty, as on AWS.
pub fn text_tag(name: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { tag(name, &escaped(text)) }
}

pub fn reply(operation: &str, inner: &str) -> Answer {
    let result = tag(&format!("{operation}Result"), inner);
    xml(
        200,
        format!(
            "<{operation}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">{result}\
             <ResponseMetadata><RequestId>{ID}</RequestId></ResponseMetadata></{operation}Response>"
        ),
    )
}
