//! The events of a stack, and the root cause of a failure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

/// The type of the stack itself in its own events.
const STACK: &str = "AWS::CloudFormation::Stack";

/// One event of a stack.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StackEvent {
    /// Its id.
    #[serde(skip)]
    pub id: String,
    /// The ARN of the stack.
    #[serde(skip)]
    pub stack: String,
    /// When.
    pub at: Option<Timestamp>,
    /// The logical id of the resource.
    pub resource: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its physical id, once it has one.
    pub physical: Option<String>,
    /// Its status.
    pub status: String,
    /// The reason, if there is one.
    pub reason: Option<String>,
}

impl StackEvent {
    /// Whether it is about the stack as a whole.
    #[must_use]
    pub fn is_of_stack(&self) -> bool {
        self.kind == STACK && self.physical.as_deref() == Some(&self.stack)
    }

    /// Whether an operation starts with it.
    #[must_use]
    pub fn starts_operation(&self) -> bool {
        self.is_of_stack()
            && matches!(
                self.status.as_str(),
                "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | "DELETE_IN_PROGRESS" | "IMPORT_IN_PROGRESS"
            )
    }

    /// Whether the operation ends with it.
    #[must_use]
    pub fn ends_operation(&self) -> bool {
        self.is_of_stack() && !self.status.ends_with("_IN_PROGRESS")
    }

    /// Whether it is the last event of its resource in this operation.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.status.ends_with("_COMPLETE") || self.is_failure()
    }

    /// Whether something failed.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.status.ends_with("_FAILED")
    }

    /// Whether something failed only because something else did.
    fn is_consequence(&self) -> bool {
        self.reason.as_deref().is_some_and(|reason| {
            let reason = reason.to_lowercase();
            reason.contains("cancelled") || reason.starts_with("the following resource(s) failed")
        })
    }
}

/// The root cause of a failed operation: its first failure that is not the consequence of another. Events are oldest first.
#[must_use]
pub fn root_cause(events: &[StackEvent]) -> Option<&StackEvent> {
    let failed = || events.iter().filter(|event| event.is_failure());
    // The stack itself may fail too: because of a timeout, or because somebody cancelled it.
    let whole = |event: &&StackEvent| {
        event.is_of_stack() && (event.is_failure() || event.status.contains("ROLLBACK")) && event.reason.is_some()
    };
    failed()
        .find(|event| !event.is_of_stack() && !event.is_consequence())
        .or_else(|| events.iter().filter(whole).find(|event| !event.is_consequence()))
        .or_else(|| failed().next())
        .or_else(|| events.iter().find(whole))
}

/// The resources that CloudFormation removed from the stack without deleting them: their last event is a failed deletion.
#[must_use]
pub fn not_deleted(events: &[StackEvent]) -> Vec<&StackEvent> {
    let mut last: BTreeMap<&str, &StackEvent> = BTreeMap::new();
    for event in events.iter().filter(|event| !event.is_of_stack()) {
        last.insert(event.physical.as_deref().unwrap_or(&event.resource), event);
    }
    last.into_values().filter(|event| event.status == "DELETE_FAILED").collect()
}

/// The seconds from the first to the last event of each resource, by its logical id.
#[must_use]
pub fn durations(events: &[StackEvent]) -> BTreeMap<&str, f64> {
    let mut spans: BTreeMap<&str, (Timestamp, Timestamp)> = BTreeMap::new();
    for event in events.iter().filter(|event| !event.is_of_stack()) {
        let Some(at) = event.at else { continue };
        let span = spans.entry(&event.resource).or_insert((at, at));
        span.0 = span.0.min(at);
        span.1 = span.1.max(at);
    }
    spans.into_iter().map(|(id, (from, to))| (id, to.duration_since(from).as_secs_f64())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(resource: &str, status: &str, reason: &str) -> StackEvent {
        let stack = "arn:stack".to_owned();
        let is_stack = resource == "stack";
        StackEvent {
            id: format!("{resource}{status}"),
            physical: is_stack.then(|| stack.clone()),
            stack,
            at: None,
            resource: resource.into(),
            kind: if is_stack { STACK.into() } else { crate::resources::sqs::QUEUE.name.into() },
            status: status.into(),
            reason: (!reason.is_empty()).then(|| reason.into()),
        }
    }

    #[test]
    fn the_root_cause_is_not_a_resource_that_was_cancelled_for_it() {
        let events = [
            event("stack", "CREATE_IN_PROGRESS", "User Initiated"),
            event("A", "CREATE_FAILED", "Resource creation cancelled"),
            event("B", "CREATE_FAILED", "bucket already exists"),
            event("C", "CREATE_FAILED", "Resource creation cancelled"),
            event("stack", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [A, B, C]."),
            event("D", "DELETE_FAILED", "not empty"),
        ];
        assert_eq!(root_cause(&events).map(|event| event.resource.as_str()), Some("B"));
        let only_cancelled = [event("A", "UPDATE_FAILED", "Resource update cancelled")];
        assert_eq!(root_cause(&only_cancelled).map(|event| event.resource.as_str()), Some("A"));
        let reason = [event("stack", "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")];
        assert_eq!(root_cause(&reason).and_then(|event| event.reason.as_deref()), Some("User Initiated"));
        let late = [
            event("A", "CREATE_FAILED", "Resource creation cancelled"),
            event("stack", "ROLLBACK_IN_PROGRESS", "Stack creation time exceeded the specified timeout"),
            event("stack", "ROLLBACK_FAILED", ""),
        ];
        assert_eq!(
            root_cause(&late).and_then(|event| event.reason.as_deref()),
            Some("Stack creation time exceeded the specified timeout")
        );
        assert_eq!(root_cause(&[]), None);
    }

    #[test]
    fn an_operation_starts_and_ends_with_an_event_of_the_stack() {
        assert!(event("stack", "UPDATE_IN_PROGRESS", "").starts_operation());
        assert!(!event("A", "UPDATE_IN_PROGRESS", "").starts_operation());
        assert!(!event("stack", "UPDATE_ROLLBACK_IN_PROGRESS", "").starts_operation());
        assert!(!event("stack", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "").ends_operation());
        assert!(event("stack", "UPDATE_ROLLBACK_COMPLETE", "").ends_operation());
        assert!(event("stack", "UPDATE_ROLLBACK_FAILED", "").ends_operation());
        assert!(!event("A", "CREATE_COMPLETE", "").ends_operation());
    }
}
