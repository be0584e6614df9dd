//! Conditions: every identifier, operator and message, and arbitrary texts.

use fanggen_runtime::condition::{Condition, HISTORY_NAMES, MAX_BYTES};
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::record::{Entity, Finding, Item, Label, Record, Text};
use fanggen_runtime::model::shift::Shift;
use proptest::prelude::*;

fn entity(text: Option<&str>) -> Entity {
    let (kind, scores) = ("ORGANIZATION".into(), [].into());
    Entity { text: text.map(Into::into), kind, score: 0.9, begin: 0, end: 1, label: None, scores }
}

/// A record of which everything is known.
fn full() -> Record {
    let labels = [("sector", "tech"), ("home market", "US")];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let mut record = Record::new("20261122T090000Z", "companies", Item { labels, ..Item::named("Apple") });
    record.text = Some(Text { language: Some("en".into()), ..Text::default() });
    record.findings = vec![
        Finding {
            stage: "sentiment".into(),
            engine: "comprehend".into(),
            label: Some(Label::Negative),
            score: Some(-0.9),
            scores: [("negative", 0.92), ("positive", 0.02), ("neutral", 0.05), ("mixed", 0.01)]
                .map(|(name, score)| (name.to_owned(), score))
                .into(),
            coverage: 0.5,
            entities: vec![entity(Some("Tim Cook")), entity(None)],
            ..Finding::default()
        },
        Finding { targets: vec![entity(Some("iPhone"))], engine: "other".into(), ..Finding::default() },
    ];
    record
}

fn failed() -> Record {
    let mut record = Record::new("20261122T090000Z", "companies", Item::named("Google"));
    record.fail("summary", Error::permanent(ErrorCode::PageMissing, "no page"));
    record
}

fn holds(text: &str, record: &Record, before: Option<Label>) -> bool {
    Condition::parse(text).expect(text).matches(record, before)
}

#[test]
fn every_identifier_has_the_value_of_the_record() {
    let (full, failed) = (full(), failed());
    for yes in [
        "sentiment == \"NEGATIVE\"",
        "label == 'NEGATIVE'",
        "sentiment == \"NEGATIVE\" && score > 0.8",
        "polarity < -0.8",
        "scores.negative > 0.9",
        "scores.positive < 0.1",
        "scores[\"neutral\"] == 0.05",
        "scores.mixed <= 0.01",
        "coverage == 0.5",
        "engine == \"comprehend\"",
        "language in [\"de\", \"en\"]",
        "item == \"Apple\"",
        "source == \"companies\"",
        "labels.sector == \"tech\"",
        "labels[\"home market\"] == \"US\"",
        "\"Tim Cook\" in entities",
        "'iPhone' in entities",
        "!failed",
        "failed == false",
        "failure == null",
        "changed",
        "previous == \"POSITIVE\"",
        "label != previous",
        "labels.absent == null && label != null",
    ] {
        assert!(holds(yes, &full, Some(Label::Positive)), "{yes}");
        assert!(!holds(&format!("!({yes})"), &full, Some(Label::Positive)), "{yes}");
    }
    for yes in ["failed", "failure == \"page_missing\"", "failure in ['page_missing', 'text_missing']", "label == null"]
    {
        assert!(holds(yes, &failed, None), "{yes}");
    }
}

#[test]
fn a_comparison_with_null_is_false_whatever_the_operator() {
    for name in ["score", "polarity", "scores.mixed", "coverage"] {
        for sign in ["==", "!=", "<", "<=", ">", ">="] {
            assert!(!holds(&format!("{name} {sign} 0"), &failed(), None), "{name} {sign}");
            assert!(!holds(&format!("0 {sign} {name}"), &failed(), None), "{name} {sign}");
        }
    }
    for name in ["label", "previous"] {
        assert!(!holds(&format!("{name} == \"MIXED\""), &failed(), None), "{name}");
        assert!(!holds(&format!("{name} != \"MIXED\""), &failed(), None), "{name}");
        assert!(!holds(&format!("{name} in [\"MIXED\"]"), &failed(), None), "{name}");
    }
    for name in ["engine", "language", "labels.x"] {
        assert!(!holds(&format!("{name} != \"x\""), &failed(), None), "{name}");
        assert!(!holds(&format!("{name} in entities"), &failed(), None), "{name}");
    }
}

#[test]
fn operators_have_the_usual_precedence() {
    let record = full();
    for (text, is) in [
        ("true || false && false", true),
        ("(true || false) && false", false),
        ("!true || true", true),
        ("!(true || true)", false),
        ("!!true", true),
        ("score>0.8&&score<=0.9", true),
        ("0.8 < score", true),
        ("1 >= score", true),
        ("item == \"A\\\"p\"", false),
        ("\"\\\\\" == '\\\\'", true),
        ("\n\tfailed == (false) || false\r\n", true),
    ] {
        match Condition::parse(text) {
            Ok(condition) => assert_eq!(condition.matches(&record, None), is, "{text}"),
            Err(mistake) => assert_eq!((text.contains("== (false)"), mistake.at), (true, 13), "{text}: {mistake}"),
        }
    }
}

#[test]
fn a_first_finding_and_a_failure_are_not_changes() {
    assert!(!holds("changed", &full(), None));
    assert!(!holds("changed", &full(), Some(Label::Negative)));
    assert!(!holds("changed", &failed(), Some(Label::Negative)));
    assert!(holds("changed", &full(), Some(Label::Mixed)));
}

#[test]
fn score_is_the_strength_of_the_records_own_label() {
    let mut record = full();
    let finding = &mut record.findings[0];
    (finding.label, finding.score) = (Some(Label::Neutral), Some(0.1));
    assert!(holds("score == 0.05 && polarity == 0.1", &record, None));
    record.findings[0].scores.clear();
    assert!(holds("score == null", &record, None));
    (record.findings[0].label, record.findings[0].score) = (Some(Label::Positive), Some(0.7));
    assert!(holds("score == 0.7", &record, None));
}

#[test]
fn only_names_that_compare_with_earlier_runs_need_history() {
    for (text, label, scores) in [
        ("changed", true, false),
        ("!(failed || previous == 'MIXED')", true, false),
        ("shift", false, true),
        ("failed || mean < 0.5", false, true),
        ("label == 'MIXED' && !(0 > baseline)", false, true),
        ("shift || changed", true, true),
        ("label == 'MIXED'", false, false),
    ] {
        let condition = Condition::parse(text).expect("a condition");
        let needs = (condition.needs_last_label(), condition.needs_scores(), condition.needs_history());
        assert_eq!(needs, (label, scores, label || scores), "{text}");
    }
    // Messages name them all.
    for name in HISTORY_NAMES.split('`').skip(1).step_by(2) {
        let uses =
            ["", " == 'MIXED'", " > 0"].into_iter().find_map(|rest| Condition::parse(&format!("{name}{rest}")).ok());
        assert!(uses.is_some_and(|condition| condition.needs_history()), "{name}");
    }
}

#[test]
fn a_shift_has_two_means_and_a_record_without_one_has_none() {
    let mut record = full();
    assert!(holds("!shift && mean == null && baseline == null", &record, None));
    record.shift = Some(Box::new(Shift {
        from: 0.2,
        to: -0.4,
        texts: 20,
        since: "2026-11-21".into(),
        baseline_texts: 100,
        decisive: Vec::new(),
    }));
    for yes in ["shift", "mean < baseline", "mean == -0.4", "baseline > 0.1", "shift == true", "shift && !changed"] {
        assert!(holds(yes, &record, None), "{yes}");
    }
}

#[test]
fn every_mistake_is_reported_when_the_condition_is_parsed() {
    let known = "`sentiment`, `label`, `score`, `polarity`, `coverage`, `engine`, `language`, `item`, `source`, \
                 `entities`, `failed`, `failure`, `changed`, `previous`, `shift`, `mean`, `baseline`, `scores.LABEL`, \
                 `labels.NAME`";
    let labels = "`POSITIVE`, `NEGATIVE`, `NEUTRAL`, `MIXED`";
    let comparison = "a comparison such as `== \"NEGATIVE\"` or `> 0.8`";
    for (text, at, words) in [
        ("", 1, "expected a condition such as `sentiment == \"NEGATIVE\"`".to_owned()),
        ("  ", 1, "expected a condition such as `sentiment == \"NEGATIVE\"`".into()),
        ("failed && sentimant == 'MIXED'", 11, format!("unknown name `sentimant`; known: {known}")),
        ("label == 'negative'", 10, format!("unknown label `negative`; known: {labels}")),
        ("label in ['MIXED', 'BAD']", 10, format!("unknown label `BAD`; known: {labels}")),
        (
            "scores.good > 0.5",
            8,
            "unknown member `good` of `scores`; known: `positive`, `negative`, `neutral`, `mixed`".into(),
        ),
        (
            "score < -0.5",
            9,
            "`-0.5` is outside the range of 0 to 1: `score` is the strength of the label; `polarity` ranges from -1 \
             (negative) to 1 (positive)"
                .into(),
        ),
        ("2 > coverage", 1, "`2` is outside the range of 0 to 1".into()),
        ("label = 'MIXED'", 7, "found `=`, use `==`".into()),
        ("failed & changed", 8, "found `&`, use `&&`".into()),
        ("failed and changed", 8, "found `and`, use `&&`".into()),
        ("failed or changed", 8, "found `or`, use `||`".into()),
        ("label", 6, format!("found the end, expected {comparison}")),
        ("label && failed", 7, format!("found `&&`, expected {comparison}")),
        ("label == ", 10, "found the end, expected a name, a quoted text or a number".into()),
        ("(failed", 8, "found the end, expected `)`".into()),
        ("failed)", 7, "found `)`, expected `&&`, `||` or the end".into()),
        ("!label", 1, "`!` negates what is true or false: put the comparison in parentheses".into()),
        ("score == 'a'", 7, "cannot compare a number with a string".into()),
        ("shift == 'up'", 7, "cannot compare true or false with a string".into()),
        ("shift && mean < -2", 17, "`-2` is outside the range of -1 to 1".into()),
        ("item < 'b'", 6, "only numbers can be ordered, and this is a string".into()),
        ("entities == 'a'", 10, "a list cannot be compared: use `in` to look for a string in it".into()),
        ("item in 'abc'", 9, "`in` needs a list such as `[\"en\", \"de\"]` or `entities`".into()),
        ("score in ['a']", 1, "only a string can be in a list, and this is a number".into()),
        (
            "(failed) == true",
            1,
            "an expression that is true or false cannot be compared: use `!`, `&&` and `||`".into(),
        ),
        ("null == label", 1, "`null` may only follow `==` or `!=`".into()),
        ("label > null", 9, "`null` may only follow `==` or `!=`".into()),
        ("'a' == null", 1, "only a name can be `null`".into()),
        ("0 < score < 1", 11, "comparisons cannot be chained: put `&&` between them".into()),
        ("item == 'abc", 9, "this text has no closing `'`".into()),
        ("item == 'a\\n'", 9, "a backslash may only escape a quote or another backslash".into()),
        ("score > 0.8.1", 9, "`0.8.1` is not a number such as `0.8`".into()),
        ("score > 1e9", 9, "`1e9` is not a number such as `0.8`".into()),
        ("score > .8", 9, "found `.`, expected a name, a quoted text or a number".into()),
        ("language in []", 14, "found `]`, expected a quoted text".into()),
        ("language in ['en' 'de']", 19, "found the text `de`, expected `,` or `]`".into()),
        ("labels == 'x'", 8, "found `==`, expected `.` and a name".into()),
        ("item.startsWith('a')", 5, format!("found `.`, expected {comparison}")),
        ("item == 'ä' ; failed", 13, "unexpected character `;`".into()),
        ("item == \u{202e}", 9, "unexpected character `\\u{202e}`".into()),
    ] {
        let mistake = Condition::parse(text).expect_err(text);
        assert_eq!((mistake.at, mistake.message), (at, words), "{text}");
    }
}

#[test]
fn length_and_nesting_are_limited() {
    let long = format!("item == '{}'", "a".repeat(MAX_BYTES));
    let said = Condition::parse(&long).expect_err("long").to_string();
    assert_eq!(said, "a condition may have at most 1000 bytes, but this one has 1010 (at character 1)");
    for open in ["(", "!", "!("] {
        let said = Condition::parse(&open.repeat(MAX_BYTES / open.len())).expect_err("deep").message;
        assert_eq!(said, "parentheses and `!` may be nested at most 32 deep", "{open}");
    }
    let wide = format!("failed{}", "||failed".repeat((MAX_BYTES - 6) / 8));
    assert!(holds(&wide, &failed(), None));
    let digits = format!("score < {}", "9".repeat(900));
    assert!(Condition::parse(&digits).expect_err("no number").message.ends_with("is not a number such as `0.8`"));
}

#[test]
fn a_condition_serializes_as_it_was_written() {
    let condition = Condition::parse(" score > 0.80 ").expect("a condition");
    let json = serde_json::to_string(&condition).expect("JSON");
    assert_eq!(json, "\" score > 0.80 \"");
    assert_eq!(serde_json::from_str::<Condition>(&json).expect("read"), condition);
    let said = serde_json::from_str::<Condition>("\"score >\"").expect_err("half a condition").to_string();
    assert_eq!(said, "found the end, expected a name, a quoted text or a number (at character 8)");
}

/// Pieces of which nearly-conditions are made.
fn pieces() -> impl Strategy<Value = String> {
    let words = [
        "sentiment",
        "score",
        "scores.mixed",
        "scores",
        "labels",
        ".",
        "x",
        "entities",
        "failed",
        "changed",
        "null",
        "true",
        "in",
        "==",
        "!=",
        "<",
        ">=",
        "&&",
        "||",
        "!",
        "(",
        ")",
        "[",
        "]",
        ",",
        "'MIXED'",
        "\"",
        "0.5",
        "-",
        "\\",
        "é",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..60).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is written is read or refused at a place inside it, and what is read is decided.
    #[test]
    fn no_text_breaks_parsing_or_evaluation(text in prop_oneof![pieces(), ".{0,300}"]) {
        match Condition::parse(&text) {
            Ok(condition) => for record in [full(), failed()] {
                let _ = condition.matches(&record, Some(Label::Mixed));
                let _ = condition.matches(&record, None);
            },
            Err(mistake) => prop_assert!((1..=text.chars().count() + 1).contains(&mistake.at), "{mistake:?}"),
        }
    }

    /// `!` turns every condition around, and `&&` and `||` agree with it.
    #[test]
    fn logical_operators_agree_with_each_other(a in parts(), b in parts()) {
        let record = full();
        let is = |text: String| holds(&text, &record, Some(Label::Mixed));
        let both = is(format!("({a}) && ({b})"));
        prop_assert_eq!(both, is(a.clone()) && is(b.clone()));
        prop_assert_eq!(!both, is(format!("!({a}) || !({b})")));
    }
}

fn parts() -> impl Strategy<Value = String> {
    let atom =
        prop::sample::select(vec!["failed", "changed", "score > 0.5", "label == 'MIXED'", "labels.x == null", "true"]);
    atom.prop_map(str::to_owned).prop_recursive(4, 12, 2, |inner| {
        (inner.clone(), prop::sample::select(vec!["&&", "||"]), inner)
            .prop_map(|(a, sign, b)| format!("!({a} {sign} {b})"))
    })
}
