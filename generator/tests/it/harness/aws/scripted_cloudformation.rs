//! A scripted CloudFormation: one stack whose statuses a test defines, in the real wire format.
//!
//! It covers what the emulator never does: failed creations, failed rollbacks, slow stacks. Calls of other services are
//! passed on to the emulator by the proxy:
//!
//! ```ignore
//! let script = Script::of("fang-dev").on("ExecuteChangeSet", [
//!     step("CREATE_IN_PROGRESS"),
//!     step("ROLLBACK_IN_PROGRESS").event("Items", TABLE, "CREATE_FAILED", "Table already exists"),
//!     step("ROLLBACK_COMPLETE"),
//! ]);
//! let proxy = Proxy::with(emulator, script.stand_in());
//! ```
//!
//! The first step of a list holds as soon as the call is answered; each DescribeStacks or DescribeStackEvents that was
//! answered leads to the next, and the last one stays. A call without a list does what AWS does when all goes well.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::emulator::{ACCOUNT, REGION};
use super::proxy::StandIn;
use super::wire::{Answer, Call, query_error};

mod calls;
pub mod steps;
mod xml;

use steps::{Change, Event, Finding, GONE, Outcome, Step, step};

#[derive(Clone, Debug, Default)]
struct ChangeSet {
    name: String,
    id: String,
    kind: String,
    status: String,
    execution: String,
    reason: String,
    /// How many more descriptions show it as pending.
    waits: usize,
    findings: Vec<Finding>,
    changes: Vec<Change>,
    template: String,
    parameters: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    created: Timestamp,
}

#[derive(Clone, Debug, Default)]
struct Stack {
    id: String,
    status: String,
    reason: String,
    template: String,
    parameters: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    outputs: BTreeMap<String, String>,
    protected: bool,
    created: Timestamp,
    updated: Option<Timestamp>,
    /// The change set that was executed last.
    set: String,
    resources: BTreeMap<String, Event>,
}

/// The script of a stack: its name, its first status, and what the calls lead to.
#[derive(Debug, Default)]
pub struct Script {
    name: String,
    lives: usize,
    stack: Option<Stack>,
    sets: Vec<ChangeSet>,
    events: Vec<Event>,
    reactions: BTreeMap<String, VecDeque<Vec<Step>>>,
    refusals: BTreeMap<String, VecDeque<(u16, String, String)>>,
    outcomes: VecDeque<Outcome>,
    /// The steps after the present one, and for how many polls that one still lasts.
    coming: VecDeque<Step>,
    polls: usize,
    /// The token of the operation in progress, which its events have.
    token: String,
    page: usize,
}

impl Script {
    /// The stack does not exist yet.
    pub fn of(name: &str) -> Self {
        Self { name: name.to_owned(), page: 100, ..Self::default() }
    }

    /// The stack exists, with this status.
    pub fn at(mut self, status: &str) -> Self {
        self.begin(status);
        self
    }

    pub fn because(self, reason: &str) -> Self {
        self.stacked(|stack| reason.clone_into(&mut stack.reason))
    }

    pub fn output(self, name: &str, value: &str) -> Self {
        self.stacked(|stack| drop(stack.outputs.insert(name.to_owned(), value.to_owned())))
    }

    pub fn parameter(self, name: &str, value: &str) -> Self {
        self.stacked(|stack| drop(stack.parameters.insert(name.to_owned(), value.to_owned())))
    }

    pub fn tag(self, name: &str, value: &str) -> Self {
        self.stacked(|stack| drop(stack.tags.insert(name.to_owned(), value.to_owned())))
    }

    pub fn template(self, text: &str) -> Self {
        self.stacked(|stack| text.clone_into(&mut stack.template))
    }

    pub fn protected(self) -> Self {
        self.stacked(|stack| stack.protected = true)
    }

    /// A resource of the existing stack, with the event of its status.
    pub fn resource(mut self, logical: &str, kind: &str, status: &str, reason: &str) -> Self {
        self.happen(Event::new(logical, kind, status, reason));
        self
    }

    /// The steps after the next call of this operation; several scripts of an operation apply in order.
    pub fn on(mut self, operation: &str, steps: impl IntoIterator<Item = Step>) -> Self {
        self.reactions.entry(operation.to_owned()).or_default().push_back(steps.into_iter().collect());
        self
    }

    /// An operation in progress, with the statuses that follow: the first description under a lock still has the
    /// present one.
    pub fn then(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.coming = steps.into_iter().collect();
        self.polls = 3;
        self
    }

    /// A change set that exists already.
    pub fn with_set(mut self, name: &str) -> Self {
        let (name, status) = (name.to_owned(), "CREATE_COMPLETE".to_owned());
        self.sets.push(ChangeSet { id: name.clone(), name, status, ..ChangeSet::default() });
        self
    }

    /// The earlier statuses of the stack.
    pub fn after(mut self, states: &[&str]) -> Self {
        let now = self.stack.as_ref().map(|stack| stack.status.clone()).expect("a stack: say `at` first");
        self.events.clear();
        states.iter().chain([&now.as_str()]).for_each(|state| self.reach(step(state)));
        self
    }

    /// The outcome of the next change set.
    pub fn change_set(mut self, outcome: Outcome) -> Self {
        self.outcomes.push_back(outcome);
        self
    }

    /// The next call of this operation fails with this error.
    pub fn refuse(mut self, operation: &str, status: u16, code: &str, message: &str) -> Self {
        let refusal = (status, code.to_owned(), message.to_owned());
        self.refusals.entry(operation.to_owned()).or_default().push_back(refusal);
        self
    }

    /// How many events DescribeStackEvents gives at once, where it is not 100.
    pub fn events_a_page(self, page: usize) -> Self {
        Self { page, ..self }
    }

    /// For `Proxy::with`.
    pub fn stand_in(self) -> Arc<StandIn> {
        let script = Mutex::new(self);
        Arc::new(move |call| {
            let mut script = script.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            (call.service == "cloudformation").then(|| script.answer(call))
        })
    }

    fn stacked(mut self, change: impl FnOnce(&mut Stack)) -> Self {
        change(self.stack.as_mut().expect("a stack: say `at` first"));
        self
    }

    /// A new stack of the name: each has an id of its own.
    fn begin(&mut self, status: &str) {
        self.lives += 1;
        let id = format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{}/{:032x}", self.name, self.lives);
        self.stack = Some(Stack { id, created: Timestamp::now(), ..Stack::default() });
        self.events.clear();
        self.sets.clear();
        self.reach(step(status));
    }

    /// Changes the status of the stack.
    fn reach(&mut self, step: Step) {
        for event in step.events {
            self.happen(event);
        }
        let Some(stack) = &mut self.stack else { return };
        (stack.status, stack.reason) = (step.status.clone(), step.reason.clone());
        let id = stack.id.clone();
        let own = Event::new(&self.name.clone(), "AWS::CloudFormation::Stack", &step.status, &step.reason);
        self.happen(Event { physical: id, ..own });
    }

    /// Each event is a millisecond after the last at least, so that their order is that of their times.
    fn happen(&mut self, event: Event) {
        let after = self.events.last().and_then(|last| last.time.checked_add(jiff::Span::new().milliseconds(1)).ok());
        let now = Timestamp::now();
        let event = Event { time: after.map_or(now, |after| after.max(now)), token: self.token.clone(), ..event };
        if let Some(stack) = &mut self.stack
            && event.kind != "AWS::CloudFormation::Stack"
        {
            stack.resources.insert(event.logical.clone(), event.clone());
        }
        self.events.push(event);
    }

    /// Starts the steps of an operation: the scripted ones, or otherwise those of AWS.
    fn react(&mut self, operation: &str, token: &str, otherwise: &[&str]) {
        let told = self.reactions.get_mut(operation).and_then(VecDeque::pop_front);
        let usual = || otherwise.iter().map(|status| step(status)).collect();
        self.coming = told.unwrap_or_else(usual).into();
        token.clone_into(&mut self.token);
        self.advance();
    }

    fn advance(&mut self) {
        if let Some(next) = self.coming.pop_front() {
            self.polls = next.polls;
            self.reach(next);
        }
    }

    /// One poll was answered.
    fn poll(&mut self) {
        self.polls = self.polls.saturating_sub(1);
        if self.polls == 0 {
            self.advance();
        }
    }

    /// The stack, by its name while it exists and by its id always.
    fn find(&self, wanted: &str) -> Option<&Stack> {
        let stack = self.stack.as_ref()?;
        let alive = stack.status != GONE;
        (stack.id == wanted || alive && self.name == wanted).then_some(stack)
    }

    fn answer(&mut self, call: &Call) -> Answer {
        if let Some((status, code, message)) = self.refusals.get_mut(&call.name).and_then(VecDeque::pop_front) {
            return query_error(status, &code, &message);
        }
        let form = call.form();
        let answer = self.act(&call.name, &form);
        if ["DescribeStacks", "DescribeStackEvents"].contains(&call.name.as_str()) {
            self.poll();
        }
        answer.unwrap_or_else(|(status, code, message)| query_error(status, code, &message))
    }
}
