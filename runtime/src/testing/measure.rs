//! Whole processes, timed and counted by the kernel, as rows of a Markdown table.

use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4 as _;

/// What the runs of one command took.
#[derive(Default)]
pub struct Measured {
    /// In the order in which they ran.
    pub times: Vec<Duration>,
    /// Kilobytes, at most. The kernel counts from the fork on: it never says less than this bench itself has.
    pub peak_kb: u64,
}

impl Measured {
    /// Runs a command to its end, and adds what it took. Gives how it ended.
    #[must_use]
    pub fn add(&mut self, command: &mut Command) -> ExitStatus {
        let start = Instant::now();
        let child = command.spawn().expect("the command starts");
        let used = child.wait4().expect("a child of ours");
        let took = start.elapsed();
        self.times.push(took);
        self.peak_kb = self.peak_kb.max(used.rusage.maxrss / 1024);
        used.status
    }

    /// The median, the fastest and the slowest.
    #[must_use]
    pub fn spread(&self) -> [Duration; 3] {
        let mut times = self.times.clone();
        times.sort();
        let last = times.len() - 1;
        [times[last / 2], times[0], times[last]]
    }
}

/// Runs a command so many times, each time after `before`, and once more that is not counted.
pub fn measure(runs: usize, mut before: impl FnMut(), command: impl Fn() -> Command) -> Measured {
    let mut measured = Measured::default();
    for run in 0..=runs {
        before();
        let mut command = command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut uncounted = Measured::default();
        let into = if run == 0 { &mut uncounted } else { &mut measured };
        assert!(into.add(&mut command).success(), "{command:?} failed");
    }
    measured
}

/// Milliseconds with one decimal place.
#[must_use]
pub fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

/// A row: what ran, its times, its memory, and what was promised of it.
pub fn print(what: &str, runs: &Measured, promise: &str) {
    let [median, fastest, slowest] = runs.spread().map(ms);
    let megabytes = runs.peak_kb as f64 / 1024.0;
    println!("| {what} | {median} | {fastest} | {slowest} | {megabytes:.1} | {promise} |");
}

/// What it was measured on.
#[must_use]
pub fn machine() -> String {
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
