//! No value breaks out of its field: any value of the file is refused, or is in the template unchanged.

use crate::harness::{rendered, yaml};

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use fanggen::config::Config;
use fanggen::plan::Plan;
use fanggen::render::{RenderPaths, render};
use proptest::prelude::*;
use proptest::test_runner::{Config as Settings, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

/// A pipeline in which every text is a place.
const FILE: &str = r#"
[pipeline]
name = @pipeline@
description = @description@
contact = @contact@
[aws]
region = @region@
account = @account@
profile = @profile@
[schedule]
expression = @expression@
timezone = @timezone@
[sources.@table-source@]
type = "dynamodb"
key = @table-key@
items = [{ @table-key@ = @row-key@, title = @row-title@ }]
items_file = @items-file@
[sources.there]
type = "dynamodb"
existing = @existing@
key = @existing-key@
[sources.lines]
type = "file"
path = @path@
key = @file-key@
columns = { text = @column@ }
[sources.given]
type = "inline"
key = @inline-key@
items = [@item@, { @inline-key@ = "row", title = @title@, text = @text@, language = @language@, labels = { @label@ = @label-value@ } }]
[[stages]]
name = @stage@
type = "wikipedia"
language = @stage-language@
endpoint = @endpoint@
allow = [@allow@]
[[stages]]
name = "isolated"
type = "lexicon"
isolate = true
[sinks.@sink@]
type = "s3"
prefix = @prefix@
[sinks.rows]
type = "dynamodb"
table = @table@
[local]
texts = @texts@
[alarms]
email = @email@
[iam]
permissions_boundary = @boundary@
[[iam.scopes]]
function = @function@
actions = [@action@]
resources = [@resource@]
conditions = { @operator@ = { @condition@ = [@condition-value@, "other"], "aws:one" = @condition-one@ } }
[environments.@environment@]
"#;

/// Places of texts: what is written before and after the text, where not all of it is free, and a harmless text.
const TEXTS: [(&str, &str, &str, &str); 33] = [
    ("description", "", "harmless description", ""),
    ("contact", "", "harmless contact", ""),
    ("profile", "", "harmless profile", ""),
    ("table-key", "", "harmless_key", ""),
    ("row-key", "", "harmless row", ""),
    ("row-title", "", "harmless row title", ""),
    ("items-file", "", "harmless items", ".csv"),
    ("existing", "arn:aws:dynamodb:us-east-1:123456789012:table/", "harmless-table", ""),
    ("existing-key", "", "harmless_there", ""),
    ("path", "", "harmless-path", ".csv"),
    ("path", "harmless/", "harmless-inner", "/path.jsonl"),
    ("file-key", "", "harmless_file_key", ""),
    ("column", "", "harmless_column", ""),
    ("inline-key", "", "harmless_inline_key", ""),
    ("item", "", "harmless item", ""),
    ("title", "", "harmless title", ""),
    ("text", "", "harmless text", ""),
    ("label", "", "harmless label", ""),
    ("label-value", "", "harmless value", ""),
    ("endpoint", "https://example.com/", "harmless-path-of-url", ""),
    ("endpoint", "https://", "harmless.example.org", "/path"),
    ("allow", "", "127.0.0.1:8081", ""),
    ("prefix", "", "harmless-prefix", ""),
    ("prefix", "harmless/", "harmless-inner-prefix", "/x"),
    ("texts", "", "harmless texts", ".jsonl"),
    ("email", "", "harmless-email", "@example.com"),
    ("boundary", "arn:aws:iam::123456789012:policy/", "harmless-policy", ""),
    ("action", "s3:", "GetObjectAcl", ""),
    ("resource", "arn:aws:s3:::", "harmless-bucket", "/x/*"),
    ("operator", "", "StringLike", ""),
    ("condition", "aws:", "harmless-condition", ""),
    ("condition-value", "", "harmless condition value", ""),
    ("condition-one", "", "harmless single value", ""),
];

/// Places of names and the like, from which others follow: legal ones change more than their own place.
const NAMES: [(&str, &str); 15] = [
    ("pipeline", "p"),
    ("region", "us-east-1"),
    ("account", "123456789012"),
    ("expression", "rate(1 hour)"),
    ("timezone", "UTC"),
    ("table-source", "companies"),
    ("language", "en"),
    ("stage", "summary"),
    ("stage-language", "en"),
    ("sink", "archive"),
    ("table", "sentiment"),
    ("function", "worker"),
    ("environment", "dev"),
    ("allow", "127.0.0.1:80"),
    ("email", "harmless-email@example.com"),
];

/// What means something to TOML, YAML, JSON, Jinja, make, a shell, CloudFormation, IAM, the Scheduler or a terminal.
const FRAGMENTS: [&str; 88] = [
    "a: b",
    ": ",
    "- z",
    "# c",
    " #",
    "\"",
    "'",
    "\\",
    "\\n",
    "\\u0041",
    "{{ y }}",
    "{{",
    "}}",
    "{% raw %}",
    "{% endraw %}",
    "{# x #}",
    "${AWS::AccountId}",
    "${AWS::Region}",
    "${WorkerQueue}",
    "${!x}",
    "${",
    "$",
    "$$",
    "$(id)",
    "`id`",
    "!Ref X",
    "!Sub ",
    "!GetAtt A.B",
    "!!binary ",
    "Fn::Sub",
    "{\"Ref\":\"X\"}",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a",
    "*a",
    "|",
    ">",
    "|-\n  x",
    "%YAML",
    "---",
    "\n---\n",
    "...",
    "? ",
    "@x",
    "~",
    "null",
    "yes",
    "No",
    "on",
    "true",
    "0x1F",
    "1e3",
    "0o7",
    ".inf",
    "2026-01-01",
    "=",
    "<<",
    "\n",
    "\r\n",
    "\t",
    "\u{0}",
    "\u{1}",
    "\u{7}",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{2029}",
    "\u{feff}",
    "\u{d7ff}",
    "\u{e000}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{10ffff}",
    "\u{1f600}",
    "\u{202e}rtl",
    "ü",
    "例え",
    "; rm -rf /",
    "<aws.scheduler.execution-id>",
    "../..",
    "*",
    "?",
    " ",
];

fn nasty() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        6 => prop::sample::select(FRAGMENTS.as_slice()).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        2 => "[a-z0-9-]{1,8}",
    ];
    prop_oneof![
        // Alone or few, so that each has a chance to be accepted.
        6 => prop::collection::vec(fragment.clone(), 0..4).prop_map(|parts| parts.concat()),
        2 => prop::collection::vec(fragment.clone(), 4..12).prop_map(|parts| parts.concat()),
        1 => (fragment, 100..400_usize).prop_map(|(part, times)| part.repeat(times)),
    ]
}

/// A text as TOML, all of it escaped: what TOML itself refuses is not the question here.
fn toml(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '/' | '.' | ' ' => out.push(c),
            other => drop(write!(out, "\\U{:08X}", u32::from(other))),
        }
    }
    out + "\""
}

fn file(set: &BTreeMap<&str, String>) -> String {
    let mut text = FILE.to_owned();
    for (place, harmless) in NAMES {
        text = text.replace(&format!("@{place}@"), &toml(set.get(place).map_or(harmless, String::as_str)));
    }
    for (place, before, harmless, after) in TEXTS {
        let whole = set.get(place).cloned().unwrap_or_else(|| format!("{before}{harmless}{after}"));
        text = text.replace(&format!("@{place}@"), &toml(&whole));
    }
    text
}

/// What a file renders to, by the path of each artifact; or nothing, where it was refused.
fn rendered(text: &str) -> Result<Option<BTreeMap<String, String>>, TestCaseError> {
    let mut config = Config::read("pipeline.toml", text);
    let plans = Plan::all(&mut config);
    if config.broken() {
        for mistake in &config.mistakes {
            let span = &mistake.span;
            prop_assert!(span.end > 0 && text.get(span.clone()).is_some(), "no place: {mistake:?}");
        }
        let report = config.source.report(&config.mistakes, false);
        prop_assert!(report.contains("error[") && report.contains('^'), "no caret: {report}");
        return Ok(None);
    }
    let names = RenderPaths { file: "pipeline.toml", folder: "generated", root: Some("..") };
    let artifacts = render(&plans, &names).map_err(|error| TestCaseError::fail(error.to_string()))?;
    Ok(Some(artifacts.into_iter().map(|artifact| (artifact.path, artifact.text)).collect()))
}

fn template(artifacts: &BTreeMap<String, String>) -> Result<Value, TestCaseError> {
    let (path, text) = artifacts.iter().find(|(path, _)| path.ends_with("/template.yaml")).expect("a template");
    prop_assert!(text.is_ascii(), "{path} is not ASCII");
    let mut template = yaml::read(text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
    let top = template.as_object_mut().expect("a table");
    // Which of the linter's rules a text breaks on purpose depends on the text.
    top["Metadata"].as_object_mut().expect("a table").remove("cfn-lint");
    top["Outputs"]["RenderSha"]["Value"] = Value::Null;
    // The input is JSON only once its two parts are put together.
    let input = &mut top["Resources"]["Schedule"]["Properties"]["Target"]["Input"];
    prop_assert_eq!(input["Fn::Sub"][0].as_str(), Some("{\"first_run\":\"${Ready}\",${Rest}"));
    let rest = input["Fn::Sub"][1]["Rest"].as_str().expect("a text");
    *input = format!("{{\"first_run\":\"\",{rest}").into();
    Ok(template)
}

/// Whether a value is the harmless one with the text in its place, also within JSON; hashes of keys left out.
fn same(at: &str, harmless: &Value, now: &Value, from: &str, to: &str) -> Result<(), String> {
    let differ = || Err(format!("{at}: {now} is not {harmless} with {to:?}"));
    match (harmless, now) {
        (Value::String(text), Value::String(found)) => match serde_json::from_str::<Value>(text) {
            Ok(inner) if inner.is_object() => match serde_json::from_str::<Value>(found) {
                Ok(found) => same(at, &inner, &found, from, to),
                Err(_) => differ(),
            },
            _ if without_hash(&text.replace(from, to)) == without_hash(found) => Ok(()),
            _ => differ(),
        },
        (Value::Array(list), Value::Array(found)) if list.len() == found.len() => {
            list.iter().zip(found).try_for_each(|(one, found)| same(at, one, found, from, to))
        }
        (Value::Object(map), Value::Object(found)) if map.len() == found.len() => {
            map.iter().try_for_each(|(name, one)| match found.get(&name.replace(from, to)) {
                Some(found) => same(&format!("{at}/{name}"), one, found, from, to),
                None => differ(),
            })
        }
        _ if harmless == now => Ok(()),
        _ => differ(),
    }
}

/// The name of a table ends in a hash of its keys, which follows the key that is replaced.
fn without_hash(text: &str) -> String {
    let Some((before, after)) = text.split_once("-companies-") else { return text.to_owned() };
    format!("{before}-companies-{}", after.get(6..).unwrap_or_default())
}

fn harmless() -> BTreeMap<String, String> {
    rendered(&file(&BTreeMap::new())).expect("rendered").expect("accepted")
}

/// The same texts every time, so that nobody's change fails for another's bad luck; `PROPTEST_CASES=10000` tries more.
fn runner(times: u32) -> TestRunner {
    let settings = Settings { failure_persistence: None, ..Settings::default() };
    let settings = Settings { cases: settings.cases * times, ..settings };
    TestRunner::new_with_rng(settings, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

#[test]
fn a_text_stays_in_its_field_or_is_refused() {
    let base = harmless();
    let tree = template(&base).expect("YAML");
    let accepted = RefCell::new(BTreeMap::<&str, Vec<String>>::new());
    let strategy = (prop::sample::select(TEXTS.as_slice()), nasty());
    let result = runner(5).run(&strategy, |((place, before, harmless, after), nasty)| {
        let (from, to) = (format!("{before}{harmless}{after}"), format!("{before}{nasty}{after}"));
        // The base has one text a place: the second way of filling it starts from its own harmless one.
        let whole = TEXTS.iter().find(|(name, ..)| *name == place).map(|(_, b, h, a)| format!("{b}{h}{a}"));
        let stands = whole.as_deref() == Some(from.as_str());
        let (base, tree) = if stands {
            (base.clone(), tree.clone())
        } else {
            let base = rendered(&file(&BTreeMap::from([(place, from.clone())])))?.expect("accepted");
            let tree = template(&base)?;
            (base, tree)
        };
        let Some(now) = rendered(&file(&BTreeMap::from([(place, to.clone())])))? else { return Ok(()) };
        same("", &tree, &template(&now)?, &from, &to).map_err(TestCaseError::fail)?;
        prop_assert_eq!(&base["Makefile"], &now["Makefile"]);
        accepted.borrow_mut().entry(place).or_default().push(to);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let accepted = accepted.into_inner();
    // A place that takes nothing but its harmless text would prove nothing.
    for place in ["description", "contact", "item", "text", "label", "table-key", "prefix", "path", "condition-value"] {
        assert!(accepted.get(place).map_or(0, Vec::len) >= 5, "{place} accepted too little");
    }
    // Many at once in one template, since the linter takes a second for each: 8 templates try some 250 texts.
    let folder = tempfile::tempdir().expect("a folder");
    let mut templates = Vec::new();
    for round in 0..8 {
        // Any well-formed action is accepted, as IAM does, while the linter knows those that exist.
        let places = accepted.iter().filter(|(place, _)| **place != "action");
        let set = places.map(|(place, texts)| {
            let short: Vec<&String> = texts.iter().filter(|text| text.len() < 100).collect();
            (*place, short[round % short.len()].clone())
        });
        if let Some(artifacts) = rendered(&file(&set.collect())).expect("rendered") {
            let path = folder.path().join(format!("{round}.yaml"));
            fs::write(&path, &artifacts["dev/template.yaml"]).expect("a file");
            templates.push(path);
        }
    }
    assert!(templates.len() >= 5, "{} templates", templates.len());
    rendered::lint(&templates, &[]);
}

#[test]
fn a_name_stays_one_name_or_is_refused() {
    let tree = template(&harmless()).expect("YAML");
    let kinds = |tree: &Value| {
        let resources = tree["Resources"].as_object().expect("resources");
        let mut kinds: Vec<String> = resources.values().map(|resource| resource["Type"].to_string()).collect();
        kinds.sort();
        kinds
    };
    let lines = |artifacts: &BTreeMap<String, String>| artifacts["Makefile"].lines().count();
    let (wanted, height) = (kinds(&tree), lines(&harmless()));
    let result = runner(2).run(&(prop::sample::select(NAMES.as_slice()), nasty()), |((place, _), nasty)| {
        let Some(now) = rendered(&file(&BTreeMap::from([(place, nasty.clone())])))? else { return Ok(()) };
        prop_assert!(nasty.is_ascii() && !nasty.contains(char::is_control), "{place} took {nasty:?}");
        prop_assert_eq!(kinds(&template(&now)?), wanted.clone());
        prop_assert_eq!(lines(&now), height);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
