//! The requests of the stage `comprehend` and its results, through the SDK over HTTP.
//!
//! The service behind it is a stand-in (`harness/aws/comprehend.rs`): protocol, limits and errors are real, its
//! results follow simple rules. One response was recorded from the service itself, and is replayed.

use crate::harness::{analysis, aws, project};

use std::collections::BTreeSet;
use std::path::Path;

use analysis::{Place, failed, far, found, record};
use aws::comprehend::{Comprehend, ReceivedCall};
use fanggen_runtime::component::analysis::{Analysis, AnalysisOutput};
use fanggen_runtime::component::services::Services as _;
use fanggen_runtime::model::error::ErrorCode;
use fanggen_runtime::model::record::{Label, Record};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;
use serde_json::{Value, json};

/// A thousand different texts of 300 characters and less, in chunks of 100 as they come.
fn chunks() -> Vec<Vec<Record>> {
    let text = |number: usize| format!("Company no.{number} has a {} product.", ["great", "horrible"][number % 2]);
    let records: Vec<Record> =
        (0..1_000).map(|number| record(&number.to_string(), &text(number), Some("en"))).collect();
    records.chunks(100).map(<[Record]>::to_vec).collect()
}

#[tokio::test]
async fn a_thousand_texts_are_40_calls_and_80_with_entities() {
    let comprehend = Comprehend::start();
    let place = Place::before(&comprehend);
    for (questions, calls) in [(json!(["sentiment"]), 40), (json!(["entities", "sentiment"]), 80)] {
        comprehend.clear();
        let stage = place.stage(json!({ "detect": questions }), None);
        for chunk in chunks() {
            let analysed = stage.apply(chunk, far()).await;
            for (number, record) in analysed.iter().enumerate() {
                let finding = found(record);
                let expected = [Label::Positive, Label::Negative][number % 2];
                assert_eq!((finding.label, finding.coverage), (Some(expected), 1.0), "{record:?}");
                assert_eq!((finding.engine.as_str(), finding.scores.len()), ("comprehend", 4));
                let sign = finding.score.expect("a score") > 0.0;
                assert_eq!(sign, expected == Label::Positive, "{finding:?}");
            }
        }
        assert_eq!(comprehend.asked().len(), calls, "{questions}");
        // 3 units at least for each text and question.
        let reading = place.cloud.meter().take();
        assert_eq!((reading.comprehend_units, reading.throttled), (3_000 * calls as u64 / 40, 0));
    }
    let operations: BTreeSet<String> = comprehend.counts().into_keys().collect();
    assert_eq!(operations, ["BatchDetectEntities", "BatchDetectSentiment"].map(str::to_owned).into());
}

#[tokio::test]
async fn a_call_has_one_language_and_texts_of_many_records_share_it() {
    let comprehend = Comprehend::start();
    let stage = Place::before(&comprehend).stage(json!({}), None);
    let tags = ["en", "de", "zh", "zh-Hant", "pt-BR", "EN_us"];
    let records = (0..60).map(|number| record(&number.to_string(), &format!("Text {number}."), Some(tags[number % 6])));
    let analysed = stage.apply(records.collect(), far()).await;
    for (number, record) in analysed.iter().enumerate() {
        assert_eq!(record.item.key, number.to_string());
        found(record);
        assert_eq!(record.text.as_ref().expect("a text").language.as_deref(), Some(tags[number % 6]), "as it was said");
    }
    let mut calls: Vec<_> =
        comprehend.asked().into_iter().map(|asked| (asked.language.expect("a language"), asked.texts.len())).collect();
    calls.sort();
    assert_eq!(calls, [("de", 10), ("en", 20), ("pt", 10), ("zh", 10), ("zh-TW", 10)].map(|(tag, n)| (tag.into(), n)));
}

#[tokio::test]
async fn an_unsupported_language_costs_no_call() {
    let comprehend = Comprehend::start();
    let place = Place::before(&comprehend);
    let all = "en, es, fr, de, it, pt, ar, hi, ja, ko, zh, zh-TW";
    let cases = [
        ("sentiment", "nl", format!("the text is in `nl`, but Comprehend's `sentiment` supports only {all}")),
        (
            "targeted_sentiment",
            "de",
            "the text is in `de`, but Comprehend's `targeted_sentiment` supports only en".into(),
        ),
        ("pii", "fr", "the text is in `fr`, but Comprehend's `pii` supports only en, es".into()),
    ];
    for (question, language, words) in cases {
        let stage = place.stage(json!({ "detect": ["key_phrases", question] }), None);
        let analysed = stage.apply(vec![record("a", "Een tekst.", Some(language))], far()).await;
        let error = failed(&analysed[0]);
        assert_eq!((error.code.as_str(), error.transient, &error.message), ("language_unsupported", false, &words));
    }
    let stage = place.stage(json!({}), None);
    let analysed =
        stage.apply(vec![record("a", "Who knows?", None), record("b", " \u{200b}\n", Some("en"))], far()).await;
    let error = failed(&analysed[0]);
    assert_eq!((error.code.as_str(), error.transient), ("language_unknown", false));
    assert_eq!(
        error.message,
        "the language of the text is unknown: set `language` on the item or on the stage that fetches it, or add \
         `dominant_language` to `detect`"
    );
    assert_eq!(failed(&analysed[1]).code, ErrorCode::TextEmpty);
    assert_eq!(comprehend.asked(), []);
    assert_eq!(place.cloud.meter().take().comprehend_units, 0);
}

#[tokio::test]
async fn an_unspecified_language_is_detected_first_and_never_guessed() {
    let comprehend = Comprehend::start();
    let stage = Place::before(&comprehend).stage(json!({ "detect": ["sentiment", "dominant_language"] }), None);
    let texts = [
        ("said", "The press is good.", Some("de")),
        ("en", "This is the best of products, and it was great.", None),
        ("de", "Das ist nicht das beste Produkt.", None),
        ("ja", "これはとてもよいせいひんです。", None),
        ("none", "12345 67890 12345 67890", None),
        ("also en", "It is bad, and the staff was horrible.", None),
    ];
    let analysed = stage.apply(texts.map(|(key, body, tag)| record(key, body, tag)).into(), far()).await;
    let tags: Vec<_> =
        analysed.iter().map(|analysed| analysed.text.as_ref().expect("a text").language.as_deref()).collect();
    assert_eq!(tags, [Some("de"), Some("en"), Some("de"), Some("ja"), None, Some("en")]);
    assert_eq!((found(&analysed[1]).label, found(&analysed[5]).label), (Some(Label::Positive), Some(Label::Negative)));
    let error = failed(&analysed[4]);
    assert_eq!((error.code.as_str(), error.transient), ("language_unknown", false));
    assert_eq!(
        error.message,
        "Comprehend detected no language: set `language` on the item or on the stage that fetches it"
    );
    let first = &comprehend.asked()[0];
    assert_eq!(first.operation, "BatchDetectDominantLanguage");
    assert_eq!((first.language.as_deref(), first.texts.len()), (None, 5), "whose language is said is not asked about");
    assert_eq!(comprehend.counts().into_values().collect::<Vec<_>>(), [1, 3], "one, then one a language");
}

#[tokio::test]
async fn the_language_alone_can_be_asked_for() {
    let comprehend = Comprehend::start();
    let stage = Place::before(&comprehend).stage(json!({ "detect": ["dominant_language"] }), None);
    let records = vec![record("en", "This is the press.", None), record("said", "Der Text.", Some("de"))];
    let analysed = stage.apply(records, far()).await;
    assert_eq!(analysed[0].text.as_ref().expect("a text").language.as_deref(), Some("en"));
    assert_eq!((found(&analysed[0]).label, found(&analysed[0]).coverage), (None, 1.0));
    assert_eq!(
        (analysed[1].findings.len(), &analysed[1].failure),
        (0, &None),
        "nothing was asked, so nothing was found"
    );
    assert_eq!(comprehend.counts().into_values().sum::<usize>(), 1);
}

#[tokio::test]
async fn personal_data_has_offsets_and_types_and_its_text_is_nowhere() {
    let comprehend = Comprehend::start();
    let place = Place::before(&comprehend);
    let stage = place.stage(json!({ "detect": ["pii"] }), None);
    let text = "Größe: écrivez à ann@example.com ou bob@example.org.";
    let analysed = stage.apply(vec![record("a", text, Some("en")), record("b", "Nobody.", Some("es"))], far()).await;
    let places: Vec<_> =
        found(&analysed[0]).personal.iter().map(|one| (one.kind.as_str(), one.begin, one.end)).collect();
    assert_eq!(places, [("EMAIL", 17, 32), ("EMAIL", 36, 51)]);
    assert_eq!(text.chars().skip(17).take(15).collect::<String>(), "ann@example.com");
    assert!(found(&analysed[1]).personal.is_empty());
    let finding = serde_json::to_string(found(&analysed[0])).expect("JSON");
    assert!(!finding.contains("example"), "{finding}");
    let asked: Vec<_> = comprehend.asked().into_iter().map(|asked| (asked.operation, asked.texts.len())).collect();
    assert_eq!(
        asked,
        [("DetectPiiEntities".to_owned(), 1), ("DetectPiiEntities".to_owned(), 1)],
        "it knows no batches"
    );
}

#[tokio::test]
async fn every_detection_has_its_field_in_the_finding() {
    let comprehend = Comprehend::start();
    let detect = json!(["sentiment", "targeted_sentiment", "entities", "key_phrases", "pii", "dominant_language"]);
    let stage = Place::before(&comprehend).stage(json!({ "detect": detect }), None);
    let analysed =
        stage.apply(vec![record("a", "The staff of Acme Corp is great. I am a@b.example", None)], far()).await;
    let finding = found(&analysed[0]);
    assert_eq!(finding.label, Some(Label::Positive));
    let acme = finding.entities.iter().find(|one| one.text.as_deref() == Some("Acme Corp")).expect("a name");
    assert_eq!((acme.kind.as_str(), acme.begin, acme.end, acme.label), ("ORGANIZATION", 13, 22, None));
    let target = finding.targets.iter().find(|one| one.text.as_deref() == Some("Acme Corp")).expect("a target");
    assert_eq!((target.begin, target.label, target.scores.len()), (13, Some(Label::Positive), 4));
    assert_eq!(finding.phrases.iter().map(|one| one.text.as_str()).collect::<Vec<_>>(), ["staff", "great", "example"]);
    assert_eq!(finding.personal.len(), 1);
    assert_eq!(comprehend.asked().len(), 6);
}

#[tokio::test]
async fn a_recorded_answer_of_the_service_is_read_as_it_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/comprehend");
    if !folder.exists() {
        // Past the capture of the test runner, so that it is seen.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: ../shared is absent\n");
        return;
    }
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a recording");
    let body = read("batch_detect_sentiment_real.json");
    let texts: Vec<String> = serde_json::from_str(&read("batch_detect_sentiment_real.input.json")).expect("texts");
    let comprehend = Comprehend::start();
    comprehend.set_response("BatchDetectSentiment", &body);
    let analyst = Place::before(&comprehend).text_analyzer().expect("a door");
    let replies = analyst.analyze(Analysis::Sentiment, Some("en"), &texts).await.expect("an answer");
    let value: Value = serde_json::from_str(&body).expect("JSON");
    for (reply, real) in replies.iter().zip(value["ResultList"].as_array().expect("a list")) {
        let Ok(AnalysisOutput::Sentiment(label, scores)) = reply else { panic!("{reply:?}") };
        assert_eq!(json!(label), real["Sentiment"]);
        for (name, key) in
            [("Positive", "positive"), ("Negative", "negative"), ("Neutral", "neutral"), ("Mixed", "mixed")]
        {
            assert_eq!(Some(scores[key]), real["SentimentScore"][name].as_f64(), "{name}");
        }
    }
    assert_eq!(replies.len(), texts.len());
    assert_eq!(comprehend.asked()[0].texts, texts);

    // What the stand-in refuses, it refuses in the words that were seen of the service.
    comprehend.clear();
    let seen: Value = serde_json::from_str(&read("errors_seen.json")).expect("JSON");
    for (real, texts) in seen.as_array().expect("a list").iter().zip([vec!["a".repeat(12_945)], vec!["a".into(); 26]]) {
        let error = analyst.analyze(Analysis::Sentiment, Some("en"), &texts).await.expect_err("refused");
        let (code, words) = (real["code"].as_str().expect("a code"), real["message"].as_str().expect("words"));
        let expected = format!("`comprehend:BatchDetectSentiment` on `texts` was refused ({code}: {words})");
        assert_eq!((error.message, error.transient), (expected, false));
    }
}

/// What was asked by an operation.
fn asked(comprehend: &Comprehend, operation: &str) -> Vec<ReceivedCall> {
    comprehend.asked().into_iter().filter(|asked| asked.operation == operation).collect()
}

#[tokio::test]
async fn text_that_is_not_read_is_not_billed_and_coverage_says_so() {
    let comprehend = Comprehend::start();
    let place = Place::before(&comprehend);
    let sentence = "This is a great day for everybody who works. ";
    let text = sentence.repeat(400);
    let stage = place.stage(json!({ "max_bytes": 12_000 }), None);
    let analysed = stage.apply(vec![record("a", &text, Some("en"))], far()).await;
    let read: String = asked(&comprehend, "BatchDetectSentiment").remove(0).texts.concat();
    assert_eq!(read.len(), 12_000 / sentence.len() * sentence.len(), "whole sentences");
    assert!((found(&analysed[0]).coverage - read.len() as f64 / text.len() as f64).abs() < 1e-12);
    assert_eq!(found(&analysed[0]).label, Some(Label::Positive));
    let units: usize = asked(&comprehend, "BatchDetectSentiment")[0].texts.iter().map(|t| t.len().div_ceil(100)).sum();
    assert_eq!(place.cloud.meter().take().comprehend_units, units as u64);

    let blank = format!("{}The end.", " ".repeat(20_000));
    comprehend.clear();
    let analysed = stage.apply(vec![record("b", &blank, Some("en"))], far()).await;
    assert_eq!(failed(&analysed[0]).message, "the first 12000 bytes of the text of `b` are blank");
    assert_eq!(comprehend.asked(), []);
}

#[tokio::test]
async fn a_long_text_is_judged_by_all_of_its_pieces() {
    let comprehend = Comprehend::start();
    let stage = Place::before(&comprehend).stage(json!({ "max_bytes": 100_000 }), None);
    let (good, bad) = ("What a great and wonderful day. ".repeat(100), "A horrible, awful disaster. ".repeat(600));
    let analysed = stage.apply(vec![record("a", &format!("{good}{bad}"), Some("en"))], far()).await;
    let finding = found(&analysed[0]);
    assert_eq!((finding.label, finding.coverage), (Some(Label::Negative), 1.0), "{:?}", finding.scores);
    assert!((finding.scores.values().sum::<f64>() - 1.0).abs() < 1e-6, "{:?}", finding.scores);
    let asked = comprehend.asked();
    assert_eq!((asked.len(), asked[0].texts.len()), (1, 5), "the pieces share a call");
}

/// Words of many scripts, and what stands between them; some have no end of a sentence, some nothing but them.
const WORDS: [&str; 24] = [
    "great",
    "Horrible",
    "Acme",
    "Größe",
    "Élan",
    "naïve",
    "Москва",
    "плохо",
    "今日",
    "とても",
    "良い",
    "서울",
    "좋은",
    "رائع",
    "سيئ",
    "अच्छा",
    "בית",
    "👩\u{200d}👩\u{200d}👧",
    "🇩🇪",
    "e\u{301}\u{301}\u{301}",
    "12.5",
    "http://a.example/b?c=d",
    "ππππππππππππππππππππππππππππππππππππππππ",
    "\u{202e}abc",
];
const BETWEEN: [&str; 9] = [" ", " ", " ", ". ", "。", "؟ ", "।", "\n\n", ""];

fn texts() -> impl Strategy<Value = String> {
    let word = (select(&WORDS[..]), select(&BETWEEN[..]), 1_usize..40);
    let words = proptest::collection::vec(word, 1..120);
    words.prop_map(|words| {
        let piece = |(word, between, times): (&str, &str, usize)| format!("{word}{between}").repeat(times);
        format!("Start {}", words.into_iter().map(piece).collect::<String>())
    })
}

/// Forty cases, or as many as `PROPTEST_CASES` says.
fn configuration() -> Config {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(40);
    Config { failure_persistence: None, max_shrink_iters: 200, ..Config::with_cases(cases) }
}

proptest! {
    #![proptest_config(configuration())]

    #[test]
    fn a_text_of_any_script_and_length_is_read_whole_with_correct_offsets(
        text in texts(), most in 300_usize..60_000
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let comprehend = Comprehend::start();
        let detect = json!(["sentiment", "entities", "key_phrases"]);
        let stage = Place::before(&comprehend).stage(json!({ "detect": detect, "max_bytes": most }), None);
        let analysed = runtime.block_on(stage.apply(vec![record("a", &text, Some("en"))], far()));
        let finding = found(&analysed[0]);
        let pieces: Vec<String> =
            asked(&comprehend, "BatchDetectSentiment").into_iter().flat_map(|asked| asked.texts).collect();
        prop_assert!(pieces.iter().all(|piece| piece.len() <= 5_000 && !piece.trim().is_empty()));
        // Calls of one question may come in any order; what they read is one stretch from the start, in which a piece of
        // nothing but blanks is not asked about.
        let (mut rest, mut open) = (text.as_str(), pieces);
        while !open.is_empty() {
            let next = |rest: &str| open.iter().position(|piece| rest.starts_with(piece.as_str()));
            if next(rest).is_none() {
                rest = rest.trim_start();
            }
            let piece = open.remove(next(rest).expect("a piece of the text, where it goes on"));
            rest = &rest[piece.len()..];
        }
        let read = text.len() - rest.len();
        prop_assert!(read <= most && (finding.coverage * text.len() as f64) as usize <= most);
        // What is left out is paid for by nobody, and it is no more than it has to be: a sentence, or some words.
        let whole = if text.len() <= most { rest.trim().is_empty() } else { read + 5_100 >= most };
        prop_assert!(whole, "{read} of {} bytes, where {most} may be", text.len());
        prop_assert!(finding.coverage * text.len() as f64 + 1e-6 >= read as f64);
        prop_assert!((finding.scores.values().sum::<f64>() - 1.0).abs() < 1e-5);
        let characters: Vec<char> = text.chars().collect();
        let words = |begin: u64, end: u64| characters[begin as usize..end as usize].iter().collect::<String>();
        for entity in &finding.entities {
            prop_assert_eq!(&entity.text, &Some(words(entity.begin, entity.end)));
        }
        for phrase in &finding.phrases {
            prop_assert_eq!(&phrase.text, &words(phrase.begin, phrase.end));
        }
    }
}

#[test]
fn compare_calls_comprehend_as_a_pipeline_does_after_consent() {
    let comprehend = Comprehend::start();
    let project = project::Project::empty();
    project.write("t.csv", "text,label\nA great product,positive\nA horrible product,negative\nEin Produkt,neutral\n");
    // The harness starts commands with an empty environment.
    let endpoint = format!("AWS_ENDPOINT_URL_COMPREHEND={}", comprehend.endpoint());
    let mut command = std::process::Command::new("env");
    command.args(["AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", &endpoint, env!("CARGO_BIN_EXE_fanggen")]);
    command.args(["compare", "--engines", "lexicon,comprehend", "--texts", "t.csv", "--yes", "--json"]);
    let ran = project.run(&mut command);
    assert_eq!(ran.code, 0, "{ran:?}");
    let words =
        "`comprehend` costs money: 9 units for 3 texts, less than $0.01 (prices of us-east-1 in November 2026)\n";
    assert_eq!(ran.stderr, words);
    let analysed = ran.json();
    assert_eq!(
        (&analysed["pairs"][0]["texts"], &analysed["pairs"][0]["agreement"]),
        (&json!(3), &json!(1.0)),
        "{analysed}"
    );
    // One question about three texts is one call.
    assert_eq!(comprehend.asked().len(), 1);
}
