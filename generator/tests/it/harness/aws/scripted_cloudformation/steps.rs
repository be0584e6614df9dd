//! The parts of a script: the next statuses of the stack, and the outcomes of change sets.

use jiff::Timestamp;

/// What AWS says of a change set that changes nothing: the first of a template, the second of a transformed one.
pub const NO_CHANGES: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";
pub const NO_UPDATES: &str = "No updates are to be performed.";

/// A status of the stack, and the events before it. `GONE` is the status of a deleted stack.
#[derive(Clone, Debug, Default)]
pub struct Step {
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) events: Vec<Event>,
    pub(super) polls: usize,
}

/// The state after the end of a deletion.
pub const GONE: &str = "DELETE_COMPLETE";

/// The stack gets this status; its event comes after those that are added here.
pub fn step(status: &str) -> Step {
    Step { status: status.to_owned(), polls: 1, ..Step::default() }
}

impl Step {
    /// The reason of the status.
    pub fn because(mut self, reason: &str) -> Self {
        self.reason = reason.to_owned();
        self
    }

    /// A resource gets a status before the stack does.
    pub fn event(mut self, logical: &str, kind: &str, status: &str, reason: &str) -> Self {
        self.events.push(Event::new(logical, kind, status, reason));
        self
    }

    /// The physical name of the resource that was added last.
    pub fn named(mut self, physical: &str) -> Self {
        if let Some(event) = self.events.last_mut() {
            event.physical = physical.to_owned();
        }
        self
    }

    /// For how many polls this status lasts; one by default.
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

/// The outcome of a new change set.
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
    /// It fails with this reason.
    pub fn fails(reason: &str) -> Self {
        Self { failure: Some(reason.to_owned()), ..Self::default() }
    }

    pub fn no_changes() -> Self {
        Self::fails(NO_CHANGES)
    }

    /// So many descriptions show it as pending.
    pub fn waits(self, waits: usize) -> Self {
        Self { waits, ..self }
    }

    /// DescribeEvents has this about it.
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
