//! The rules by which the stand-in for Comprehend answers: simple ones that anybody can check, and no model.

use std::collections::BTreeMap;

use fanggen_runtime::aws::AwsServices;
use fanggen_runtime::component::{Binding, ComponentRole, Instance};
use fanggen_runtime::function::registry;
use fanggen_runtime::model::record::{Item, Record, Text};
use fanggen_runtime::model::tree::Tree;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Words that a language often has, and the others seldom.
const COMMON: [(&str, [&str; 8]); 6] = [
    ("en", ["the", "is", "and", "of", "was", "with", "this", "it"]),
    ("de", ["der", "die", "das", "und", "ist", "nicht", "ein", "mit"]),
    ("fr", ["le", "la", "les", "est", "et", "une", "pas", "avec"]),
    ("es", ["el", "los", "es", "una", "que", "muy", "con", "del"]),
    ("it", ["il", "che", "di", "è", "gli", "della", "non", "sono"]),
    ("pt", ["o", "os", "não", "uma", "muito", "com", "são", "do"]),
];

/// Letters that tell a language by its script, from and to.
const SCRIPTS: [(&str, char, char); 5] = [
    ("ja", '\u{3040}', '\u{30ff}'),
    ("ko", '\u{ac00}', '\u{d7a3}'),
    ("ar", '\u{600}', '\u{6ff}'),
    ("hi", '\u{900}', '\u{97f}'),
    ("zh", '\u{4e00}', '\u{9fff}'),
];

/// What the operation says about a text.
pub async fn judged(operation: &str, text: &str) -> Value {
    match operation {
        "BatchDetectSentiment" => {
            let (label, scores) = sentiment(text).await;
            json!({ "Sentiment": label, "SentimentScore": scores })
        }
        "BatchDetectTargetedSentiment" => {
            let (label, scores) = sentiment(text).await;
            let mention = |found: Found| {
                json!({ "Mentions": [{
                    "BeginOffset": found.begin, "EndOffset": found.end, "Text": found.text, "Score": 0.9,
                    "GroupScore": 1.0, "Type": "ORGANIZATION",
                    "MentionSentiment": { "Sentiment": label, "SentimentScore": scores },
                }], "DescriptiveMentionIndex": [0] })
            };
            json!({ "Entities": named(text).into_iter().map(mention).collect::<Vec<_>>() })
        }
        "BatchDetectEntities" => json!({ "Entities": all(named(text), Some("ORGANIZATION"), true) }),
        "BatchDetectKeyPhrases" => json!({ "KeyPhrases": all(phrases(text), None, true) }),
        "BatchDetectDominantLanguage" => json!({ "Languages": languages(text) }),
        _ => json!({ "Entities": all(addresses(text), Some("EMAIL"), false) }),
    }
}

/// Some words of a text, and where: in characters.
struct Found {
    text: String,
    begin: usize,
    end: usize,
}

fn all(found: Vec<Found>, kind: Option<&str>, words: bool) -> Vec<Value> {
    let value = |found: Found| {
        let mut value = json!({ "BeginOffset": found.begin, "EndOffset": found.end, "Score": 0.9 });
        if let Some(kind) = kind {
            value["Type"] = json!(kind);
        }
        if words {
            value["Text"] = json!(found.text);
        }
        value
    };
    found.into_iter().map(value).collect()
}

/// The embedded lexicon's judgement as shares of a whole, and the strongest of them as the label: so the service has it.
async fn sentiment(text: &str) -> (Value, Value) {
    let kind = registry::find(ComponentRole::Stage, "lexicon").expect("the lexicon");
    let settings = (kind.read)(&Tree::from_json(json!({}))).expect("settings");
    let opened = settings.open(Binding::default(), &AwsServices::new(BTreeMap::new())).expect("the lexicon");
    let Instance::Stage(lexicon) = opened else { panic!("the lexicon is a stage") };
    let text = Text { body: text.to_owned(), language: Some("en".into()), ..Text::default() };
    let record = Record { text: Some(text), ..Record::new("", "", Item::named("text")) };
    let told = lexicon.apply(vec![record], Instant::now()).await.remove(0);
    let share =
        |key: &str| told.findings.first().and_then(|finding| finding.scores.get(key).copied()).unwrap_or_default();
    let compound = told.findings.first().and_then(|finding| finding.score).unwrap_or_default();
    let mixed = 2.0 * share("positive").min(share("negative"));
    let rest = 1.0 - mixed;
    let scores = [
        ("Positive", compound.max(0.0) * rest),
        ("Negative", (-compound).max(0.0) * rest),
        ("Neutral", (1.0 - compound.abs()) * rest),
        ("Mixed", mixed),
    ];
    let strongest = scores.iter().max_by(|a, b| a.1.total_cmp(&b.1)).expect("four of them").0;
    (json!(strongest.to_uppercase()), scores.into_iter().collect())
}

/// Stretches of characters that belong together.
fn runs(text: &str, belongs: impl Fn(char) -> bool) -> Vec<Found> {
    let mut runs: Vec<Found> = Vec::new();
    for (place, c) in text.chars().enumerate().filter(|(_, c)| belongs(*c)) {
        match runs.last_mut().filter(|run| run.end == place) {
            Some(run) => {
                run.text.push(c);
                run.end += 1;
            }
            None => runs.push(Found { text: c.into(), begin: place, end: place + 1 }),
        }
    }
    runs
}

/// Words with a capital, and those that follow each other as one.
fn named(text: &str) -> Vec<Found> {
    let characters: Vec<char> = text.chars().collect();
    let mut named: Vec<Found> = Vec::new();
    for word in runs(text, char::is_alphanumeric) {
        if !word.text.starts_with(char::is_uppercase) {
            continue;
        }
        match named.last_mut().filter(|last| last.end + 1 == word.begin && characters[last.end] == ' ') {
            Some(last) => {
                last.text = format!("{} {}", last.text, word.text);
                last.end = word.end;
            }
            None => named.push(word),
        }
    }
    named
}

/// Words of five letters or more.
fn phrases(text: &str) -> Vec<Found> {
    runs(text, char::is_alphabetic).into_iter().filter(|word| word.end - word.begin >= 5).collect()
}

fn addresses(text: &str) -> Vec<Found> {
    let word = |c: char| c.is_alphanumeric() || matches!(c, '@' | '.' | '-' | '_' | '+');
    let is_address =
        |found: &Found| found.text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    let ended = |mut found: Found| {
        let length = found.text.trim_end_matches('.').len();
        found.end -= found.text.len() - length;
        found.text.truncate(length);
        found
    };
    runs(text, word).into_iter().map(ended).filter(is_address).collect()
}

/// By the script, or by the words that are common; the strongest comes last, since the service promises no order.
fn languages(text: &str) -> Vec<Value> {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count().max(1) as f64;
    let script = SCRIPTS.into_iter().map(|(tag, from, to)| {
        let found = text.chars().filter(|c| (from..=to).contains(c)).count();
        (tag, found as f64 / letters)
    });
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect();
    let common = COMMON.iter().map(|(tag, common)| {
        let found = words.iter().filter(|word| common.contains(word)).count();
        (*tag, found as f64 / words.len().max(1) as f64)
    });
    let mut found: Vec<(&str, f64)> = script.chain(common).filter(|(_, score)| *score > 0.0).collect();
    found.sort_by(|a, b| a.1.total_cmp(&b.1));
    found.into_iter().map(|(tag, score)| json!({ "LanguageCode": tag, "Score": score })).collect()
}
