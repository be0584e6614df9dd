//! What happens to the resources of a stack, and which failure was the first.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

/// The type of the stack itself, among its own events.
const STACK: &str = "AWS::CloudFormation::Stack";

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Its identity.
    #[serde(skip)]
    pub id: String,
    /// The stack that it belongs to.
    #[serde(skip)]
    pub stack: String,
    /// When.
    pub at: Option<Timestamp>,
    /// The resource, by its name within the template.
    pub resource: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its physical name, once it has one.
    pub physical: Option<String>,
    /// Its status.
    pub status: String,
    /// Why, where there is a reason.
    pub reason: Option<String>,
}

impl Event {
    /// Whether it speaks of the stack as a whole.
    #[must_use]
    pub fn of_stack(&self) -> bool {
        self.kind == STACK && self.physical.as_deref() == Some(&self.stack)
    }

    /// Whether the operation began with it.
    #[must_use]
    pub fn begins(&self) -> bool {
        self.of_stack()
            && matches!(
                self.status.as_str(),
                "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | "DELETE_IN_PROGRESS" | "IMPORT_IN_PROGRESS"
            )
    }

    /// Whether the operation ended with it.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.of_stack() && !self.status.ends_with("_IN_PROGRESS")
    }

    /// Whether the resource is done, one way or another.
    #[must_use]
    pub fn done(&self) -> bool {
        self.status.ends_with("_COMPLETE") || self.failed()
    }

    /// Whether it says that something failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.status.ends_with("_FAILED")
    }

    /// Whether it failed only because something else had.
    fn follows(&self) -> bool {
        self.reason.as_deref().is_some_and(|reason| {
            let reason = reason.to_lowercase();
            reason.contains("cancelled") || reason.starts_with("the following resource(s) failed")
        })
    }
}

/// The first real cause of a failed operation, of events in the order in which they happened.
#[must_use]
pub fn cause(events: &[Event]) -> Option<&Event> {
    let failed = || events.iter().filter(|event| event.failed());
    // The stack as a whole may fail by itself: it took too long, or somebody stopped it.
    let whole = |event: &&Event| {
        event.of_stack() && (event.failed() || event.status.contains("ROLLBACK")) && event.reason.is_some()
    };
    failed()
        .find(|event| !event.of_stack() && !event.follows())
        .or_else(|| events.iter().filter(whole).find(|event| !event.follows()))
        .or_else(|| failed().next())
        .or_else(|| events.iter().find(whole))
}

/// What CloudFormation let go of without deleting it: the last word of these resources is that they could not be deleted.
#[must_use]
pub fn left_behind(events: &[Event]) -> Vec<&Event> {
    let mut last: BTreeMap<&str, &Event> = BTreeMap::new();
    for event in events.iter().filter(|event| !event.of_stack()) {
        last.insert(event.physical.as_deref().unwrap_or(&event.resource), event);
    }
    last.into_values().filter(|event| event.status == "DELETE_FAILED").collect()
}

/// How long each resource took, in seconds, by its name: from its first event to its last.
#[must_use]
pub fn seconds(events: &[Event]) -> BTreeMap<&str, f64> {
    let mut spans: BTreeMap<&str, (Timestamp, Timestamp)> = BTreeMap::new();
    for event in events.iter().filter(|event| !event.of_stack()) {
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

    fn event(resource: &str, status: &str, reason: &str) -> Event {
        let stack = "arn:stack".to_owned();
        let is_stack = resource == "stack";
        Event {
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
    fn the_first_real_cause_is_not_what_was_cancelled_for_it() {
        let events = [
            event("stack", "CREATE_IN_PROGRESS", "User Initiated"),
            event("A", "CREATE_FAILED", "Resource creation cancelled"),
            event("B", "CREATE_FAILED", "bucket already exists"),
            event("C", "CREATE_FAILED", "Resource creation cancelled"),
            event("stack", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [A, B, C]."),
            event("D", "DELETE_FAILED", "not empty"),
        ];
        assert_eq!(cause(&events).map(|event| event.resource.as_str()), Some("B"));
        let only_cancelled = [event("A", "UPDATE_FAILED", "Resource update cancelled")];
        assert_eq!(cause(&only_cancelled).map(|event| event.resource.as_str()), Some("A"));
        let reason = [event("stack", "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")];
        assert_eq!(cause(&reason).and_then(|event| event.reason.as_deref()), Some("User Initiated"));
        let late = [
            event("A", "CREATE_FAILED", "Resource creation cancelled"),
            event("stack", "ROLLBACK_IN_PROGRESS", "Stack creation time exceeded the specified timeout"),
            event("stack", "ROLLBACK_FAILED", ""),
        ];
        assert_eq!(
            cause(&late).and_then(|event| event.reason.as_deref()),
            Some("Stack creation time exceeded the specified timeout")
        );
        assert_eq!(cause(&[]), None);
    }

    #[test]
    fn an_operation_begins_and_ends_with_the_stack_itself() {
        assert!(event("stack", "UPDATE_IN_PROGRESS", "").begins());
        assert!(!event("A", "UPDATE_IN_PROGRESS", "").begins());
        assert!(!event("stack", "UPDATE_ROLLBACK_IN_PROGRESS", "").begins());
        assert!(!event("stack", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "").ends());
        assert!(event("stack", "UPDATE_ROLLBACK_COMPLETE", "").ends());
        assert!(event("stack", "UPDATE_ROLLBACK_FAILED", "").ends());
        assert!(!event("A", "CREATE_COMPLETE", "").ends());
    }
}
