//! Wherever `fanggen` is interrupted between two calls to AWS, running the command again gives the usual state.

use crate::harness::aws;
use crate::harness::process_output::ProcessOutputExt as _;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use aws::fresh_account::{FreshAccount, LIMIT, Pipelines, parallel, run_to_end_with};
use aws::inventory::{Inventory, difference};
use aws::proxy::Cut;
use aws::sweep;
use fanggen_runtime::testing::process::ProcessOutput;
use rustix::process::{Signal, kill_process};

/// As many as there are cores where the checks run, and a little more, since each waits now and then.
const THREADS: usize = 3;

/// A command, and what it finds.
struct Scenario {
    name: &'static str,
    /// What was done before, without an interruption: a folder and its arguments.
    before: &'static [(Version, &'static [&'static str])],
    version: Version,
    arguments: &'static [&'static str],
    /// Its exit code.
    code: i32,
    /// How many runs will have been started, all in all.
    runs: usize,
    /// Of how many of its cut points the short form takes one.
    share: usize,
}

#[derive(Clone, Copy)]
enum Version {
    Before,
    After,
}

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "first apply",
        before: &[],
        version: Version::Before,
        arguments: &["apply", "--env", "prod", "--yes"],
        code: 0,
        runs: 1,
        share: 6,
    },
    Scenario {
        name: "changing apply",
        before: &[(Version::Before, &["apply", "--env", "dev", "--yes"])],
        version: Version::After,
        arguments: &["apply", "--env", "dev", "--yes", "--prune"],
        code: 0,
        runs: 1,
        share: 7,
    },
    Scenario {
        name: "plan of all",
        before: &[],
        version: Version::Before,
        arguments: &["plan", "--env", "dev"],
        code: 2,
        runs: 0,
        share: 5,
    },
    Scenario {
        name: "plan of a change",
        before: &[(Version::Before, &["apply", "--env", "dev", "--yes"])],
        version: Version::After,
        arguments: &["plan", "--env", "dev"],
        code: 2,
        runs: 1,
        share: 6,
    },
    Scenario {
        name: "destroy",
        before: &[(Version::Before, &["apply", "--env", "dev", "--yes"])],
        version: Version::Before,
        arguments: &["destroy", "--env", "dev", "--yes"],
        code: 0,
        runs: 1,
        share: 20,
    },
    Scenario {
        name: "destroy of all data",
        before: &[(Version::Before, &["apply", "--env", "prod", "--yes"])],
        version: Version::Before,
        arguments: &["destroy", "--env", "prod", "--yes", "--delete-data", "--artifacts"],
        code: 0,
        runs: 1,
        share: 20,
    },
];

impl Scenario {
    fn folder<'a>(&self, pipelines: &'a Pipelines) -> &'a Path {
        folder(self.version, pipelines)
    }

    /// Brings an empty account to where the command begins.
    fn prepare(&self, scene: &FreshAccount, pipelines: &Pipelines) {
        scene.reset();
        for (version, arguments) in self.before {
            let done = scene.run(folder(*version, pipelines), arguments);
            assert_eq!(done.code, 0, "{arguments:?}: {}", done.stderr);
            scene.fill(arguments[2]);
        }
        scene.proxy.clear();
    }

    /// The operations of the command, and what is there after it, when nothing interrupts it.
    fn whole(&self, scene: &FreshAccount, pipelines: &Pipelines) -> (Vec<String>, Inventory) {
        self.prepare(scene, pipelines);
        let done = scene.run(self.folder(pipelines), self.arguments);
        assert_eq!(done.code, self.code, "{}: {}", self.name, done.stderr);
        let operations = scene.proxy.operations();
        assert_eq!(scene.runs().len(), self.runs, "{}", self.name);
        (operations, scene.inventory())
    }
}

fn folder(version: Version, pipelines: &Pipelines) -> &Path {
    match version {
        Version::Before => pipelines.before(),
        Version::After => pipelines.after(),
    }
}

/// A place at which a command is killed, and what came of it.
struct Point {
    scenario: usize,
    cut: Cut,
    /// The operation at which it was killed.
    at: String,
    /// How the same command ended.
    again: ProcessOutput,
    /// What is wrong after it.
    wrong: Vec<String>,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (side, number) = match self.cut {
            Cut::Before(number) => ("before", number),
            Cut::After(number) => ("after", number),
        };
        let (name, code) = (SCENARIOS[self.scenario].name, self.again.code);
        let verdict = if self.wrong.is_empty() { "right" } else { "WRONG" };
        write!(f, "| {name} | {number} | {side} | {} | {code} | {} | {verdict} |", self.at, self.again.last_line())
    }
}

const HEAD: &str = "| command | call | killed | operation | again | what it said | state |\n| --- | --: | --- | --- | --: | --- | --- |";

/// The points by command and operation.
fn summary(points: &[Point]) -> String {
    let mut counts: BTreeMap<(usize, &str), (usize, usize)> = BTreeMap::new();
    for point in points {
        let (all, right) = counts.entry((point.scenario, &point.at)).or_default();
        *all += 1;
        *right += usize::from(point.wrong.is_empty());
    }
    let mut text = "| command | killed before and after | cut points | right |\n| --- | --- | --: | --: |\n".to_owned();
    for ((scenario, at), (all, right)) in counts {
        let Scenario { name, arguments, .. } = &SCENARIOS[scenario];
        text += &format!("| {name}: `{}` | `{at}` | {all} | {right} |\n", arguments.join(" "));
    }
    let right = points.iter().filter(|point| point.wrong.is_empty()).count();
    text + &format!("| all | | {} | {right} |\n", points.len())
}

/// Kills the command at the cut, and runs it again.
fn point(
    scene: &FreshAccount,
    pipelines: &Pipelines,
    scenario: usize,
    cut: Cut,
    expected: &Inventory,
) -> Option<Point> {
    let case = &SCENARIOS[scenario];
    case.prepare(scene, pipelines);
    let mut command = scene.command(case.folder(pipelines), case.arguments);
    // The number of looks at a stack at work is not the same each time: the last ones may not come.
    let at = scene.proxy.kill_at(cut, &mut command, LIMIT)?;
    let again = scene.run(case.folder(pipelines), case.arguments);
    let mut wrong = difference(expected, &scene.inventory());
    if again.code != case.code {
        wrong.push(format!("exit code {:?}: {}", again.code, again.stderr));
    }
    let runs = scene.runs();
    if runs.len() != case.runs {
        wrong.push(format!("runs were started at {runs:?}"));
    }
    Some(Point { scenario, cut, at, again, wrong })
}

#[test]
fn a_command_killed_at_any_call_succeeds_when_run_again() {
    let pipelines = Pipelines::new();
    let mut references = parallel(THREADS, (0..SCENARIOS.len()).collect(), |scene, scenario| {
        (scenario, SCENARIOS[scenario].whole(scene, &pipelines))
    });
    references.sort_by_key(|(scenario, _)| *scenario);
    let mut cuts = Vec::new();
    for (scenario, (operations, _)) in &references {
        sweep::print(&format!("{}: {} calls: {}", SCENARIOS[*scenario].name, operations.len(), operations.join(" ")));
        let all = (1..=operations.len()).flat_map(|number| [Cut::Before(number), Cut::After(number)]);
        let share = if sweep::full() { 1 } else { SCENARIOS[*scenario].share };
        // The seed of the sample: a day's checks begin at other calls than the next day's would, if it were a clock's.
        cuts.extend(all.skip(scenario % share).step_by(share).map(|cut| (*scenario, cut)));
    }
    sweep::print(HEAD);
    let mut points: Vec<Point> = parallel(THREADS, cuts, |scene, (scenario, cut)| {
        let point = point(scene, &pipelines, scenario, cut, &references[scenario].1.1);
        if let Some(point) = &point {
            sweep::print(&point.to_string());
            point.wrong.iter().for_each(|line| sweep::print(&format!("    {line}")));
        }
        point
    })
    .into_iter()
    .flatten()
    .collect();
    let killed: BTreeSet<&str> = points.iter().map(|point| SCENARIOS[point.scenario].name).collect();
    assert_eq!(killed.len(), SCENARIOS.len(), "every command was killed at least once: {killed:?}");
    assert!(points.len() >= 25, "{} cut points are too few", points.len());
    points.sort_by_key(|point| {
        let (Cut::Before(number) | Cut::After(number)) = point.cut;
        (point.scenario, number, matches!(point.cut, Cut::After(_)))
    });
    let wrong: Vec<String> = points
        .iter()
        .filter(|point| !point.wrong.is_empty())
        .map(|point| format!("{point}\n{:#?}", point.wrong))
        .collect();
    if sweep::full() {
        sweep::record("interruption", &summary(&points));
    }
    assert!(wrong.is_empty(), "{} of {} went wrong:\n{}", wrong.len(), points.len(), wrong.join("\n"));
}

/// The signals of Ctrl-C, of `kill` and of a closed terminal: all of them do the same.
const SIGNALS: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];

/// The signal for a place. Below `nohup` every process ignores SIGHUP, as it should: the others stand in for it there.
fn signal_at(place: usize) -> Signal {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    let is_below_nohup = ignored.is_some_and(|mask| mask & 1 == 1);
    let signals = if is_below_nohup { &SIGNALS[..2] } else { &SIGNALS[..] };
    signals[place % signals.len()]
}

/// Runs a command, sends it a signal while it waits for the answer to a call, and lets it come to its end.
fn interrupted(
    scene: &FreshAccount,
    pipelines: &Pipelines,
    case: &Scenario,
    cut: Cut,
    signal: Signal,
) -> ProcessOutput {
    case.prepare(scene, pipelines);
    scene.proxy.stop_at(cut);
    thread::scope(|scope| {
        let mut command = scene.command(case.folder(pipelines), case.arguments);
        let (sender, started) = mpsc::channel();
        let running = scope.spawn(move || run_to_end_with(&mut command, &sender));
        let (process, said) = started.recv().expect("a process");
        assert!(scene.proxy.has_stopped(LIMIT), "{} comes to {cut:?}", case.name);
        kill_process(process, signal).expect("a signal");
        // It has heard of it before the world goes on, so there is no race.
        let begin = Instant::now();
        while !fs::read_to_string(&said).is_ok_and(|said| said.contains("interrupted: stopping at the next safe point"))
        {
            assert!(begin.elapsed() < LIMIT && !running.is_finished(), "{} takes notice at {cut:?}", case.name);
            thread::sleep(Duration::from_millis(5));
        }
        scene.proxy.resume();
        running.join().expect("ended")
    })
}

const NOTHING: &str = "error: interrupted: the stack is unchanged\n";

#[test]
fn a_signal_leaves_a_consistent_state_and_says_how_to_continue() {
    let pipelines = Pipelines::new();
    let halfway = |what: &str| format!("error: interrupted: {what}\n  run the same command again to continue\n");
    let continues = "error: interrupted: CloudFormation continues to work on stack `cut-prod`\n  `fanggen status` shows its state; the same command waits for it to finish\n";
    let (no_items, disabled, no_run) = (
        halfway("the stack is deployed, the items are not written"),
        halfway("the stack is deployed and the items are written, the schedule is not enabled"),
        halfway("the schedule is enabled, the first run is not started"),
    );
    let some = halfway("some resources are deleted, the others are unchanged");
    /// Where, at the how manieth call of it, and what may be said.
    type Place<'a> = (&'a str, usize, &'a [&'a str]);
    let all: [(usize, &[Place<'_>]); 2] = [
        (
            0,
            &[
                ("cloudformation:DescribeStacks", 1, &[NOTHING]),
                ("s3:CreateBucket", 1, &[NOTHING]),
                ("s3:PutObject", 1, &[NOTHING]),
                ("s3:PutObject", 3, &[NOTHING]),
                ("cloudformation:CreateChangeSet", 1, &[NOTHING]),
                ("cloudformation:DescribeChangeSet", 1, &[NOTHING]),
                ("cloudformation:DescribeStackEvents", 1, &[NOTHING]),
                // How quick CloudFormation is decides which.
                ("cloudformation:ExecuteChangeSet", 1, &[continues, &no_items]),
                ("cloudformation:UpdateTerminationProtection", 1, &[&no_items]),
                ("dynamodb:Scan", 1, &[&no_items]),
                ("dynamodb:BatchWriteItem", 2, &[&no_items]),
                ("s3:PutObject", 5, &[&disabled]),
                ("cloudformation:DescribeStacks", 4, &[&no_run]),
            ],
        ),
        (
            4,
            &[
                ("cloudformation:ListStackResources", 1, &[NOTHING]),
                ("s3:PutObject", 1, &[&some]),
                ("s3:DeleteObjects", 1, &[]),
                ("cloudformation:DeleteStack", 1, &[]),
            ],
        ),
    ];
    let work = all.into_iter().flat_map(|(scenario, points)| points.iter().map(move |point| (scenario, point)));
    let wholes = parallel(2, vec![0, 4], |scene, scenario| (scenario, SCENARIOS[scenario].whole(scene, &pipelines)));
    let wrong = parallel(THREADS, work.collect(), |scene, (scenario, (operation, nth, expected))| {
        let case = &SCENARIOS[scenario];
        let (_, (operations, state)) = wholes.iter().find(|(of, _)| *of == scenario).expect("a whole run");
        let mut places = (1..).zip(operations).filter(|(_, one)| one == operation).map(|(place, _)| place);
        let place = places.nth(nth - 1).expect("a call");
        let ended = interrupted(scene, &pipelines, case, Cut::Before(place), signal_at(place));
        let mut wrong = Vec::new();
        let said = ended.error_message();
        if ended.code != 1 || !said.starts_with("error: interrupted: ") {
            wrong.push(format!("{:?}: {}", ended.code, ended.stderr));
        }
        if !expected.is_empty() && !expected.contains(&said) {
            wrong.push(format!("it says: {said}"));
        }
        let left = scene.inventory();
        wrong.extend(left.iter().filter(|line| line.contains("/locks/")).cloned());
        if scenario == 0 && said == NOTHING {
            wrong.extend(left.into_iter().filter(|line| !line.contains("fanggen-artifacts-")));
        }
        let again = scene.run(case.folder(&pipelines), case.arguments);
        if again.code != 0 {
            wrong.push(format!("and again: {:?}: {}", again.code, again.stderr));
        }
        wrong.extend(difference(state, &scene.inventory()));
        let runs = scene.runs();
        if runs.len() != case.runs {
            wrong.push(format!("runs were started at {runs:?}"));
        }
        wrong.into_iter().map(|line| format!("{}, {operation} {nth}: {line}", case.name)).collect::<Vec<_>>()
    })
    .concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
