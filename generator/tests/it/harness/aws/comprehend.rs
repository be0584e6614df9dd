//! A stand-in for Amazon Comprehend on the wire, which no emulator has: its protocol, its limits and its errors are real,
//! its answers are worked out by simple rules, and are no model's.
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
use super::wire::{Answer, Call, ID, json_error};

/// One call that came, as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub operation: String,
    pub language: Option<String>,
    pub texts: Vec<String>,
    pub fault: Option<Fault>,
}

/// What is done to texts that have these words in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marked {
    /// The text's entry stands in the `ErrorList`, with this code.
    Listed(&'static str),
    /// The whole call is refused.
    Refused,
    /// There is no answer about it.
    Forgotten,
}

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    faults: Option<Faults>,
    /// What always goes wrong with an operation.
    wrong: BTreeMap<String, Fault>,
    marked: Vec<(String, Marked)>,
    /// What is answered to an operation instead, word for word.
    instead: BTreeMap<String, String>,
}

/// Listens on plain HTTP until it is dropped.
pub struct Comprehend {
    server: CallServer,
    state: Arc<Mutex<State>>,
}

impl Comprehend {
    pub fn start() -> Self {
        let state = Arc::<Mutex<State>>::default();
        let served = Arc::clone(&state);
        let server = CallServer::start(move |call| {
            let state = Arc::clone(&served);
            async move { answer(call, &state).await }
        });
        Self { server, state }
    }

    /// For `AWS_ENDPOINT_URL_COMPREHEND`.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// All calls so far, in the order in which they came.
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// How many calls of each operation came.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        self.asked().into_iter().for_each(|asked| *counts.entry(asked.operation).or_default() += 1);
        counts
    }

    /// Forgets the calls, and all that is to go wrong.
    pub fn clear(&self) {
        *self.state() = State::default();
    }

    /// A share of all calls goes wrong.
    pub fn faults(&self, faults: Faults) {
        self.state().faults = Some(faults);
    }

    /// Every call of this operation goes wrong.
    pub fn wrong(&self, operation: &str, fault: Fault) {
        self.state().wrong.insert(operation.to_owned(), fault);
    }

    /// Texts with these words in them meet this.
    pub fn mark(&self, words: &str, marked: Marked) {
        self.state().marked.push((words.to_owned(), marked));
    }

    /// This operation is answered by these words, which were recorded or are odd.
    pub fn instead(&self, operation: &str, body: &str) {
        self.state().instead.insert(operation.to_owned(), body.to_owned());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        state(&self.state)
    }
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
        Some(Fault::Unheard) | None => {}
    }
    let (marked, instead) = {
        let state = state(shared);
        (state.marked.clone(), state.instead.get(&operation).cloned())
    };
    let answer = match (instead, refused(&operation, language.as_deref(), &texts, &marked)) {
        (Some(body), _) => said(body),
        (None, Some((code, words))) => json_error(400, code, &words),
        (None, None) => said(told(&operation, &texts, &marked).await.to_string()),
    };
    if fault == Some(Fault::Unheard) { Err("unheard".to_owned()) } else { Ok(answer) }
}

fn note(shared: &Mutex<State>, operation: &str, language: Option<String>, texts: Vec<String>) -> Option<Fault> {
    let mut state = state(shared);
    let nth = state.asked.iter().filter(|asked| asked.operation == operation).count();
    let share = state.faults.as_ref().and_then(|faults| faults.meets(&format!("comprehend:{operation}"), nth));
    let fault = state.wrong.get(operation).copied().or(share);
    state.asked.push(Asked { operation: operation.to_owned(), language, texts, fault });
    fault
}

fn said(body: String) -> Answer {
    let answer =
        Response::builder().header("content-type", "application/x-amz-json-1.1").header("x-amzn-requestid", ID);
    answer.body(Full::from(body)).expect("an answer")
}

/// Why the service refuses a call as a whole, in its own words as far as they are known.
fn refused(
    operation: &str,
    language: Option<&str>,
    texts: &[String],
    marked: &[(String, Marked)],
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
    let refused = |text: &String| meets(marked, text) == Some(&Marked::Refused);
    texts.iter().any(refused).then(|| ("InvalidRequestException", "The request is invalid.".to_owned()))
}

fn meets<'a>(marked: &'a [(String, Marked)], text: &str) -> Option<&'a Marked> {
    marked.iter().find(|(words, _)| text.contains(words.as_str())).map(|(_, marked)| marked)
}

async fn told(operation: &str, texts: &[String], marked: &[(String, Marked)]) -> Value {
    if operation == "DetectPiiEntities" {
        return judge::judged(operation, &texts[0]).await;
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for (index, text) in texts.iter().enumerate() {
        match meets(marked, text) {
            Some(Marked::Listed(code)) => {
                errors.push(json!({ "Index": index, "ErrorCode": code, "ErrorMessage": "as the test wants it" }));
            }
            Some(Marked::Forgotten) => {}
            Some(Marked::Refused) | None => {
                let mut result = judge::judged(operation, text).await;
                result["Index"] = json!(index);
                results.push(result);
            }
        }
    }
    json!({ "ResultList": results, "ErrorList": errors })
}
