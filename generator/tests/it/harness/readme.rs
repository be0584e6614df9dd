//! The examples of a README: runs their commands again in a project, those that need AWS against an emulator.

use std::fs::{self, File};
use std::ops::Range;
use std::process::{Command, Stdio};

use crate::harness::project::Project;

/// Marks lines of an output that are omitted.
const LEFT_OUT: &str = "  …";

/// A fenced block: its language, its text, and where the text stands in the file.
pub fn blocks(readme: &str) -> Vec<(String, String, Range<usize>)> {
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

/// Replaces what differs between runs: times, durations, hashes of chunks, and the address of the emulator.
fn normalize(text: &str) -> String {
    let mut out: String = text.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    for (pattern, instead) in [
        (r"\d{8}T\d{6}(\.\d+)?Z", "20261122T090000.000Z"),
        (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", "2026-11-22T09:00:00Z"),
        (r"dt=\d{4}-\d{2}-\d{2}", "dt=2026-11-22"),
        (r"20261122T090000.000Z-[0-9a-f]{16}", "20261122T090000.000Z-5a3c0b1e7f2d9846"),
        (r"in [0-9.]+(ns|µs|ms|s)\b", "in 21.4ms"),
        (r"(?m)^ +[0-9.]+s  ((?:create|update|delete) )", "    0.1s  $1"),
        (r"(?m)^note: using .* instead of AWS\n", ""),
        // What is uploaded here is no program; a release build has about this size.
        (r"uploading the functions' binary \([0-9.]+ MB\)", "uploading the functions' binary (3.6 MB)"),
    ] {
        out = regex_lite::Regex::new(pattern).expect("a pattern").replace_all(&out, instead).into_owned();
    }
    // The next firings of a schedule, each another one.
    let firing =
        regex_lite::Regex::new(r"fires \w{3} \d{4}-\d{2}-\d{2} (\d{2}:\d{2}) [+-]\d{2}:\d{2}").expect("a pattern");
    let mut days =
        ["Mon 2026-11-30", "Tue 2026-12-01", "Wed 2026-12-02", "Thu 2026-12-03", "Fri 2026-12-04"].iter().cycle();
    let next = |found: &regex_lite::Captures<'_>| format!("fires {} {} +01:00", days.next().unwrap_or(&""), &found[1]);
    firing.replace_all(&out, next).into_owned()
}

/// Whether a command calls AWS, or exists only in a build with the feature `aws`.
fn needs_aws(line: &str) -> bool {
    let mut words = line.split_whitespace().skip(1);
    match words.next() {
        Some("apply" | "build" | "destroy" | "drift" | "iam" | "items" | "outputs" | "status") => true,
        Some("plan") => !words.any(|word| word == "--offline"),
        _ => false,
    }
}

/// The words of a command as a shell splits them, with single quotes around spaces.
fn words(step: &str) -> Vec<String> {
    let (mut words, mut is_quoted) = (vec![String::new()], false);
    for c in step.chars() {
        match c {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            other => words.iter_mut().last().expect("a word").push(other),
        }
    }
    words
}

/// Runs a line such as `fanggen run --env prod`, and returns its stdout and stderr as a terminal shows them.
fn console_output(project: &Project, folder: &str, environment: &[(&'static str, String)], line: &str) -> String {
    let log = project.path().join(".console");
    let out = File::create(&log).expect("a file");
    let folder = project.path().join(folder);
    for step in line.split(" && ") {
        let mut words = words(step).into_iter();
        let mut command = match words.next().as_deref() {
            Some("fanggen") => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_fanggen"));
                command.args(words);
                command
            }
            // A change of a file, as a reader would make it.
            Some("sed") => {
                let mut command = Command::new("sh");
                command.args(["-c", step]);
                command
            }
            _ => panic!("the README runs `fanggen` only, and `sed`, not: {line}"),
        };
        let status = command
            .current_dir(&folder)
            .env("COLUMNS", "100")
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null())
            .stderr(out.try_clone().expect("a file"))
            .stdout(out.try_clone().expect("a file"))
            .status()
            .expect("started");
        let printed = || fs::read_to_string(&log).unwrap_or_default();
        assert!(status.code().is_some_and(|code| code <= 2), "{line}: {status}\n{}", printed());
    }
    fs::read_to_string(log).expect("UTF-8")
}

/// An output with the same omission as before: as many lines are kept before and after it.
fn shortened(output: &str, before: &str) -> String {
    let lines: Vec<&str> = output.lines().collect();
    let before: Vec<&str> = before.trim_end().lines().collect();
    let Some(place) = before.iter().position(|line| *line == LEFT_OUT) else { return output.to_owned() };
    let last = before.len() - place - 1;
    assert!(place + last < lines.len(), "there is nothing to leave out of:\n{output}");
    let kept = lines[..place].iter().chain([&LEFT_OUT]).chain(&lines[lines.len() - last..]);
    kept.map(|line| format!("{line}\n")).collect()
}

/// The block with the present output of each of its commands.
pub fn run_again(project: &Project, folder: &str, environment: &[(&'static str, String)], block: &str) -> String {
    let mut out = String::new();
    for command in format!("\n{block}").split("\n$ ").skip(1) {
        let (line, before) = command.split_once('\n').unwrap_or((command, ""));
        let output = if needs_aws(line) && !cfg!(feature = "aws") {
            format!("{}\n", before.trim_end())
        } else {
            shortened(&normalize(&console_output(project, folder, environment, line)), before)
        };
        out += &format!("$ {line}\n{output}\n");
    }
    out.trim_end().to_owned() + "\n"
}
