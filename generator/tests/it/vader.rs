//! The lexicon gives, to the last digit, what the package of VADER's authors gives, and carries its word lists.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p fanggen --test it vader` writes the lists anew, from the package on PyPI.
//! `FANGGEN_SWEEP=full` compares a million made texts instead of 30,000.

use crate::harness::random;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fanggen_runtime::engines::vader::polarity;
use random::Random;
use serde_json::Value;

/// The version whose answers count.
const VERSION: &str = "3.3.2";

/// Texts that meet each rule, each of its exceptions, and what the rules do where they meet one another.
const RULES: &str = include_str!("harness/vader.txt");

/// The authors' program, asked for a list or for the scores of the texts in a file.
fn authors(asked: &str) -> String {
    let python = fanggen_runtime::testing::python_tools::isolated("vaderSentiment", VERSION, "python");
    let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/harness/vader.py");
    let output = Command::new(python).args(["-X", "utf8"]).arg(peer).arg(asked).output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn agree_on(texts: &[String]) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("texts.jsonl");
    let lines: Vec<String> = texts.iter().map(|text| Value::from(text.as_str()).to_string()).collect();
    fs::write(&file, lines.join("\n")).expect("a file");
    let scores = authors(&file.display().to_string());
    assert_eq!(scores.lines().count(), texts.len());
    let mut wrong = Vec::new();
    for (text, line) in texts.iter().zip(scores.lines()) {
        let theirs: Vec<f64> = line.split(' ').map(|score| score.parse().expect("a number")).collect();
        let ours = polarity(text);
        let ours = [ours.negative, ours.neutral, ours.positive, ours.compound];
        // Bit by bit: -0.0 is printed otherwise than 0.0.
        if ours.map(f64::to_bits).as_slice() != theirs.iter().map(|score| score.to_bits()).collect::<Vec<_>>() {
            wrong.push(format!("{text:?}: {ours:?}, and the authors say {theirs:?}"));
        }
    }
    let some = wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {} texts differ:\n{some}", wrong.len(), texts.len());
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/data/vader").join(name)
}

fn keys(name: &str) -> Vec<String> {
    let list = fs::read_to_string(data(name)).expect("a list");
    list.lines().filter_map(|line| Some(line.split_once('\t')?.0.to_owned())).collect()
}

#[test]
fn the_word_lists_are_those_of_the_package() {
    for name in ["words", "emoji"] {
        let (file, theirs) = (data(&format!("{name}.tsv")), authors(name));
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            fs::write(&file, &theirs).expect("a file");
        }
        assert!(fs::read_to_string(&file).expect("a list") == theirs, "`{}` is another list", file.display());
    }
}

#[test]
fn every_text_that_was_made_for_a_rule_has_the_authors_scores() {
    let mut texts: Vec<String> = RULES.lines().map(str::to_owned).collect();
    assert!(texts.len() > 150);
    texts.extend(
        ["", " ", "\t\n\u{a0}\u{3000}", "\u{1c}\u{1f}", "good\u{1d}bad\u{85}fine", "\u{feff}good"].map(Into::into),
    );
    // In a text of capitals, and with something behind or before that changes what is loud or near.
    let more = |text: &String| [text.to_uppercase(), format!("{text} !?!"), format!("Well, so this is it: {text}")];
    texts.extend(texts.clone().iter().flat_map(more));
    agree_on(&texts);
}

#[test]
fn every_word_and_every_emoji_has_the_authors_scores_alone_and_among_others() {
    let mut texts = Vec::new();
    for word in keys("words.tsv") {
        texts.extend([
            format!("It is {word}"),
            format!("not {}", word.to_uppercase()),
            format!("no {word} but {word}!"),
        ]);
    }
    for sign in keys("emoji.tsv") {
        texts.extend([sign.clone(), format!("good{sign}{sign}\u{fe0f} not{sign} bad")]);
    }
    for turn in authors("turns").lines() {
        for (before, behind) in [("", " good"), ("is ", " a bad"), ("THE ", " it was GREAT"), ("great ", " ever")] {
            texts.extend([format!("{before}{turn}{behind}"), format!("{before}{}{behind}", turn.to_uppercase())]);
        }
    }
    agree_on(&texts);
}

#[test]
fn every_headline_of_the_test_data_has_the_authors_scores() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/sentiment/headlines.dev.jsonl");
    let Ok(lines) = fs::read_to_string(&path) else {
        return eprintln!("skipped: there is no `{}`", path.display());
    };
    let text =
        |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["text"].as_str().expect("a text").to_owned();
    agree_on(&lines.lines().map(text).collect::<Vec<_>>());
}

#[test]
fn texts_thrown_together_from_all_that_matters_have_the_authors_scores() {
    let count = if std::env::var_os("FANGGEN_SWEEP").is_some_and(|how| how == "full") { 1_000_000 } else { 30_000 };
    let lists = Lists {
        words: keys("words.tsv"),
        emoji: keys("emoji.tsv"),
        turns: authors("turns").lines().map(str::to_owned).collect(),
    };
    let mut dice = Random::new(20_140_601);
    agree_on(&(0..count).map(|_| lists.text(&mut dice)).collect::<Vec<_>>());
}

struct Lists {
    words: Vec<String>,
    emoji: Vec<String>,
    turns: Vec<String>,
}

/// Words that a rule asks for, and words that none does.
const RULED: &str = "but least at very no or nor kind of so this never without doubt just enough sort the shit bomb bad \
    ass bus stop yeah right kiss death to die for beating heart good great not isn't";
const PLAIN: &str = "company table walks is a it's 7 3.5% Q2 co-op o'clock I x ok";
/// Letters whose case is not as simple as it looks, and signs that are none of the emoji or more than one.
const ODD: &str = "ǅ ǅUNGLA İSTANBUL ΟΔΟΣ straße ﬁne ⅷ Ⓐ ªbad ʰgood ’ isn’t good’s 👍🏽 👨‍👩‍👧 ©good ™ ∅ 漢字 ́good";
const BLANKS: [&str; 8] = ["  ", "\t", "\n", "\u{a0}", "\u{3000}", "\u{1e}", "\u{200b}", ""];
const ENDS: [&str; 14] = ["!", "?", "??", "!!!", "!!!!!!", ".", ",", "...", "'", "\"", ")", ":)", "?!?!", ":"];

impl Lists {
    fn text(&self, dice: &mut Random) -> String {
        let most = if dice.one_in(50) { 80 } else { 14 };
        let mut text = String::new();
        for _ in 0..dice.below(most) {
            let mut word = self.word(dice);
            word = match dice.below(8) {
                0 | 1 => word.to_uppercase(),
                2 => word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect(),
                3 if dice.one_in(4) => {
                    word.chars().map(|c| if dice.one_in(2) { c.to_ascii_uppercase() } else { c }).collect()
                }
                _ => word,
            };
            if dice.one_in(12) {
                text.push_str(dice.any::<&str>(&ENDS));
            }
            text.push_str(&word);
            if dice.one_in(6) {
                text.push_str(dice.any::<&str>(&ENDS));
            }
            text.push_str(if dice.one_in(15) { dice.any::<&str>(&BLANKS) } else { " " });
        }
        text
    }

    fn word(&self, dice: &mut Random) -> String {
        let of = |dice: &mut Random, list: &str| (*dice.any(&list.split_whitespace().collect::<Vec<_>>())).to_owned();
        match dice.below(20) {
            0..7 => dice.any(&self.words).clone(),
            7..10 => dice.any(&self.turns).clone(),
            10..15 => of(dice, RULED),
            15..18 => of(dice, PLAIN),
            18 => dice.any(&self.emoji).clone(),
            _ => of(dice, ODD),
        }
    }
}
