//! The gate before the emulator: every request has to fit the models of AWS and the rules of the strict layer.
//!
//! A request that does not is answered with an error of its own code, never passed on, and fails the test that sent it:
//! the test's proxy, its pipeline or its emulator panics when it is dropped.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::botocore;
use super::strict::{Passage, Strict};
use super::upstream::Upstream;
use super::wire::{Answer, Call, UNSIGNED};

/// The error code of a refused request, which no service has.
pub const REFUSED: &str = "RefusedByTheTests";

/// A request that AWS would not take.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub operation: String,
    pub mistakes: Vec<String>,
    pub access_key: String,
    /// The parameters, by which a pipeline knows the calls of its functions.
    pub parameters: String,
}

impl Refusal {
    pub fn new(call: &Call, mistakes: Vec<String>, parameters: &str) -> Self {
        let (operation, access_key) = (call.operation(), call.access_key().to_owned());
        Self { operation, mistakes, access_key, parameters: parameters.to_owned() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "AWS would not take this {}: {}", self.operation, self.mistakes.join("; "))
    }
}

/// Refused requests that no test has failed for yet.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Vec<Refusal>>);

impl Refusals {
    fn all(&self) -> MutexGuard<'_, Vec<Refusal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn add(&self, refusal: Refusal) {
        self.all().push(refusal);
    }

    /// Removes and returns those of which this holds.
    pub fn take(&self, which: impl Fn(&Refusal) -> bool) -> Vec<Refusal> {
        self.all().extract_if(.., |refusal| which(refusal)).collect()
    }

    /// Fails the test of this thread for those of which this holds, unless it is failing already.
    #[track_caller]
    pub fn fail(&self, which: impl Fn(&Refusal) -> bool) {
        let refused = self.take(which);
        if !refused.is_empty() && !std::thread::panicking() {
            let lines: Vec<String> = refused.iter().map(Refusal::to_string).collect();
            panic!("{}", lines.join("\n"));
        }
    }
}

/// The judge of an emulator's requests, for all ways that lead to it.
#[derive(Default)]
pub struct Gate {
    pub strict: Strict,
    of_functions: Mutex<BTreeSet<String>>,
}

/// The access keys of sessions begin with it: those of functions, which act by their roles.
const SESSION: &str = "ASIA";

impl Gate {
    /// The operations that deployed functions have asked for.
    pub fn operations_of_functions(&self) -> BTreeSet<String> {
        self.of_functions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Passes a call on, to a stand-in or to the emulator, if AWS would take it.
    pub async fn pass(
        &self,
        call: &Call,
        refusals: &Refusals,
        stand_in: impl Fn(&Call) -> Option<Answer>,
        upstream: &Upstream,
    ) -> Result<Answer, String> {
        if call.service == UNSIGNED {
            return upstream.ask(call).await;
        }
        if call.access_key().starts_with(SESSION) {
            self.of_functions.lock().unwrap_or_else(PoisonError::into_inner).insert(call.operation());
        }
        let passage = match self.judge(call) {
            Ok(passage) => passage,
            Err(Judgement::Answered(answer)) => return Ok(*answer),
            Err(Judgement::Refused(refusal)) => {
                let answer = call.error(400, REFUSED, &refusal.to_string());
                refusals.add(*refusal);
                return Ok(answer);
            }
        };
        let answer = match stand_in(call) {
            Some(answer) => answer,
            None => upstream.ask(call).await?,
        };
        self.strict.observe(call, passage, answer).await
    }

    fn judge(&self, call: &Call) -> Result<Passage<'_>, Judgement> {
        let request = model(call);
        let refused = |mistakes: Vec<String>, parameters: &serde_json::Value| {
            Judgement::Refused(Box::new(Refusal::new(call, mistakes, &parameters.to_string())))
        };
        if !request.mistakes.is_empty() {
            return Err(refused(request.mistakes, &request.parameters));
        }
        let broken = self.strict.broken(call, &request.parameters);
        if !broken.is_empty() {
            return Err(refused(broken, &request.parameters));
        }
        self.strict.enter(call, request.parameters).map_err(Judgement::Answered)
    }
}

enum Judgement {
    Refused(Box<Refusal>),
    /// AWS takes the request, and answers it with an error that the caller has to bear.
    Answered(Box<Answer>),
}

/// The request as the service's model has it.
fn model(call: &Call) -> botocore::Request {
    match botocore::model(&call.service) {
        Some(model) => model.request(call),
        None => botocore::Request {
            parameters: serde_json::Value::Null,
            mistakes: vec!["botocore has no model of this service".to_owned()],
        },
    }
}

/// What in a request to a stand-in of ours does not fit its model.
pub fn mistakes(call: &Call) -> Vec<String> {
    model(call).mistakes
}
