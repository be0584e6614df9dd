//! Any `pipeline.toml` is read to its end: it gives a pipeline, or mistakes with positions that can be printed.
//!
//! `PROPTEST_CASES=100000 cargo test -p fanggen --test it arbitrary_input` tries more cases than the default.

use fanggen_runtime::testing::corpus::replay;
use std::fs;
use std::path::Path;

use fanggen::config::Config;
use fanggen::plan::Plan;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::Config as Proptest;

/// Cases of each property, where the environment names no other number.
const CASES: u32 = 250;

fn configuration() -> Proptest {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    Proptest { failure_persistence: None, max_shrink_iters: 2_000, ..Proptest::with_cases(cases) }
}

/// Texts that people wrote: the pipeline of this repository, and all the mistakes.
fn corpus() -> Vec<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(here.join("tests/mistakes")).expect("the mistakes");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    paths.sort();
    paths.push(here.join("../pipeline.toml"));
    let texts = paths.iter().map(|path| fs::read_to_string(path).expect("a text"));
    // The long ones are long for the sake of one limit, and take their time.
    texts.filter(|text| text.len() < 6_000).collect()
}

/// What is put into texts: pieces of TOML, and what breaks other people's parsers.
const PIECES: [&str; 62] = [
    "\n",
    "\r\n",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ",",
    ".",
    "#",
    "\\",
    "\u{0}",
    "\t",
    "\u{feff}",
    "\u{202e}",
    "\u{2028}",
    "é",
    "日本",
    "😀",
    "e\u{301}",
    "-",
    "--",
    "_",
    "0",
    "-1",
    "9223372036854775808",
    "1e400",
    "nan",
    "inf",
    "0x",
    "1979-05-27",
    "true",
    "\"${AWS::Region}\"",
    "\"{{ x }}\"",
    "name",
    "type",
    "stages",
    "sources",
    "sinks",
    "environments",
    "[[stages]]\n",
    "[sources.a]\n",
    "[sinks.a]\n",
    "[environments.dev]\n",
    "stages.sentiment.type = \"text\"\n",
    "type = \"dynamodb\"\n",
    "type = \"lexicon\"\n",
    "name = \"x\"\n",
    "items = [\"a\", \"a\"]\n",
    "[pipeline]\nname = \"fang\"\n",
    "isolate = true\n",
    "[[iam.scopes]]\n",
    "\"a: b\" = 1\n",
    "share = 1\n",
    "schedule.expression = \"rate(1 hour)\"\n",
    "[[environments.dev.stages]]\n",
];

/// One change of a text.
#[derive(Clone, Debug)]
enum Change {
    DropLine(Index),
    RepeatLine(Index),
    SwapLines(Index, Index),
    TakeLine(Index, Index, Index),
    ReplaceWord(Index, &'static str),
    SwapWords(Index, Index),
    Insert(Index, &'static str),
    InsertAny(Index, String),
    Cut(Index),
    DropPart(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    let piece = || select(&PIECES[..]);
    prop_oneof![
        at().prop_map(Change::DropLine),
        at().prop_map(Change::RepeatLine),
        (at(), at()).prop_map(|(a, b)| Change::SwapLines(a, b)),
        (at(), at(), at()).prop_map(|(a, b, c)| Change::TakeLine(a, b, c)),
        (at(), piece()).prop_map(|(a, word)| Change::ReplaceWord(a, word)),
        (at(), at()).prop_map(|(a, b)| Change::SwapWords(a, b)),
        (at(), piece()).prop_map(|(a, text)| Change::Insert(a, text)),
        (at(), any::<String>()).prop_map(|(a, text)| Change::InsertAny(a, text)),
        at().prop_map(Change::Cut),
        (at(), at()).prop_map(|(a, b)| Change::DropPart(a, b)),
    ]
}

/// The same text, with its words and what is between them apart.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = None;
    for c in text.chars() {
        let kind = c.is_alphanumeric() || c == '_' || c == '-';
        match words.last_mut() {
            Some(word) if kind && last == Some(true) => word.push(c),
            _ => words.push(c.into()),
        }
        last = Some(kind);
    }
    words
}

fn boundary(text: &str, at: Index) -> usize {
    text.floor_char_boundary(at.index(text.len() + 1))
}

impl Change {
    fn apply(&self, text: &str, corpus: &[String]) -> String {
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut tokens = words(text);
        if lines.is_empty() {
            return text.to_owned();
        }
        let count = lines.len();
        match self {
            Self::DropLine(at) => drop(lines.remove(at.index(count))),
            Self::RepeatLine(at) => lines.insert(at.index(count), lines[at.index(count)]),
            Self::SwapLines(a, b) => lines.swap(a.index(count), b.index(count)),
            Self::TakeLine(from, line, to) => {
                let other = &corpus[from.index(corpus.len())];
                let taken: Vec<&str> = other.split_inclusive('\n').collect();
                if !taken.is_empty() {
                    lines.insert(to.index(count), taken[line.index(taken.len())]);
                }
            }
            Self::ReplaceWord(at, word) => {
                let at = at.index(tokens.len());
                tokens[at] = (*word).to_owned();
                return tokens.concat();
            }
            Self::SwapWords(a, b) => {
                let count = tokens.len();
                tokens.swap(a.index(count), b.index(count));
                return tokens.concat();
            }
            Self::Insert(at, piece) => {
                let at = boundary(text, *at);
                return format!("{}{piece}{}", &text[..at], &text[at..]);
            }
            Self::InsertAny(at, piece) => {
                let at = boundary(text, *at);
                return format!("{}{piece}{}", &text[..at], &text[at..]);
            }
            Self::Cut(at) => return text[..boundary(text, *at)].to_owned(),
            Self::DropPart(a, b) => {
                let (a, b) = (boundary(text, *a), boundary(text, *b));
                return format!("{}{}", &text[..a.min(b)], &text[a.max(b)..]);
            }
        }
        lines.concat()
    }
}

/// A name of anything, mostly one that means something.
fn name() -> impl Strategy<Value = String> {
    let known = [
        "pipeline",
        "aws",
        "schedule",
        "sources",
        "stages",
        "sinks",
        "functions",
        "logs",
        "local",
        "alarms",
        "data",
        "budget",
        "iam",
        "environments",
        "name",
        "type",
        "region",
        "account",
        "expression",
        "timezone",
        "items",
        "key",
        "items_file",
        "existing",
        "path",
        "columns",
        "detect",
        "share",
        "isolate",
        "sentences",
        "patience_s",
        "table",
        "ttl_days",
        "prefix",
        "format",
        "scopes",
        "function",
        "actions",
        "resources",
        "conditions",
        "dev",
        "a",
        "a-1",
        "labels",
        "title",
        "language",
        "permissions_boundary",
        "memory_mb",
        "timeout_s",
        "retention_days",
        "texts",
    ];
    prop_oneof![8 => select(known.to_vec()).prop_map(str::to_owned), 1 => "[a-z]{1,3}", 1 => "\"\\PC{0,5}\""]
}

/// A value of any type, mostly one that means something.
fn value() -> impl Strategy<Value = String> {
    let known = [
        "\"dynamodb\"",
        "\"inline\"",
        "\"file\"",
        "\"wikipedia\"",
        "\"text\"",
        "\"lexicon\"",
        "\"comprehend\"",
        "\"s3\"",
        "\"csv\"",
        "\"jsonl\"",
        "\"fang\"",
        "\"a\"",
        "\"\"",
        "\"rate(1 hour)\"",
        "\"cron(0 8 * * ? *)\"",
        "\"at(x)\"",
        "\"UTC\"",
        "\"us-east-1\"",
        "\"123456789012\"",
        "\"a.csv\"",
        "\"worker\"",
        "\"s3:GetObject\"",
        "\"arn:aws:s3:::a/*\"",
        "\"arn:aws:dynamodb:us-east-1:123456789012:table/abc\"",
        "true",
        "1",
        "0.5",
        "-7",
        "300",
        "[]",
        "{}",
        "1979-05-27",
        "\"\"\"\na\n\"\"\"",
        "'''b'''",
        "\"\\u0041\\u0000\"",
    ];
    let leaf = prop_oneof![8 => select(known.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,6}", 1 => "\"\\PC{0,9}\""];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| format!("[{}]", list.join(", "))),
            prop::collection::vec((name(), inner), 0..4).prop_map(|table| {
                let pairs: Vec<String> = table.into_iter().map(|(name, value)| format!("{name} = {value}")).collect();
                format!("{{ {} }}", pairs.join(", "))
            }),
        ]
    })
}

/// A line of something like TOML.
fn line() -> impl Strategy<Value = String> {
    let path = || prop::collection::vec(name(), 1..4).prop_map(|names| names.join("."));
    prop_oneof![
        2 => path().prop_map(|path| format!("[{path}]\n")),
        1 => path().prop_map(|path| format!("[[{path}]]\n")),
        2 => select(vec!["[[stages]]\n", "[sources.a]\n", "[sinks.a]\n", "[pipeline]\nname = \"fang\"\n"])
            .prop_map(str::to_owned),
        6 => (path(), value()).prop_map(|(path, value)| format!("{path} = {value}\n")),
        1 => "\\PC{0,12}".prop_map(|text| text + "\n"),
    ]
}

/// The promise: nothing panics, there is a pipeline or a mistake, and every mistake can be shown where it is.
fn judge(text: &str) -> Result<(), TestCaseError> {
    let read = || {
        let mut config = Config::read("pipeline.toml", text);
        let plans = Plan::all(&mut config);
        (config, plans)
    };
    let (config, plans) = read();
    let whole = !config.pipelines.is_empty() && !config.broken();
    prop_assert!(whole || !config.mistakes.is_empty(), "neither a pipeline nor a mistake");
    if whole {
        prop_assert!(plans.keys().eq(config.pipelines.keys()), "a good environment without a plan");
        prop_assert!(plans.keys().eq(config.environments.iter()), "a good file without all its environments");
    }
    let spans = config.mistakes.iter().flat_map(|mistake| {
        let other = mistake.other.as_ref().map(|(span, _)| span);
        std::iter::once(&mistake.span).chain(other).map(move |span| (mistake.code, span))
    });
    for (code, span) in spans {
        prop_assert!(text.get(span.clone()).is_some(), "{code} at {span:?}, which is no part of the text");
    }
    let report = config.source.report(&config.mistakes, false);
    let odd = |c: char| c == '\u{1b}' || c == '\u{202e}' || c == '\r';
    prop_assert!(!report.contains(odd), "a report with characters that move the cursor");
    let (again, plans_again) = read();
    prop_assert_eq!(&config.mistakes, &again.mistakes);
    prop_assert_eq!(plans, plans_again);
    Ok(())
}

proptest! {
    #![proptest_config(configuration())]

    #[test]
    fn a_changed_file_is_read_to_an_end(
        start in any::<Index>(),
        changes in prop::collection::vec(change(), 0..6),
    ) {
        thread_local!(static CORPUS: Vec<String> = corpus());
        CORPUS.with(|corpus| {
            let text = corpus[start.index(corpus.len())].clone();
            judge(&changes.iter().fold(text, |text, change| change.apply(&text, corpus)))
        })?;
    }

    #[test]
    fn something_like_toml_is_read_to_an_end(lines in prop::collection::vec(line(), 0..25)) {
        judge(&lines.concat())?;
    }
}

#[test]
fn any_bytes_are_read_to_an_end() {
    let read = |bytes: &[u8]| {
        judge(&String::from_utf8_lossy(bytes)).unwrap_or_else(|error| panic!("{error}"));
    };
    replay(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/pipeline_toml"), read);
    bolero::check!().for_each(read);
}

#[test]
fn an_extreme_file_is_read_to_its_end() {
    let many = 20_000;
    let texts = [
        format!("a = {}", "[".repeat(many)),
        "[".repeat(many),
        format!("a = {}", "{a=".repeat(many)),
        format!("{} = 1", vec!["a"; many].join(".")),
        format!("[{}]", vec!["a"; many].join(".")),
        format!("{} = 1", "x".repeat(20 * many)),
        format!("[schedule]\ntimezone = \"{}\"", "Europe/Z".repeat(many)),
        format!("[schedule]\nexpression = \"{}\"", "rate(".repeat(many)),
        format!("[sources.a]\ntype = \"dynamodb\"\nitems = [{}]", "7,".repeat(many)),
        format!("[sources.a]\ntype = \"dynamodb\"\nitems = [{}]", "\"a\",".repeat(many)),
        "\"".repeat(many),
        "\n".repeat(many),
    ];
    for text in texts {
        let start: String = text.chars().take(40).collect();
        let config = Config::read("pipeline.toml", &text);
        assert!(config.broken(), "{start}");
        assert!(!config.source.report(&config.mistakes[..config.mistakes.len().min(20)], false).is_empty());
    }
}
