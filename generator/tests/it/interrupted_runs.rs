//! `fanggen run` is killed at any moment, runs out of disk space, or meets another run: nothing is torn, lost or doubled.
//!
//! `FANGGEN_SWEEP=full` kills 120 runs instead of 20: see `docs/proofs.md`.

use crate::harness::project::Project;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fanggen_runtime::testing::process::ProcessOutput;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Items of a run: 30 chunks.
const ITEMS: usize = 3_000;

/// A pipeline with every sink of this machine that keeps results.
fn reviews(items: usize) -> Project {
    let project = Project::with(
        "[pipeline]\nname = \"x\"\n[sources.all]\ntype = \"file\"\npath = \"all.csv\"\n\
         [[stages]]\nname = \"own\"\ntype = \"text\"\nlanguage = \"en\"\n\
         [[stages]]\nname = \"mood\"\ntype = \"lexicon\"\n\
         [sinks.lines]\ntype = \"jsonl\"\n[sinks.objects]\ntype = \"s3\"\ncompression = \"none\"\n\
         [sinks.latest]\ntype = \"dynamodb\"\n[sinks.hook]\ntype = \"webhook\"\nurl = \"https://example.com/\"\n\
         when = 'label == \"NEGATIVE\"'\n",
    );
    let row = |n| format!("item {n},{}\n", ["A great day.", "An awful day.", "A day."][n % 3]);
    project.write("all.csv", &format!("name,text\n{}", (0..items).map(row).collect::<String>()));
    project
}

fn command(project: &Project) -> Command {
    let fanggen = env!("CARGO_BIN_EXE_fanggen");
    // A test that runs in the background of a shell ignores SIGINT, and so would every process that it starts.
    let mut command = if cfg!(target_os = "linux") {
        let mut command = Command::new("env");
        command.args(["--default-signal=INT", fanggen]);
        command
    } else {
        Command::new(fanggen)
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.args(["run", "--json"]).current_dir(project.path()).env_clear().env("PATH", path);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id")).expect("a process id");
    kill_process(pid, signal).expect("signalled");
}

fn runs(project: &Project, extension: &str) -> Vec<PathBuf> {
    let mut files = project.files(".fanggen/x/dev/runs");
    files.retain(|path| path.extension().is_some_and(|it| it == extension));
    files
}

/// Starts a run, and waits until this many of its chunks are done.
fn started(project: &Project, chunks: usize) -> Child {
    let child = command(project).spawn().expect("started");
    let done = || {
        let lines =
            |path: &PathBuf| fs::read(path).map_or(0, |text| text.iter().filter(|byte| **byte == b'\n').count());
        runs(project, "jsonl").iter().map(lines).max().unwrap_or(0) > chunks
    };
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "the run does not begin");
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

/// Starts a run and ends it with a signal after some of its chunks. Returns its id.
fn interrupted(project: &Project, with: Signal) -> String {
    let child = started(project, 3);
    signal(&child, with);
    // Its pipes are read, so that a run that goes on comes to an end and fails here.
    let status = child.wait_with_output().expect("ended").status;
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(with.as_raw()), "{status:?}");
    runs(project, "jsonl")[0].file_stem().expect("a name").to_string_lossy().into_owned()
}

fn json_lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'), "{} is torn", path.display());
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// How often each item of each run is in a folder of files, or in a file of rows.
fn counted(project: &Project, sink: &str) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for path in project.files(&format!(".fanggen/x/dev/{sink}")) {
        for record in json_lines(&path) {
            let item = record["item"]["key"].as_str().or(record["item"].as_str()).expect("an item").to_owned();
            let run = record["run"].as_str().expect("a run").to_owned();
            *counts.entry(run).or_default().entry(item).or_default() += 1;
        }
    }
    counts
}

/// Asserts that everything of these runs is there once, and that nothing else is.
#[track_caller]
fn assert_whole(project: &Project, items: usize, whole: &[&str]) {
    for (sink, expected) in [("lines", items), ("objects", items), ("latest", items), ("hook", items / 3)] {
        let counts = counted(project, sink);
        for run in whole {
            let of_run = counts.get(*run).unwrap_or_else(|| panic!("{sink} has nothing of {run}"));
            let doubled = of_run.iter().find(|(_, count)| **count != 1);
            assert_eq!((of_run.len(), doubled), (expected, None), "{sink} of {run}");
        }
    }
    let rest: Vec<_> =
        project.files(".fanggen").into_iter().filter(|it| it.extension().is_some_and(|it| it == "part")).collect();
    assert!(rest.is_empty(), "{rest:?}");
    assert!(runs(project, "jsonl").is_empty(), "no journal is left");
    for run in whole {
        let note: Value =
            serde_json::from_str(&project.read(&format!(".fanggen/x/dev/runs/{run}.json"))).expect("JSON");
        let rows = note["items"].as_array().expect("rows").len();
        assert_eq!((&note["state"], rows), (&Value::from("ended"), items), "{run}");
    }
}

/// The same numbers for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % most
    }
}

/// Whether a journal is that of a run that can go on. One killed before the journal's first line has not begun; one killed
/// after its last line has ended, and the next run writes its summary.
fn is_unfinished(journal: &Path) -> bool {
    let text = fs::read_to_string(journal).expect("UTF-8");
    let has_begun = text.contains('\n');
    let has_ended = text.lines().any(|line| line.starts_with("{\"ended\":"));
    has_begun && !has_ended && !journal.with_extension("json").exists()
}

#[test]
fn a_run_killed_at_any_moment_loses_and_doubles_nothing() {
    let kills = if std::env::var("FANGGEN_SWEEP").is_ok_and(|it| it == "full") { 120 } else { 20 };
    let project = reviews(ITEMS);
    let start = Instant::now();
    assert_eq!(project.fanggen(&["run", "--json"]).code, 0);
    let whole_us = u64::try_from(start.elapsed().as_micros()).expect("a short run");
    let mut chance = Chance(0x5eed);
    let (mut resumed, mut untouched) = (0, 0);
    let mut killed = 0;
    while killed < kills {
        let project = reviews(ITEMS);
        // A run may be killed more than once.
        for _ in 0..=chance.below(3) {
            let mut child = command(&project).spawn().expect("started");
            std::thread::sleep(Duration::from_micros(chance.below(whole_us)));
            signal(&child, Signal::KILL);
            child.wait().expect("ended");
            killed += 1;
        }
        let was_interrupted = runs(&project, "jsonl").iter().any(|journal| is_unfinished(journal));
        let ran = project.fanggen(&["run", "--json"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let summary = ran.json();
        let run = summary["run"].as_str().expect("a run");
        assert_eq!(summary["resumed_after"].is_u64(), was_interrupted, "{}", ran.stderr);
        assert_eq!(ran.stderr.contains(&format!("run {run} was interrupted ")), was_interrupted, "{}", ran.stderr);
        if was_interrupted {
            resumed += 1
        } else {
            untouched += 1
        }
        assert_eq!(summary["succeeded"], ITEMS, "{}", ran.stderr);
        let ended: Vec<String> =
            runs(&project, "json").iter().map(|it| it.file_stem().expect("a name").to_string_lossy().into()).collect();
        assert!(ended.iter().any(|it| it == run));
        assert_whole(&project, ITEMS, &ended.iter().map(String::as_str).collect::<Vec<_>>());
    }
    // How many there are of each depends on what else the machine does.
    assert!(resumed > 0, "{resumed} resumed, {untouched} before the first chunk or after the end");
}

#[test]
fn an_interrupted_run_is_named_and_goes_on_with_the_chunks_that_are_not_done() {
    let project = reviews(ITEMS);
    let run = interrupted(&project, Signal::KILL);
    let modified = |path: &PathBuf| fs::metadata(path).and_then(|file| file.modified()).expect("a time");
    let before: Vec<_> =
        project.files(".fanggen/x/dev/lines").into_iter().map(|path| (modified(&path), path)).collect();
    let ran = project.fanggen(&["run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let (first, rest) = ran.stderr.split_once('\n').expect("lines");
    let chunks: usize = first
        .strip_prefix(&format!("run {run} was interrupted after "))
        .and_then(|rest| rest.strip_suffix(" chunks: it goes on from there (`--new` starts a new run)"))
        .expect(first)
        .parse()
        .expect("a number");
    assert!((3..ITEMS / 100).contains(&chunks), "{first}");
    assert!(rest.starts_with(&format!("run {run} of x, environment dev, on this machine\n")), "{rest}");
    assert!(rest.contains("3000 items, 3000 succeeded, 0 failed"), "{rest}");
    // At most the chunk that was being written is written again.
    let again = before.iter().filter(|(time, path)| modified(path) != *time).count();
    assert!(again <= 1 && before.len() >= chunks, "{again} of {} were done again", before.len());
    assert_whole(&project, ITEMS, &[&run]);
    // The next run is a new one.
    let next = project.fanggen(&["run", "--json"]).json();
    assert!(next["run"] != run.as_str() && next["resumed_after"].is_null());
}

#[test]
fn runs_at_work_killed_and_abandoned_are_told_apart() {
    let project = reviews(ITEMS);
    let states = || {
        let ran = project.fanggen(&["runs", "--json"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let all = ran.json();
        let state = |run: &Value| (run["state"].as_str().expect("a state").to_owned(), run["chunks_done"].as_u64());
        all.as_array().expect("a list").iter().map(state).collect::<Vec<_>>()
    };
    let child = started(&project, 3);
    let running = states();
    assert!(running.len() == 1 && running[0].0 == "running" && running[0].1 > Some(0), "{running:?}");
    signal(&child, Signal::KILL);
    child.wait_with_output().expect("ended");
    let before = project.read(&runs(&project, "jsonl")[0].display().to_string());
    let killed = states();
    assert!(killed.len() == 1 && killed[0].0 == "interrupted" && killed[0].1 >= running[0].1, "{killed:?}");
    let after = project.read(&runs(&project, "jsonl")[0].display().to_string());
    assert_eq!(before, after, "looking at runs changes nothing");
    let listed = project.fanggen(&["runs"]);
    assert!(listed.stdout.contains(" interrupted after "), "{listed:?}");
    assert!(listed.stderr.contains(" was interrupted: `fanggen run --env dev` resumes it\n"), "{listed:?}");
    assert_eq!(project.fanggen(&["run", "--new"]).code, 0);
    assert_eq!(states().into_iter().map(|(state, _)| state).collect::<Vec<_>>(), ["complete", "abandoned"]);
}

#[test]
fn ctrl_c_ends_a_run_at_once_and_the_next_one_goes_on() {
    let project = reviews(ITEMS);
    let run = interrupted(&project, Signal::INT);
    let next = project.fanggen(&["run", "--json"]).json();
    assert_eq!(next["run"], run.as_str());
    assert_whole(&project, ITEMS, &[&run]);
}

#[test]
fn an_interrupted_run_does_not_go_on_with_other_inputs_or_if_a_new_run_is_asked_for() {
    let fresh = |change: &dyn Fn(&Project), arguments: &[&str], reason: &str| {
        let project = reviews(ITEMS);
        let run = interrupted(&project, Signal::KILL);
        change(&project);
        let ran = project.fanggen(arguments);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.stderr.starts_with(&format!("run {run} was interrupted after ")), "{}", ran.stderr);
        let first = ran.stderr.lines().next().expect("a line");
        assert!(first.ends_with(&format!(" and does not go on: {reason}. Its results are kept")), "{first}");
        let new = ran.json()["run"].as_str().expect("a run").to_owned();
        assert_ne!(new, run);
        assert_whole(&project, ran.json()["records"].as_u64().expect("a number") as usize, &[&new]);
        let note: Value =
            serde_json::from_str(&project.read(&format!(".fanggen/x/dev/runs/{run}.json"))).expect("JSON");
        assert_eq!(note["state"], "abandoned");
        assert!(note["items"].as_array().is_some_and(|rows| rows.len() >= 300), "what was done is listed");
        // It is named once.
        assert!(!project.fanggen(&["run"]).stderr.contains(&run));
    };
    let edit = |project: &Project| {
        let toml = project.read("pipeline.toml");
        project.write("pipeline.toml", &format!("# edited\n{toml}"));
    };
    fresh(&edit, &["run", "--json"], "`pipeline.toml` was changed");
    let more = |project: &Project| {
        let sheet = project.read("all.csv");
        project.write("all.csv", &format!("{sheet}one more,A great day.\n"));
    };
    fresh(&more, &["run", "--json"], "`all.csv` was changed");
    fresh(&|_| {}, &["run", "--json", "--new"], "`--new` asks for a new run");
    fresh(&|_| {}, &["run", "--json", "--live"], "it was started without `--live`");
}

#[test]
fn a_run_that_goes_on_elsewhere_is_left_alone() {
    let project = reviews(ITEMS);
    let child = started(&project, 1);
    signal(&child, Signal::STOP);
    let second = project.fanggen(&["run", "--json"]);
    assert_eq!((second.code, second.stderr.contains("interrupted")), (0, false), "{second:?}");
    signal(&child, Signal::CONT);
    let first: ProcessOutput = child.wait_with_output().expect("ended").into();
    let ids = [second.json(), first.json()].map(|summary| summary["run"].as_str().expect("a run").to_owned());
    assert_whole(&project, ITEMS, &[&ids[0], &ids[1]]);
}

#[test]
fn chunks_whose_files_were_lost_with_the_power_are_done_again() {
    let project = reviews(ITEMS);
    let run = interrupted(&project, Signal::KILL);
    let lines = project.files(".fanggen/x/dev/lines");
    // A file that was not on the disk yet is empty, or not there at all.
    fs::write(&lines[0], "").expect("written");
    fs::remove_file(&lines[1]).expect("removed");
    let rows = project.path().join(".fanggen/x/dev/latest/rows.jsonl");
    let text = fs::read(&rows).expect("rows");
    fs::write(&rows, &text[..text.len() - text.len() / 3]).expect("written");
    let ran = project.fanggen(&["run", "--json"]);
    assert_eq!((ran.code, ran.json()["run"].as_str()), (0, Some(run.as_str())), "{ran:?}");
    assert_whole(&project, ITEMS, &[&run]);
}

/// Runs in a shell in which files cannot grow beyond this many blocks, as on a full disk.
fn in_little_space(project: &Project, blocks: usize) -> ProcessOutput {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" run");
    project.run(Command::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_fanggen")]))
}

#[test]
fn a_full_disk_loses_nothing_silently() {
    let project = reviews(ITEMS);
    let full = in_little_space(&project, 128);
    assert_eq!(full.code, 1, "{full:?}");
    assert!(full.stdout.lines().count() > 40, "the table is printed: {}", full.stdout);
    assert!(full.stderr.contains("3000 items, 3000 succeeded, 0 failed, "), "{}", full.stderr);
    let told = full.stderr.lines().find(|line| line.contains(" whole chunks at latest: ")).expect("a failure");
    assert!(told.starts_with("failed: ") && told.contains("os error 27) [file_unwritable]"), "{told}");
    assert!(full.stderr.contains("warning: the journal of this run is incomplete: "), "{}", full.stderr);
    assert!(full.stderr.contains("warning: the summary of this run cannot be kept: "), "{}", full.stderr);
    // With space again, it goes on.
    let ran = project.fanggen(&["run", "--json"]);
    assert_eq!((ran.code, &ran.json()["failed"]), (0, &Value::Array(vec![])), "{ran:?}");
    assert!(ran.json()["resumed_after"].as_u64().is_some_and(|chunks| chunks > 0), "{}", ran.stderr);
    assert_whole(&project, ITEMS, &[ran.json()["run"].as_str().expect("a run")]);
}

#[test]
fn a_file_system_without_space_loses_nothing_silently() {
    let isolated = ["--user", "--map-root-user", "--mount"];
    let script = "mount -t tmpfs -o size=300k none .fanggen && \"$0\" run >small.out 2>small.err; echo $? >small.code; \
                  mount -o remount,size=64m .fanggen && \"$0\" run --json >large.out 2>large.err; echo $? >large.code; \
                  cp -a .fanggen kept";
    if !Command::new("unshare")
        .args(isolated)
        .args(["mount", "-t", "tmpfs", "none", "/mnt"])
        .status()
        .is_ok_and(|it| it.success())
    {
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"skipped: this machine lets nobody mount a file system in a namespace\n",
        );
        return;
    }
    let project = reviews(ITEMS);
    fs::create_dir(project.path().join(".fanggen")).expect("a folder");
    project.run(Command::new("unshare").args(isolated).args(["sh", "-c", script, env!("CARGO_BIN_EXE_fanggen")]));
    fs::remove_dir(project.path().join(".fanggen")).expect("nothing was below the mount");
    fs::rename(project.path().join("kept"), project.path().join(".fanggen")).expect("renamed");
    let told = project.read("small.err");
    assert_eq!(project.read("small.code"), "1\n", "{told}");
    assert!(told.contains("3000 items, 3000 succeeded") && told.contains("(os error 28) [file_unwritable]"), "{told}");
    let summary: Value = serde_json::from_str(&project.read("large.out")).expect("JSON");
    assert_eq!(project.read("large.code"), "0\n", "{}", project.read("large.err"));
    assert_whole(&project, ITEMS, &[summary["run"].as_str().expect("a run")]);
}

#[test]
fn a_journal_that_cannot_be_kept_does_not_cost_the_results() {
    let project = reviews(150);
    project.write(".fanggen/x/dev/runs", "a file where the folder should be");
    let ran = project.fanggen(&["run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("warning: cannot keep a journal in `.fanggen/x/dev/runs`: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("150 items, 150 succeeded") && ran.stdout.contains("item 39 "), "{ran:?}");
    assert_eq!(counted(&project, "latest").values().next().map(BTreeMap::len), Some(150));
}

#[test]
fn a_file_that_is_changed_while_it_is_read_ends_the_run() {
    let cut = |path: &Path| {
        let file = fs::OpenOptions::new().write(true).open(path).expect("there");
        file.set_len(file.metadata().expect("a length").len() / 2).expect("cut");
    };
    let append = |path: &Path| {
        let mut file = fs::OpenOptions::new().append(true).open(path).expect("there");
        std::io::Write::write_all(&mut file, b"one more,A great day.\n").expect("written");
    };
    for change in [&cut as &dyn Fn(&Path), &append] {
        let project = reviews(ITEMS);
        let child = started(&project, 1);
        signal(&child, Signal::STOP);
        change(&project.path().join("all.csv"));
        signal(&child, Signal::CONT);
        let ran: ProcessOutput = child.wait_with_output().expect("ended").into();
        assert_eq!(ran.code, 1, "{ran:?}");
        let told = "error: `all.csv` was changed during the run: this run stays incomplete, and the next one reads it \
                    from the beginning (source_changed)\n";
        assert!(ran.stderr.ends_with(told), "{}", ran.stderr);
        let summary = ran.json();
        assert!(summary["records"].as_u64().is_some_and(|records| records >= 100), "what was read is told: {summary}");
        assert_eq!(summary["state"], "failed");
        // It does not go on.
        let next = project.fanggen(&["run", "--json"]);
        assert!(next.json()["run"] != summary["run"] && !next.stderr.contains("interrupted"), "{}", next.stderr);
    }
}

#[test]
fn results_are_for_their_owner_alone() {
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    let project = reviews(150);
    assert_eq!(project.fanggen(&["run"]).code, 0);
    let files = project.files(".fanggen");
    assert!(files.len() >= 10, "{files:?}");
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
        let folders = file.ancestors().skip(1).take_while(|it| it.starts_with(project.path().join(".fanggen")));
        folders.for_each(|folder| assert_eq!(mode(folder), 0o700, "{}", folder.display()));
    }
    // What somebody has shared stays shared.
    let shared = project.path().join(".fanggen/x/dev/latest/rows.jsonl");
    for (path, wanted) in [(shared.as_path(), 0o644), (shared.parent().expect("a folder"), 0o755)] {
        fs::set_permissions(path, fs::Permissions::from_mode(wanted)).expect("changed");
    }
    assert_eq!(project.fanggen(&["run"]).code, 0);
    assert_eq!((mode(&shared), mode(shared.parent().expect("a folder"))), (0o644, 0o755));
}

/// The peak memory of a run in kilobytes. What the kernel counts for an ended child includes its parent's before `exec`, so
/// it is asked while the run lasts.
#[cfg(target_os = "linux")]
fn peak_kb(items: usize) -> u64 {
    let project = reviews(items);
    let mut child = command(&project).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    let mut peak = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let found =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(found.unwrap_or(0));
        if let Some(status) = child.try_wait().expect("a child") {
            assert!(status.success());
            return peak;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_items() {
    let (few, many) = (peak_kb(1_000), peak_kb(20_000));
    // The rows of 19,000 items would take 6 MB.
    assert!(few > 1_000 && many < few + 4_000, "{few} KB for 1,000 items, {many} KB for 20,000");
}
