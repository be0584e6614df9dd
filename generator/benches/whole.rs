//! Whole processes: what a user waits for, and the most memory it takes, as a Markdown table.
//!
//! `cargo bench -p fanggen --no-default-features --bench whole`, and `-- --cold` for the cold build too.

mod material;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use material::{ITEMS, READER, STAGES, large, root, texts};
use wait4::Wait4 as _;

/// What the runs of one command took.
struct Measured {
    /// From the fastest to the slowest.
    times: Vec<Duration>,
    /// Kilobytes, at most. The kernel counts from the fork on: it never says less than this bench itself has.
    peak_kb: u64,
}

/// Runs a command so many times, each time after `before`, and once more that is not counted.
fn measure(runs: usize, mut before: impl FnMut(), command: impl Fn() -> Command) -> Measured {
    let mut measured = Measured { times: Vec::new(), peak_kb: 0 };
    for run in 0..=runs {
        before();
        let mut command = command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        let child = command.spawn().expect("the command starts");
        let used = child.wait4().expect("a child of ours");
        let took = start.elapsed();
        assert!(used.status.success(), "{command:?} failed");
        if run > 0 {
            measured.times.push(took);
            measured.peak_kb = measured.peak_kb.max(used.rusage.maxrss / 1024);
        }
    }
    measured.times.sort();
    measured
}

fn fanggen(file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanggen"));
    command.arg("--file").arg(file);
    command
}

fn print(what: &str, runs: &Measured, promise: &str) {
    let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
    let (times, last) = (&runs.times, runs.times.len() - 1);
    let megabytes = runs.peak_kb as f64 / 1024.0;
    println!(
        "| {what} | {} | {} | {} | {megabytes:.1} | {promise} |",
        ms(times[last / 2]),
        ms(times[0]),
        ms(times[last])
    );
}

/// How many resources the only environment of a file has.
fn resources(file: &Path) -> String {
    let output = fanggen(file).args(["plan", "--offline"]).output().expect("a plan");
    let words = String::from_utf8_lossy(&output.stdout);
    words.lines().next().and_then(|line| line.split(": ").nth(1)).unwrap_or("?").to_owned()
}

fn main() {
    println!("{}\n", machine());
    println!("| command | median, ms | fastest | slowest | peak, MB | must, aim |");
    println!("| --- | ---: | ---: | ---: | ---: | --- |");
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("generated");
    let file = root().join("pipeline.toml");
    let nothing = || {};
    let anew = || drop(std::fs::remove_dir_all(&out));

    print("`--version`: the bare process", &measure(40, nothing, || command(&file, &["--version"])), "");
    print("`validate`, root", &measure(40, nothing, || command(&file, &["validate"])), "");
    let render = |file: &Path| {
        let mut command = command(file, &["render", "--out"]);
        command.arg(&out);
        command
    };
    print("`render`, root, every file new", &measure(40, anew, || render(&file)), "10, 5");
    print("`render`, root, nothing changed", &measure(40, nothing, || render(&file)), "10, 5");
    for part in [4, 2, 1] {
        let file = folder.path().join(format!("large-{part}.toml"));
        std::fs::write(&file, large(STAGES / part, ITEMS / part)).expect("written");
        let what = format!("`render`, {}, {} items", resources(&file), ITEMS / part);
        print(&what, &measure(20, anew, || render(&file)), if part == 1 { "80, 50" } else { "linear" });
    }
    let file = folder.path().join("reader.toml");
    std::fs::write(&file, READER).expect("written");
    std::fs::write(folder.path().join("texts.csv"), texts(ITEMS)).expect("written");
    let results = || drop(std::fs::remove_dir_all(folder.path().join(".fanggen")));
    print(&format!("`run`, {ITEMS} local texts"), &measure(10, results, || command(&file, &["run"])), "");
    if std::env::args().any(|argument| argument == "--cold") {
        print("`cargo build`, cold", &cold(folder.path()), "240000, 120000");
    }
}

fn command(file: &Path, arguments: &[&str]) -> Command {
    let mut command = fanggen(file);
    command.args(arguments);
    command
}

/// The first command of the README, with nothing built and all crates fetched.
fn cold(folder: &Path) -> Measured {
    let target = folder.join("target");
    let start = Instant::now();
    let mut build = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    build.current_dir(root()).args(["build", "-p", "fanggen", "--no-default-features", "--offline", "--quiet"]);
    let used = build.arg("--target-dir").arg(&target).spawn().expect("cargo starts").wait4().expect("a child of ours");
    assert!(used.status.success(), "{build:?} failed");
    Measured { times: vec![start.elapsed()], peak_kb: used.rusage.maxrss / 1024 }
}

/// What it was measured on.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("an unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let rustc = Command::new("rustc").arg("--version").output();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let load = read("/proc/loadavg");
    format!(
        "{cores} cores of {}, Linux {}, {rustc}, load {} before the first run",
        model.trim_start_matches(['\t', ':', ' ']),
        read("/proc/sys/kernel/osrelease").trim(),
        load.split(' ').next().unwrap_or("unknown")
    )
}
