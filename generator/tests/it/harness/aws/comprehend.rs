//! A server that stands in for Amazon Comprehend, which no emulator has: its protocol, limits and errors are those of the
//! service; its results follow simple rules.
//!
//! The sentiment is that of the embedded lexicon, which reads every text as English.

mod judge;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::Full;
use hyper::Response;
use serde_json::{Value, json};

use super::call_server::CallServer;
use super::faults::{Fault, Faults};
use super::gate::{self, REFUSED, Refusal, Refusals};
use super::strict::has_comprehend;
use super::wire::{Answer, Call, ID, json_error};

/// A parsed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedCall {
    pub operation: String,
    pub language: Option<String>,
    pub texts: Vec<String>,
    pub fault: Option<Fault>,
}

/// What happens to texts that contain a given phrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextFault {
    /// The text gets an entry in the `ErrorList`, with this code.
    InErrorList(&'static str),
    /// The whole call is rejected.
    CallRejected,
    /// The response has no entry for the text.
    Missing,
}

#[derive(Default)]
struct State {
    asked: Vec<ReceivedCall>,
    faults: Option<Faults>,
    /// Faults of every call of an operation.
    wrong: BTreeMap<String, Fault>,
    marked: Vec<(String, TextFault)>,
    /// Fixed response bodies, by operation.
    instead: BTreeMap<String, String>,
}

/// Listens on plain HTTP until it is dropped; then it fails its test if the service would not have taken a request.
pub struct Comprehend {
    server: CallServer,
    state: Arc<Mutex<State>>,
    refusals: Arc<Refusals>,
}

impl Comprehend {
    pub fn start() -> Self {
        Self::start_with(Arc::default())
    }

    /// Refused requests are added to those of an emulator.
    pub fn start_with(refusals: Arc<Refusals>) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let (served, judged) = (Arc::clone(&state), Arc::clone(&refusals));
        let server = CallServer::start(move |call| {
            let (state, refusals) = (Arc::clone(&served), Arc::clone(&judged));
            async move {
                let mistakes = mistakes(&call);
                if mistakes.is_empty() {
                    return answer(call, &state).await;
                }
                let refusal = Refusal::new(&call, mistakes, &String::from_utf8_lossy(&call.body));
                let answer = call.error(400, REFUSED, &refusal.to_string());
                refusals.add(refusal);
                Ok(answer)
            }
        });
        Self { server, state, refusals }
    }

    /// For `AWS_ENDPOINT_URL_COMPREHEND`.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// The requests so far that the service would not have taken, for a test that sends such ones.
    pub fn take_refusals(&self) -> Vec<Refusal> {
        self.refusals.take(|_| true)
    }

    /// All calls so far, in the order of their arrival.
    pub fn asked(&self) -> Vec<ReceivedCall> {
        self.state().asked.clone()
    }

    /// The number of calls of each operation.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        self.asked().into_iter().for_each(|asked| *counts.entry(asked.operation).or_default() += 1);
        counts
    }

    /// Clears the calls and all faults.
    pub fn clear(&self) {
        *self.state() = State::default();
    }

    /// Injects faults into a share of all calls.
    pub fn faults(&self, faults: Faults) {
        self.state().faults = Some(faults);
    }

    /// Injects this fault into every call of an operation.
    pub fn always_fail(&self, operation: &str, fault: Fault) {
        self.state().wrong.insert(operation.to_owned(), fault);
    }

    /// Sets what happens to texts that contain a phrase.
    pub fn set_text_fault(&self, phrase: &str, fault: TextFault) {
        self.state().marked.push((phrase.to_owned(), fault));
    }

    /// Answers this operation with a fixed body: a recorded or a malformed one.
    pub fn set_response(&self, operation: &str, body: &str) {
        self.state().instead.insert(operation.to_owned(), body.to_owned());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        state(&self.state)
    }
}

impl Drop for Comprehend {
    fn drop(&mut self) {
        self.refusals.fail(|_| true);
    }
}

/// A region without the service has no endpoint for it.
fn mistakes(call: &Call) -> Vec<String> {
    let mut mistakes = gate::mistakes(call);
    if !has_comprehend(call.region()) {
        mistakes.push(format!("Amazon Comprehend is not in {}", call.region()));
    }
    mistakes
}

fn state(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error ends the connection without an answer.
async fn answer(call: Call, shared: &Mutex<State>) -> Result<Answer, String> {
    let target = call.head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let Some(operation) = target.strip_prefix("Comprehend_20171127.").map(str::to_owned) else {
        return Ok(json_error(400, "UnknownOperationException", ""));
    };
    let Ok(input) = serde_json::from_slice::<Value>(&call.body) else {
        return Ok(json_error(400, "SerializationException", "the body is not JSON"));
    };
    let language = input["LanguageCode"].as_str().map(str::to_owned);
    let texts: Vec<String> = match &input["TextList"] {
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => input["Text"].as_str().map(str::to_owned).into_iter().collect(),
    };
    let fault = note(shared, &operation, language.clone(), texts.clone());
    match fault {
        Some(Fault::Throttled) => return Ok(json_error(400, "ThrottlingException", "Rate exceeded")),
        Some(Fault::Broken) => {
            let words = "An internal server error occurred. Retry your request.";
            return Ok(json_error(500, "InternalServerException", words));
        }
        Some(Fault::Lost) => return Err("lost".to_owned()),
        Some(Fault::Late(delay)) => tokio::time::sleep(delay).await,
        // Those of a bucket, and of a batch of rows.
        Some(Fault::Unheard | Fault::Conflict | Fault::Unprocessed) | None => {}
    }
    let (marked, instead) = {
        let state = state(shared);
        (state.marked.clone(), state.instead.get(&operation).cloned())
    };
    let answer = match (instead, refused(&operation, language.as_deref(), &texts, &marked)) {
        (Some(body), _) => json_response(body),
        (None, Some((code, words))) => json_error(400, code, &words),
        (None, None) => json_response(response_to(&operation, &texts, &marked).await.to_string()),
    };
    if fault == Some(Fault::Unheard) { Err("unheard".to_owned()) } else { Ok(answer) }
}

fn note(shared: &Mutex<State>, operation: &str, language: Option<String>, texts: Vec<String>) -> Option<Fault> {
    let mut state = state(shared);
    let nth = state.asked.iter().filter(|asked| asked.operation == operation).count();
    let share = state.faults.as_ref().and_then(|faults| faults.meets(&format!("comprehend:{operation}"), nth));
    let fault = state.wrong.get(operation).copied().or(share);
    state.asked.push(ReceivedCall { operation: operation.to_owned(), language, texts, fault });
    fault
}

fn json_response(body: String) -> Answer {
    let answer =
        Response::builder().header("content-type", "application/x-amz-json-1.1").header("x-amzn-requestid", ID);
    answer.body(Full::from(body)).expect("an answer")
}

/// The error of a call that the service rejects as a whole, with the message of the service where it is known.
fn refused(
    operation: &str,
    language: Option<&str>,
    texts: &[String],
    marked: &[(String, TextFault)],
) -> Option<(&'static str, String)> {
    let invalid = |words: &str| Some(("ValidationException", format!("1 validation error detected: {words}")));
    let all = BTreeSet::from(["en", "es", "fr", "de", "it", "pt", "ar", "hi", "ja", "ko", "zh", "zh-TW"]);
    let (most, knows) = match operation {
        "BatchDetectSentiment" | "BatchDetectEntities" | "BatchDetectKeyPhrases" => (5_000, Some(all.clone())),
        "BatchDetectTargetedSentiment" => (5_000, Some(BTreeSet::from(["en"]))),
        "DetectPiiEntities" => (100_000, Some(BTreeSet::from(["en", "es"]))),
        "BatchDetectDominantLanguage" => (5_000, None),
        _ => return Some(("UnknownOperationException", String::new())),
    };
    match (&knows, language) {
        (Some(_), None) => {
            return invalid("Value at 'languageCode' failed to satisfy constraint: Member must not be null");
        }
        (Some(_), Some(tag)) if !all.contains(tag) => {
            return invalid("Value at 'languageCode' failed to satisfy constraint: Member must satisfy enum value set");
        }
        (Some(knows), Some(tag)) if !knows.contains(tag) => {
            return Some(("UnsupportedLanguageException", format!("The language {tag} is not supported.")));
        }
        _ => {}
    }
    if texts.is_empty() || texts.iter().any(String::is_empty) {
        return invalid("Value failed to satisfy constraint: Member must have length greater than or equal to 1");
    }
    if texts.len() > 25 {
        let words = "The number of documents in the request exceeds the limit of 25. Try your request again with fewer \
                     documents.";
        return Some(("BatchSizeLimitExceededException", words.to_owned()));
    }
    if let Some(text) = texts.iter().find(|text| text.len() > most) {
        let words = format!(
            "Input text size exceeds limit. Max length of request text allowed is {most} bytes while in this request the \
             text size is {} bytes",
            text.len()
        );
        return Some(("TextSizeLimitExceededException", words));
    }
    let refused = |text: &String| meets(marked, text) == Some(&TextFault::CallRejected);
    texts.iter().any(refused).then(|| ("InvalidRequestException", "The request is invalid.".to_owned()))
}

fn meets<'a>(marked: &'a [(String, TextFault)], text: &str) -> Option<&'a TextFault> {
    marked.iter().find(|(words, _)| text.contains(words.as_str())).map(|(_, marked)| marked)
}

async fn response_to(operation: &str, texts: &[String], marked: &[(String, TextFault)]) -> Value {
    if operation == "DetectPiiEntities" {
        return judge::judged(operation, &texts[0]).await;
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for (index, text) in texts.iter().enumerate() {
        match meets(marked, text) {
            Some(TextFault::InErrorList(code)) => {
                errors.push(json!({ "Index": index, "ErrorCode": code, "ErrorMessage": "as the test wants it" }));
            }
            Some(TextFault::Missing) => {}
            Some(TextFault::CallRejected) | None => {
                let mut result = judge::judged(operation, text).await;
                result["Index"] = json!(index);
                results.push(result);
            }
        }
    }
    json!({ "ResultList": results, "ErrorList": errors })
}
