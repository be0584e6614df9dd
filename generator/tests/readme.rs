//! Everything in the README is true: its commands are run, its outputs compared, its table made from the kinds.

#![allow(clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "harness/project.rs"]
mod project;

use std::fs::{self, File};
use std::process::{Command, Stdio};

use fanggen_runtime::component::Role;
use fanggen_runtime::kinds;
use project::{Project, workspace};

/// Every README whose commands are run, with the folder of the project that they are run in.
const READMES: [(&str, &str); 4] = [
    ("README.md", ""),
    ("examples/fang/README.md", "examples/fang"),
    ("examples/reviews/README.md", "examples/reviews"),
    ("examples/tickets/README.md", "examples/tickets"),
];

/// Accepts what is printed now: run with this set to 1.
const UPDATE: &str = "UPDATE_SNAPSHOTS";

fn accepts() -> bool {
    std::env::var(UPDATE).is_ok_and(|value| value == "1") && std::env::var_os("CI").is_none()
}

/// A fenced block: its language, its text, and where the text stands in the file.
fn blocks(readme: &str) -> Vec<(String, String, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let mut open: Option<(String, usize)> = None;
    let mut at = 0;
    for line in readme.split_inclusive('\n') {
        if let Some(language) = line.trim_end().strip_prefix("```") {
            open = match open.take() {
                Some((language, start)) => {
                    found.push((language, readme[start..at].to_owned(), start..at));
                    None
                }
                None => Some((language.to_owned(), at + line.len())),
            };
        }
        at += line.len();
    }
    found
}

/// What differs from run to run: times of runs, durations, hashes of chunks.
fn steady(text: &str) -> String {
    let mut out: String = text.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    for (pattern, instead) in [
        (r"\d{8}T\d{6}(\.\d+)?Z", "20261122T090000.000Z"),
        (r"dt=\d{4}-\d{2}-\d{2}", "dt=2026-11-22"),
        (r"20261122T090000.000Z-[0-9a-f]{16}", "20261122T090000.000Z-5a3c0b1e7f2d9846"),
        (r"in [0-9.]+(ns|µs|ms|s)\b", "in 21.4ms"),
    ] {
        out = regex_lite::Regex::new(pattern).expect("a pattern").replace_all(&out, instead).into_owned();
    }
    out
}

/// Runs a line such as `fanggen run --env prod`, and gives what a terminal would show.
fn shown(project: &Project, folder: &str, line: &str) -> String {
    let log = project.path().join(".shown");
    let out = File::create(&log).expect("a file");
    let mut words = line.split_whitespace();
    assert_eq!(words.next(), Some("fanggen"), "the README runs `fanggen` only, not: {line}");
    let status = Command::new(env!("CARGO_BIN_EXE_fanggen"))
        .args(words)
        .current_dir(project.path().join(folder))
        .env("COLUMNS", "100")
        .stdin(Stdio::null())
        .stderr(out.try_clone().expect("a file"))
        .stdout(out)
        .status()
        .expect("started");
    assert!(status.code().is_some_and(|code| code <= 2), "{line}: {status}");
    fs::read_to_string(log).expect("UTF-8")
}

/// The block with the output of each of its commands put in anew.
fn run_again(project: &Project, folder: &str, block: &str) -> String {
    let mut out = String::new();
    for line in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let told = steady(&shown(project, folder, line));
        out += &format!("$ {line}\n{told}\n");
    }
    out.trim_end().to_owned() + "\n"
}

#[test]
fn the_commands_print_what_the_readmes_show_and_the_table_is_that_of_the_kinds() {
    for (path, folder) in READMES {
        let file = workspace().join(path);
        let readme = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
        let project = Project::root();
        let mut now = readme.clone();
        let consoles: Vec<_> = blocks(&readme).into_iter().filter(|(language, ..)| language == "console").collect();
        assert!(!consoles.is_empty(), "{path} shows no command");
        // In the order of the text, as a reader would; put in from the last, so that places stay true.
        let printed: Vec<_> =
            consoles.iter().map(|(_, text, place)| (run_again(&project, folder, text), place.clone())).collect();
        for (text, place) in printed.into_iter().rev() {
            now.replace_range(place, &text);
        }
        if folder.is_empty() {
            now = with_table(&now);
        }
        compare(&file, &readme, &now);
    }
}

#[test]
fn the_short_pipeline_is_one() {
    let readme = fs::read_to_string(workspace().join("README.md")).expect("a README");
    let (_, toml, _) = blocks(&readme).into_iter().find(|(language, ..)| language == "toml").expect("a pipeline");
    let project = Project::with(&toml);
    let ran = project.fanggen(&["render"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!ran.stderr.contains("warning"), "{ran:?}");
}

/// The table of components, from the kinds, between its two marks.
fn with_table(readme: &str) -> String {
    let (start, end) = ("<!-- components -->\n", "<!-- end of components -->");
    let from = readme.find(start).expect("the start of the table") + start.len();
    let to = readme.find(end).expect("the end of the table");
    let mut table = String::from(
        "\n| | type | what it does | on your machine | in the Lambda |\n| --- | --- | --- | --- | --- |\n",
    );
    for kind in kinds::all() {
        let card = kind.card;
        let here = match (card.stand_in, card.fetches, card.role) {
            (Some(kind), ..) => format!("`{kind}` stands in"),
            (None, true, _) => "yes, or local texts".to_owned(),
            (None, false, Role::Sink) => "files".to_owned(),
            (None, false, _) => "yes".to_owned(),
        };
        let there = match (card.machine_only, card.deployable) {
            (true, _) => "no: a Lambda keeps no files",
            (false, true) => "yes",
            (false, false) => "planned and rendered",
        };
        table += &format!("| {} | `{}` | {} | {here} | {there} |\n", card.role.word(), card.name, card.summary);
    }
    let mut now = readme.to_owned();
    now.replace_range(from..to, &(table + "\n"));
    now
}

/// Every file that a README links to is there.
#[test]
fn links_lead_somewhere() {
    for (path, folder) in READMES {
        let readme = fs::read_to_string(workspace().join(path)).expect("a README");
        let link = regex_lite::Regex::new(r"\]\(([^)#]+)[^)]*\)").expect("a pattern");
        for target in link.captures_iter(&readme).map(|found| found[1].to_owned()) {
            if !target.starts_with("http") {
                assert!(workspace().join(folder).join(&target).exists(), "{path} links to {target}");
            }
        }
    }
}

fn compare(file: &std::path::Path, before: &str, now: &str) {
    if before == now {
        return;
    }
    if accepts() {
        fs::write(file, now).expect("written");
        return;
    }
    let diff = similar::TextDiff::from_lines(before, now);
    panic!("{} is not true any more; {UPDATE}=1 accepts:\n{}", file.display(), diff.unified_diff().context_radius(3));
}
