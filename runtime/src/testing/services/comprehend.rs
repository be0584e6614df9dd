//! Comprehend: the wire format and the limits of the batch calls, with answers by a small rule.

use serde_json::{Value, json};

use super::{FakeServiceError, FakeServiceResult};

/// Texts of one call, and bytes of a text (<https://docs.aws.amazon.com/comprehend/latest/dg/guidelines-and-limits.html>).
const TEXTS: usize = 25;
const TEXT_BYTES: usize = 5_000;

const GOOD: [&str; 10] =
    ["acclaimed", "award", "beloved", "celebrated", "great", "leading", "popular", "praised", "profitable", "success"];
const BAD: [&str; 10] =
    ["bankruptcy", "criticised", "decline", "fine", "fraud", "lawsuit", "loss", "recall", "scandal", "violation"];

/// Responds to a call.
pub fn answer(operation: &str, request: &Value) -> FakeServiceResult {
    let judge: fn(&str) -> Value = match operation {
        "BatchDetectSentiment" => sentiment,
        "BatchDetectEntities" => entities,
        "BatchDetectKeyPhrases" => phrases,
        "BatchDetectDominantLanguage" => |_| json!({ "Languages": [{ "LanguageCode": "en", "Score": 0.99 }] }),
        other => return Err(FakeServiceError::unknown(other)),
    };
    let texts = request["TextList"].as_array().map(Vec::as_slice).unwrap_or_default();
    if texts.is_empty() || texts.len() > TEXTS {
        let words = format!("{} documents in a batch, where 1 to {TEXTS} are allowed", texts.len());
        return Err(FakeServiceError::new("BatchSizeLimitExceededException", words));
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for (place, text) in texts.iter().enumerate() {
        let text = text.as_str().unwrap_or_default();
        if text.len() > TEXT_BYTES {
            let words = "Input text size exceeds limit.";
            let code = "TEXT_SIZE_LIMIT_EXCEEDED";
            errors.push(json!({ "Index": place, "ErrorCode": code, "ErrorMessage": words }));
            continue;
        }
        let mut result = judge(text);
        result["Index"] = json!(place);
        results.push(result);
    }
    Ok(json!({ "ResultList": results, "ErrorList": errors }))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Counts good words against bad ones.
fn sentiment(text: &str) -> Value {
    let count = |list: &[&str]| words(text).filter(|word| list.contains(word)).count();
    let (good, bad) = (count(&GOOD), count(&BAD));
    let label = match (good, bad) {
        (0, 0) => "NEUTRAL",
        (good, bad) if good > bad => "POSITIVE",
        (good, bad) if good < bad => "NEGATIVE",
        _ => "MIXED",
    };
    let score = |it: &str| if it == label { 0.91 } else { 0.03 };
    let scores = json!({
        "Positive": score("POSITIVE"), "Negative": score("NEGATIVE"), "Neutral": score("NEUTRAL"), "Mixed": score("MIXED"),
    });
    json!({ "Sentiment": label, "SentimentScore": scores })
}

/// Capitalised words, and their offsets in characters.
fn entities(text: &str) -> Value {
    let capital = |word: &str| word.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
    let mut found = Vec::new();
    let mut start = 0;
    for sentence in text.split_inclusive(". ") {
        // The first word is capitalised because of its position.
        let first = sentence.split(' ').next().unwrap_or_default().len();
        let mut place = start + first;
        for run in sentence[first..].split_inclusive(|c: char| !c.is_alphanumeric()) {
            let word = run.trim_end_matches(|c: char| !c.is_alphanumeric());
            if capital(word) && word.len() > 2 {
                let begin = text[..place].chars().count();
                found.push(json!({
                    "Text": word, "Type": "ORGANIZATION", "Score": 0.9,
                    "BeginOffset": begin, "EndOffset": begin + word.chars().count(),
                }));
            }
            place += run.len();
        }
        start += sentence.len();
    }
    json!({ "Entities": found })
}

/// Long words.
fn phrases(text: &str) -> Value {
    let mut found = Vec::new();
    for (place, word) in text.split(' ').scan(0, |at, word| {
        let place = *at;
        *at += word.chars().count() + 1;
        Some((place, word))
    }) {
        if word.len() > 8 {
            let end = place + word.chars().count();
            found.push(json!({ "Text": word, "Score": 0.9, "BeginOffset": place, "EndOffset": end }));
        }
    }
    json!({ "KeyPhrases": found })
}
