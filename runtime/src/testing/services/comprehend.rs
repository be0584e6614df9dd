//! Comprehend: the wire format and the limits of the batch calls. A small rule judges the texts.

use serde_json::{Value, json};

use super::{FakeServiceError, FakeServiceResult};

/// Maximum texts per call, and bytes per text (<https://docs.aws.amazon.com/comprehend/latest/dg/guidelines-and-limits.html>).
const TEXTS: usize = 25;
const TEXT_BYTES: usize = 5_000;

const POSITIVE: [&str; 10] =
    ["acclaimed", "award", "beloved", "celebrated", "great", "leading", "popular", "praised", "profitable", "success"];
const NEGATIVE: [&str; 10] =
    ["bankruptcy", "criticised", "decline", "fine", "fraud", "lawsuit", "loss", "recall", "scandal", "violation"];

/// Responds to a call.
pub fn respond(operation: &str, request: &Value) -> FakeServiceResult {
    let judge: fn(&str) -> Value = match operation {
        "BatchDetectSentiment" => sentiment,
        "BatchDetectEntities" => entities,
        "BatchDetectKeyPhrases" => phrases,
        "BatchDetectDominantLanguage" => |_| json!({ "Languages": [{ "LanguageCode": "en", "Score": 0.99 }] }),
        other => return Err(FakeServiceError::unknown(other)),
    };
    let texts = request["TextList"].as_array().map(Vec::as_slice).unwrap_or_default();
    if texts.is_empty() || texts.len() > TEXTS {
        let message = format!("{} documents in a batch, where 1 to {TEXTS} are allowed", texts.len());
        return Err(FakeServiceError::new("BatchSizeLimitExceededException", message));
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for (index, text) in texts.iter().enumerate() {
        let text = text.as_str().unwrap_or_default();
        if text.len() > TEXT_BYTES {
            let message = "Input text size exceeds limit.";
            let code = "TEXT_SIZE_LIMIT_EXCEEDED";
            errors.push(json!({ "Index": index, "ErrorCode": code, "ErrorMessage": message }));
            continue;
        }
        let mut result = judge(text);
        result["Index"] = json!(index);
        results.push(result);
    }
    Ok(json!({ "ResultList": results, "ErrorList": errors }))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Compares the number of positive words with that of negative ones.
fn sentiment(text: &str) -> Value {
    let count = |list: &[&str]| words(text).filter(|word| list.contains(word)).count();
    let (positive, negative) = (count(&POSITIVE), count(&NEGATIVE));
    let label = match (positive, negative) {
        (0, 0) => "NEUTRAL",
        (positive, negative) if positive > negative => "POSITIVE",
        (positive, negative) if positive < negative => "NEGATIVE",
        _ => "MIXED",
    };
    let score = |other: &str| if other == label { 0.91 } else { 0.03 };
    let scores = json!({
        "Positive": score("POSITIVE"), "Negative": score("NEGATIVE"), "Neutral": score("NEUTRAL"), "Mixed": score("MIXED"),
    });
    json!({ "Sentiment": label, "SentimentScore": scores })
}

/// Capitalised words, and their offsets in characters.
fn entities(text: &str) -> Value {
    let is_name = |word: &str| word.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
    let mut found = Vec::new();
    let mut start = 0;
    for sentence in text.split_inclusive(". ") {
        // The first word is capitalised because of its position.
        let first = sentence.split(' ').next().unwrap_or_default().len();
        let mut offset = start + first;
        for run in sentence[first..].split_inclusive(|c: char| !c.is_alphanumeric()) {
            let word = run.trim_end_matches(|c: char| !c.is_alphanumeric());
            if is_name(word) && word.len() > 2 {
                let begin = text[..offset].chars().count();
                found.push(json!({
                    "Text": word, "Type": "ORGANIZATION", "Score": 0.9,
                    "BeginOffset": begin, "EndOffset": begin + word.chars().count(),
                }));
            }
            offset += run.len();
        }
        start += sentence.len();
    }
    json!({ "Entities": found })
}

/// Long words.
fn phrases(text: &str) -> Value {
    let mut found = Vec::new();
    for (begin, word) in text.split(' ').scan(0, |next, word| {
        let begin = *next;
        *next += word.chars().count() + 1;
        Some((begin, word))
    }) {
        if word.len() > 8 {
            let end = begin + word.chars().count();
            found.push(json!({ "Text": word, "Score": 0.9, "BeginOffset": begin, "EndOffset": end }));
        }
    }
    json!({ "KeyPhrases": found })
}
