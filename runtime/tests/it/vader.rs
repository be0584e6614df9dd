//! The lexicon engine gives, to the last digit, the scores of the Python package vaderSentiment, and has its word lists.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p fanggen-runtime --test it vader` writes the word lists again, from the package on PyPI.
//! `FANGGEN_SWEEP=full` compares a million random texts instead of 30,000.

use crate::harness::random::Random;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use fanggen_runtime::engines::vader::polarity;
use fanggen_runtime::testing::python_tools;
use serde_json::Value;

/// The version of vaderSentiment that we compare with.
const VERSION: &str = "3.3.2";

/// Texts for each rule, for each of its exceptions, and for what rules do in combination.
const RULES: &str = include_str!("harness/vader.txt");

/// What `harness/vader.py` prints for a request, with this standard input.
fn vader_sentiment(request: &str, input: String) -> String {
    let python = python_tools::isolated("vaderSentiment", VERSION, "python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/harness/vader.py");
    let mut command = Command::new(python);
    command.args(["-X", "utf8"]).arg(script).arg(request).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("Python starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // The script prints while it reads: written from here, both pipes could be full.
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("Python ends");
    assert!(output.status.success(), "`vader.py {request}` failed: {}", output.status);
    writer.join().expect("no panic").expect("standard input is read");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A list of the package: `words`, `emoji` or `modifiers`.
fn package_list(name: &str) -> String {
    vader_sentiment(name, String::new())
}

fn assert_same_scores(texts: &[String]) {
    let lines: Vec<String> = texts.iter().map(|text| Value::from(text.as_str()).to_string()).collect();
    let scores = vader_sentiment("scores", lines.join("\n"));
    assert_eq!(scores.lines().count(), texts.len());
    let mut wrong = Vec::new();
    for (text, line) in texts.iter().zip(scores.lines()) {
        let expected: Vec<f64> = line.split(' ').map(|score| score.parse().expect("a number")).collect();
        let ours = polarity(text);
        let ours = [ours.negative, ours.neutral, ours.positive, ours.compound];
        // Bit by bit: -0.0 is printed otherwise than 0.0.
        if ours.map(f64::to_bits).as_slice() != expected.iter().map(|score| score.to_bits()).collect::<Vec<_>>() {
            wrong.push(format!("{text:?}: {ours:?}, and vaderSentiment gives {expected:?}"));
        }
    }
    let some = wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {} texts differ:\n{some}", wrong.len(), texts.len());
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/vader").join(name)
}

fn keys(name: &str) -> Vec<String> {
    let list = fs::read_to_string(data(name)).expect("a list");
    list.lines().filter_map(|line| Some(line.split_once('\t')?.0.to_owned())).collect()
}

#[test]
fn word_lists_equal_those_of_the_package() {
    for name in ["words", "emoji"] {
        let (file, expected) = (data(&format!("{name}.tsv")), package_list(name));
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            fs::write(&file, &expected).expect("a file");
        }
        assert!(
            fs::read_to_string(&file).expect("a list") == expected,
            "`{}` differs from the package",
            file.display()
        );
    }
}

#[test]
fn texts_for_each_rule_have_the_scores_of_the_package() {
    let mut texts: Vec<String> = RULES.lines().map(str::to_owned).collect();
    assert!(texts.len() > 150);
    texts.extend(
        ["", " ", "\t\n\u{a0}\u{3000}", "\u{1c}\u{1f}", "good\u{1d}bad\u{85}fine", "\u{feff}good"].map(Into::into),
    );
    // In capitals, and with text before or behind that changes emphasis and distances.
    let variants = |text: &String| [text.to_uppercase(), format!("{text} !?!"), format!("Well, so this is it: {text}")];
    texts.extend(texts.clone().iter().flat_map(variants));
    assert_same_scores(&texts);
}

#[test]
fn every_word_and_emoji_has_the_scores_of_the_package() {
    let mut texts = Vec::new();
    for word in keys("words.tsv") {
        texts.extend([
            format!("It is {word}"),
            format!("not {}", word.to_uppercase()),
            format!("no {word} but {word}!"),
        ]);
    }
    for emoji in keys("emoji.tsv") {
        texts.extend([emoji.clone(), format!("good{emoji}{emoji}\u{fe0f} not{emoji} bad")]);
    }
    for modifier in package_list("modifiers").lines() {
        for (before, behind) in [("", " good"), ("is ", " a bad"), ("THE ", " it was GREAT"), ("great ", " ever")] {
            texts.extend([
                format!("{before}{modifier}{behind}"),
                format!("{before}{}{behind}", modifier.to_uppercase()),
            ]);
        }
    }
    assert_same_scores(&texts);
}

#[test]
fn headlines_have_the_scores_of_the_package() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/sentiment/headlines.dev.jsonl");
    let Ok(lines) = fs::read_to_string(&path) else {
        return eprintln!("skipped: there is no `{}`", path.display());
    };
    let text =
        |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["text"].as_str().expect("a text").to_owned();
    assert_same_scores(&lines.lines().map(text).collect::<Vec<_>>());
}

#[test]
fn random_texts_have_the_scores_of_the_package() {
    let count = if std::env::var_os("FANGGEN_SWEEP").is_some_and(|how| how == "full") { 1_000_000 } else { 30_000 };
    let lists = Lists {
        words: keys("words.tsv"),
        emoji: keys("emoji.tsv"),
        modifiers: package_list("modifiers").lines().map(str::to_owned).collect(),
    };
    let mut random = Random::new(20_140_601);
    assert_same_scores(&(0..count).map(|_| lists.text(&mut random)).collect::<Vec<_>>());
}

struct Lists {
    words: Vec<String>,
    emoji: Vec<String>,
    modifiers: Vec<String>,
}

/// Words with a rule of their own, and words without.
const SPECIAL: &str = "but least at very no or nor kind of so this never without doubt just enough sort the shit bomb bad \
    ass bus stop yeah right kiss death to die for beating heart good great not isn't";
const PLAIN: &str = "company table walks is a it's 7 3.5% Q2 co-op o'clock I x ok";
/// Letters with unusual case mappings, and symbols that are no emoji of the list, or more than one.
const UNICODE: &str = "ǅ ǅUNGLA İSTANBUL ΟΔΟΣ straße ﬁne ⅷ Ⓐ ªbad ʰgood ’ isn’t good’s 👍🏽 👨‍👩‍👧 ©good ™ ∅ 漢字 ́good";
const WHITESPACE: [&str; 8] = ["  ", "\t", "\n", "\u{a0}", "\u{3000}", "\u{1e}", "\u{200b}", ""];
const PUNCTUATION: [&str; 14] = ["!", "?", "??", "!!!", "!!!!!!", ".", ",", "...", "'", "\"", ")", ":)", "?!?!", ":"];

impl Lists {
    fn text(&self, random: &mut Random) -> String {
        let most = if random.one_in(50) { 80 } else { 14 };
        let mut text = String::new();
        for _ in 0..random.below(most) {
            let mut word = self.word(random);
            word = match random.below(8) {
                0 | 1 => word.to_uppercase(),
                2 => word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect(),
                3 if random.one_in(4) => {
                    word.chars().map(|c| if random.one_in(2) { c.to_ascii_uppercase() } else { c }).collect()
                }
                _ => word,
            };
            if random.one_in(12) {
                text.push_str(random.any::<&str>(&PUNCTUATION));
            }
            text.push_str(&word);
            if random.one_in(6) {
                text.push_str(random.any::<&str>(&PUNCTUATION));
            }
            text.push_str(if random.one_in(15) { random.any::<&str>(&WHITESPACE) } else { " " });
        }
        text
    }

    fn word(&self, random: &mut Random) -> String {
        let of =
            |random: &mut Random, list: &str| (*random.any(&list.split_whitespace().collect::<Vec<_>>())).to_owned();
        match random.below(20) {
            0..7 => random.any(&self.words).clone(),
            7..10 => random.any(&self.modifiers).clone(),
            10..15 => of(random, SPECIAL),
            15..18 => of(random, PLAIN),
            18 => random.any(&self.emoji).clone(),
            _ => of(random, UNICODE),
        }
    }
}
