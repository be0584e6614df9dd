//! The words in which a story is told: what state comes next, and what becomes of a change set.

use jiff::Timestamp;

/// What AWS says of a change set that changes nothing: the first of a template, the second of a transformed one.
pub const NO_CHANGES: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";
pub const NO_UPDATES: &str = "No updates are to be performed.";

/// One state of the stack, and what happened on the way to it. `GONE` is the state of a stack that is no more.
#[derive(Clone, Debug, Default)]
pub struct Step {
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) events: Vec<Event>,
    pub(super) polls: usize,
}

/// The state after the end of a deletion.
pub const GONE: &str = "DELETE_COMPLETE";

/// The stack comes to this state, which is the event after all that are added here.
pub fn step(status: &str) -> Step {
    Step { status: status.to_owned(), polls: 1, ..Step::default() }
}

impl Step {
    /// Why the stack is in this state.
    pub fn because(mut self, reason: &str) -> Self {
        self.reason = reason.to_owned();
        self
    }

    /// A resource came to a state before the stack did.
    pub fn event(mut self, logical: &str, kind: &str, status: &str, reason: &str) -> Self {
        self.events.push(Event::new(logical, kind, status, reason));
        self
    }

    /// The physical name of the resource that was told of last.
    pub fn named(mut self, physical: &str) -> Self {
        if let Some(event) = self.events.last_mut() {
            event.physical = physical.to_owned();
        }
        self
    }

    /// How many polls this state outlasts, where it is not one.
    pub fn polls(self, polls: usize) -> Self {
        Self { polls, ..self }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Event {
    pub(super) logical: String,
    pub(super) kind: String,
    pub(super) physical: String,
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) time: Timestamp,
    pub(super) token: String,
}

impl Event {
    pub(super) fn new(logical: &str, kind: &str, status: &str, reason: &str) -> Self {
        let own = |text: &str| text.to_owned();
        let physical =
            if status == "CREATE_FAILED" { String::new() } else { format!("{}-physical", logical.to_lowercase()) };
        Self {
            logical: own(logical),
            kind: own(kind),
            physical,
            status: own(status),
            reason: own(reason),
            ..Self::default()
        }
    }
}

/// What becomes of a new change set.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub(super) failure: Option<String>,
    pub(super) changes: Vec<Change>,
    pub(super) waits: usize,
    pub(super) findings: Vec<Finding>,
}

/// What CloudFormation's own validation says of a resource: by what check, where in it, and why.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    pub(super) logical: String,
    pub(super) check: String,
    pub(super) path: String,
    pub(super) reason: String,
}

#[derive(Clone, Debug)]
pub struct Change {
    pub(super) action: String,
    pub(super) logical: String,
    pub(super) kind: String,
    pub(super) replacement: String,
}

impl Outcome {
    /// It fails, for this reason.
    pub fn fails(reason: &str) -> Self {
        Self { failure: Some(reason.to_owned()), ..Self::default() }
    }

    pub fn no_changes() -> Self {
        Self::fails(NO_CHANGES)
    }

    /// So many looks see it waiting for its turn.
    pub fn waits(self, waits: usize) -> Self {
        Self { waits, ..self }
    }

    /// DescribeEvents says this of it.
    pub fn finding(mut self, logical: &str, check: &str, path: &str, reason: &str) -> Self {
        let [logical, check, path, reason] = [logical, check, path, reason].map(str::to_owned);
        self.findings.push(Finding { logical, check, path, reason });
        self
    }

    /// One change more: `Add`, `Modify`, `Remove`, `Import`; replacement `True`, `False`, `Conditional` or nothing.
    pub fn change(mut self, action: &str, logical: &str, kind: &str, replacement: &str) -> Self {
        let [action, logical, kind, replacement] = [action, logical, kind, replacement].map(str::to_owned);
        self.changes.push(Change { action, logical, kind, replacement });
        self
    }
}
