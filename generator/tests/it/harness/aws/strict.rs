//! The strict layer over the emulator: what AWS refuses and the emulator takes, each rule with its page and the date it
//! was read.
//!
//! A request that breaks a rule fails its test. Where AWS's answer is one that a caller has to bear, such as a bucket
//! that is busy, the answer is given in AWS's place, and the test goes on.

mod answers;
mod intrinsics;
mod requests;
mod schemas;
mod stacks;
mod templates;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt as _;
use serde_json::Value;

use super::emulator::ACCOUNT;
use super::wire::{Answer, Call};
use answers::Memory;
use stacks::Stacks;

pub use answers::operation_aborted;
pub use requests::has_comprehend;

/// What the rules know of an emulator: all that has passed its gate.
#[derive(Default)]
pub struct Strict {
    ledger: Mutex<Ledger>,
}

#[derive(Default)]
struct Ledger {
    stacks: Stacks,
    memory: Memory,
}

/// A request, and who sends it.
struct Sent<'a> {
    call: &'a Call,
    account: String,
    parameters: &'a Value,
}

impl<'a> Sent<'a> {
    fn new(call: &'a Call, parameters: &'a Value) -> Self {
        let key = call.access_key();
        let is_account = key.len() == 12 && key.bytes().all(|one| one.is_ascii_digit());
        Self { call, account: if is_account { key } else { ACCOUNT }.to_owned(), parameters }
    }

    fn is(&self, operation: &str) -> bool {
        self.call.operation() == operation
    }

    fn text(&self, parameter: &str) -> &'a str {
        self.parameters[parameter].as_str().unwrap_or_default()
    }
}

/// A request on its way: while it lasts, its bucket is busy or its function runs.
pub struct Passage<'a> {
    strict: &'a Strict,
    parameters: Value,
    busy: Option<String>,
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if let Some(busy) = &self.busy {
            self.strict.ledger().memory.leave(busy);
        }
    }
}

impl Strict {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything, as the emulator does when it is reset.
    pub fn clear(&self) {
        *self.ledger() = Ledger::default();
    }

    /// Lets the rules' clock go forward.
    pub fn advance(&self, time: Duration) {
        self.ledger().memory.advance(time);
    }

    /// The account is new: only this many functions run in it at once.
    pub fn set_concurrency(&self, functions: usize) {
        self.ledger().memory.set_concurrency(functions);
    }

    /// The rules that a request breaks.
    pub fn broken(&self, call: &Call, parameters: &Value) -> Vec<String> {
        let sent = Sent::new(call, parameters);
        let ledger = self.ledger();
        let mut broken = requests::broken(&sent, &ledger.stacks, &ledger.memory);
        if let Some((before, after)) = ledger.stacks.change(&sent) {
            // A stack that is not known here, as a scripted one, has what it would have.
            let is_update = parameters["ChangeSetType"] == "UPDATE";
            broken.extend(templates::broken(before.or(is_update.then_some(&after)), &after));
        }
        broken
    }

    /// Lets a request in, or gives the answer that AWS has for it now.
    pub fn enter(&self, call: &Call, parameters: Value) -> Result<Passage<'_>, Box<Answer>> {
        let busy = self.ledger().memory.enter(&Sent::new(call, &parameters))?;
        Ok(Passage { strict: self, parameters, busy })
    }

    /// Learns from the answer to a request; some are given the numbers of a new account.
    pub async fn observe(&self, call: &Call, passage: Passage<'_>, answer: Answer) -> Result<Answer, String> {
        let sent = Sent::new(call, &passage.parameters);
        if !answer.status().is_success() || !is_of_interest(&sent) {
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        let mut ledger = self.ledger();
        let gone = ledger.stacks.observe(&sent, &body);
        ledger.memory.observe(&sent, &body, gone);
        let body = ledger.memory.rewritten(&sent, &body).map_or(body, Into::into);
        let mut answer = Answer::from_parts(head, body.into());
        answer.headers_mut().remove("content-length");
        Ok(answer)
    }
}

/// Most answers teach nothing, and are not read: objects may be large.
fn is_of_interest(sent: &Sent<'_>) -> bool {
    matches!(sent.call.service.as_str(), "cloudformation" | "sqs")
        || ["s3:PutObject", "lambda:GetAccountSettings", "dynamodb:UpdateTable"].iter().any(|name| sent.is(name))
}
