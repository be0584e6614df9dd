//! A fifth of all calls fails, with every kind of fault: each command succeeds, or says why not and can be repeated.

use crate::harness::aws;
use crate::harness::process_output::ProcessOutputExt as _;

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use aws::faults::{Fault, Faults};
use aws::fresh_account::{FreshAccount, LIMIT, Pipelines, parallel};
use aws::inventory::{Inventory, difference};
use aws::sweep;
use fanggen_runtime::testing::process::ProcessOutput;

/// Calls of a hundred that go wrong.
const PERCENT: u64 = 20;

/// First apply, changing apply, destroy: with faults, and where that did not do it, without.
const COMMANDS: [&[&str]; 3] = [
    &["apply", "--env", "prod", "--yes"],
    &["apply", "--env", "prod", "--yes", "--prune"],
    &["destroy", "--env", "prod", "--yes", "--delete-data"],
];

fn folder(command: usize, pipelines: &Pipelines) -> &Path {
    if command == 0 { pipelines.before() } else { pipelines.after() }
}

/// What is there after each command when nothing goes wrong.
fn references(scene: &FreshAccount, pipelines: &Pipelines) -> Vec<Inventory> {
    scene.reset();
    let after = |command: usize| {
        let done = scene.run(folder(command, pipelines), COMMANDS[command]);
        assert_eq!(done.code, 0, "{:?}: {}", COMMANDS[command], done.stderr);
        scene.inventory()
    };
    (0..COMMANDS.len()).map(after).collect()
}

/// How one command fared under one seed.
struct Fate {
    seed: u64,
    command: usize,
    calls: usize,
    faults: usize,
    took: Duration,
    ended: ProcessOutput,
    wrong: Vec<String>,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match (self.ended.code, self.wrong.is_empty()) {
            (_, false) => "WRONG",
            (0, true) => "right at once",
            _ => "stopped, right when run again",
        };
        write!(
            f,
            "| {} | {} | {} | {} | {:.1} s | {how} | {} |",
            self.seed,
            COMMANDS[self.command].join(" "),
            self.calls,
            self.faults,
            self.took.as_secs_f64(),
            if self.ended.code == 0 { "" } else { self.ended.error_line() }
        )
    }
}

/// Runs all commands under one seed, each from where the one before was brought to.
fn fates(scene: &FreshAccount, pipelines: &Pipelines, seed: u64, expected: &[Inventory]) -> Vec<Fate> {
    scene.reset();
    let mut fates = Vec::new();
    for (command, arguments) in COMMANDS.iter().enumerate() {
        let folder = folder(command, pipelines);
        scene.proxy.clear();
        scene.proxy.faults(Faults::all(seed * COMMANDS.len() as u64 + command as u64, PERCENT));
        let begin = Instant::now();
        let ended = scene.run(folder, arguments);
        let took = begin.elapsed();
        let seen = scene.proxy.calls();
        scene.proxy.clear();
        let mut wrong = clear(&ended);
        if ended.code != 0 {
            let again = scene.run(folder, arguments);
            if again.code != 0 {
                wrong.push(format!("and without faults: {:?}: {}", again.code, again.stderr));
            }
        }
        wrong.extend(difference(&expected[command], &scene.inventory()));
        let runs = scene.runs();
        if runs.len() != 1 {
            wrong.push(format!("runs were started at {runs:?}"));
        }
        let faults = seen.iter().filter(|seen| seen.fault.is_some()).count();
        fates.push(Fate { seed, command, calls: seen.len(), faults, took, ended, wrong });
    }
    fates
}

/// What is wrong with how a command stopped: it has to be by itself, in words that say what to do.
fn clear(ended: &ProcessOutput) -> Vec<String> {
    match ended.code {
        0 => Vec::new(),
        1 if ended.stderr.contains("run the same command again") => Vec::new(),
        -1 => vec![format!("no end within {LIMIT:?}, or ended by a signal: {}", ended.stderr)],
        code => vec![format!("exit code {code}, and no way on: {}", ended.stderr)],
    }
}

const HEAD: &str =
    "| seed | command | calls | faults | took | ended | what it said |\n| --: | --- | --: | --: | --: | --- | --- |";

#[test]
fn with_a_fifth_of_all_calls_failing_every_command_succeeds_or_can_be_repeated() {
    let pipelines = Pipelines::new();
    let expected = parallel(1, vec![()], |scene, ()| references(scene, &pipelines)).remove(0);
    sweep::print(HEAD);
    // Most of the time is spent waiting for the next attempt: more threads than cores.
    let mut all: Vec<Fate> = parallel(
        if sweep::full() { 8 } else { 5 },
        (0..if sweep::full() { 100 } else { 5 }).collect(),
        |scene, seed| {
            let fates = fates(scene, &pipelines, seed, &expected);
            fates.iter().for_each(|fate| sweep::print(&fate.to_string()));
            fates
        },
    )
    .into_iter()
    .flatten()
    .collect();
    all.sort_by_key(|fate| (fate.seed, fate.command));
    let summary = summary(&all);
    sweep::print(&summary);
    if sweep::full() {
        sweep::record("faults", &summary);
    }
    let wrong: Vec<String> =
        all.iter().filter(|fate| !fate.wrong.is_empty()).map(|fate| format!("{fate}\n{:#?}", fate.wrong)).collect();
    assert!(wrong.is_empty(), "{} of {} went wrong:\n{}", wrong.len(), all.len(), wrong.join("\n"));
    assert!(all.iter().map(|fate| fate.faults).sum::<usize>() > all.len(), "faults happened");
}

/// How each command fared over all seeds.
fn summary(all: &[Fate]) -> String {
    let mut text =
        "| command | seeds | calls | of these wrong | right at once | right when run again | longest | half in |\n\
                    | --- | --: | --: | --: | --: | --: | --: | --: |\n"
            .to_owned();
    for (command, arguments) in COMMANDS.iter().enumerate() {
        let of: Vec<&Fate> = all.iter().filter(|fate| fate.command == command).collect();
        let sum = |what: fn(&Fate) -> usize| of.iter().map(|fate| what(fate)).sum::<usize>();
        let mut took: Vec<Duration> = of.iter().map(|fate| fate.took).collect();
        took.sort();
        let right = sum(|fate| usize::from(fate.wrong.is_empty() && fate.ended.code == 0));
        let again = sum(|fate| usize::from(fate.wrong.is_empty() && fate.ended.code != 0));
        text += &format!(
            "| `{}` | {} | {} | {} | {right} | {again} | {:.0} s | {:.0} s |\n",
            arguments.join(" "),
            of.len(),
            sum(|fate| fate.calls),
            sum(|fate| fate.faults),
            took.last().map_or(0.0, Duration::as_secs_f64),
            took.get(took.len() / 2).map_or(0.0, Duration::as_secs_f64),
        );
    }
    text
}

/// The calls whose lost answer would be the worst to misunderstand.
const UNHEARD: [&str; 10] = [
    "cloudformation:CreateChangeSet",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DeleteStack",
    "cloudformation:UpdateTerminationProtection",
    "dynamodb:BatchWriteItem",
    "lambda:Invoke",
    "s3:CreateBucket",
    "s3:DeleteObject",
    "s3:PutObject",
];

#[test]
fn a_lost_response_is_not_taken_for_a_call_that_was_not_made() {
    let pipelines = Pipelines::new();
    let expected = parallel(1, vec![()], |scene, ()| references(scene, &pipelines)).remove(0);
    let wrong: Vec<String> = parallel(3, UNHEARD.to_vec(), |scene, operation| {
        scene.reset();
        let mut wrong = Vec::new();
        for (command, arguments) in COMMANDS.iter().enumerate() {
            scene.proxy.clear();
            // Every first attempt is lost, every second one is heard.
            scene.proxy.faults(Faults::first(&[operation], Fault::Unheard));
            let ended = scene.run(folder(command, &pipelines), arguments);
            let mut found = difference(&expected[command], &scene.inventory());
            if ended.code != 0 {
                found.push(format!("{:?}: {}", ended.code, ended.stderr));
            }
            if scene.runs().len() != 1 {
                found.push(format!("runs: {:?}", scene.runs()));
            }
            wrong.extend(found.into_iter().map(|line| format!("{operation}, {arguments:?}: {line}")));
        }
        wrong
    })
    .concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
