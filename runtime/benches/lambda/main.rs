//! The Lambda as whole processes under Lambda's own protocol: start, memory, time, calls and log, beside a Python peer.
//!
//! `cargo bench -p fanggen-runtime --bench lambda`; with `-- --ours` it leaves the peer out, and `FANGGEN_BOOTSTRAP=path`
//! measures that program instead of the one that cargo has just built.

#![allow(clippy::panic, reason = "a measurement of something broken is none")]

mod python;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::time::{Duration, Instant};

use fanggen_runtime::testing::load::pipeline::{Contender, LoadFunction, fire, work};
use fanggen_runtime::testing::services::{FakeServices, FakeServicesSettings, locked};
use flate2::Compression;
use flate2::write::DeflateEncoder;

/// Companies of a run, and the chunks that they are.
const ITEMS: u64 = 1_000;
const CHUNKS: usize = 10;

/// Starts of one function, ours and the peer's, which takes much longer.
const STARTS: usize = 60;
const PEER_STARTS: usize = 10;
/// Runs of a producer after one that is not counted.
const RUNS: usize = 15;

/// The latency of a service in the second half of the measurements.
const LATENCY: Duration = Duration::from_millis(20);

/// What a name of a call has in it, and how many such calls there may be (design, section 8).
const PRODUCER_CALLS: &[(&str, u64)] = &[("Scan", 1), ("sqs:", 1), ("of state", 3)];
const WORKER_CALLS: &[(&str, u64)] =
    &[("wikipedia:", 50), ("comprehend:", 80), ("s3:", 10), ("of rows", 40), ("of state", 60)];

/// Times of one thing.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn median(&self) -> Duration {
        let mut times = self.0.clone();
        times.sort();
        times[times.len() / 2]
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let (least, most) = (self.0.iter().min().copied(), self.0.iter().max().copied());
        let [least, most] = [least, most].map(|time| ms(time.unwrap_or_default()));
        write!(f, "{:.1} ({least:.1} to {most:.1})", ms(self.median()))
    }
}

/// What one of the two did with a run of all items.
struct Run {
    /// From the start to the answer to the first chunk.
    cold: Duration,
    /// The chunks after the first one.
    chunks: Times,
    peak: f64,
    /// Runs of the producer after the first one.
    produced: Times,
    producer_peak: f64,
    /// By operation, with who made them.
    calls: [BTreeMap<String, u64>; 2],
    /// Of both functions, an item.
    log: f64,
}

fn started(who: Contender<'_>, job: LoadFunction, starts: usize) -> Times {
    let services = FakeServices::start(FakeServicesSettings { items: ITEMS, ..FakeServicesSettings::default() });
    let start = |_| who.command(job, &services).quiet().start().first_poll();
    // The first one reads the program from the disk.
    let _ = start(0);
    Times((0..starts).map(start).collect())
}

fn run(who: Contender<'_>, latency: Duration) -> Run {
    let services = FakeServices::start(FakeServicesSettings { items: ITEMS, latency, discard: false });
    let producer = who.command(LoadFunction::Producer, &services).quiet().start();
    assert_eq!(fire(&producer, 0)["items"], ITEMS, "the first run");
    let made = services.calls();
    // Only the chunks of that run are worked on.
    let worker_start = Instant::now();
    let worker = who.command(LoadFunction::Worker, &services).quiet().start();
    services.reset_calls();
    assert!(work(&worker, &services), "a chunk");
    let cold = worker_start.elapsed();
    let mut chunks = Times::default();
    loop {
        let start = Instant::now();
        if !work(&worker, &services) {
            break;
        }
        chunks.0.push(start.elapsed());
    }
    let worked = services.calls();
    assert_eq!(chunks.0.len() + 1, CHUNKS, "no chunk came again");
    for (sink, tally) in [("rows", &services.backend().rows), ("lines", &services.backend().lines)] {
        let tally = locked(tally);
        assert_eq!(tally.lost_written_doubled(), (0, ITEMS as usize, 0), "{sink}");
        assert_eq!((tally.failed, tally.repeated, tally.unknown), (0, 0, 0), "{sink}");
    }
    let peak = worker.peak_memory_mb();
    let mut produced = Times::default();
    for minute in 1..=RUNS {
        let start = Instant::now();
        assert_eq!(fire(&producer, minute)["items"], ITEMS);
        produced.0.push(start.elapsed());
    }
    let producer_peak = producer.peak_memory_mb();
    let log = (producer.stop() as f64 / (RUNS + 1) as f64 + worker.stop() as f64) / ITEMS as f64;
    Run { cold, chunks, peak, produced, producer_peak, calls: [made, worked], log }
}

/// The program as it is uploaded, in MB.
fn zipped(program: &[u8]) -> f64 {
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
    deflate.write_all(program).expect("memory");
    deflate.finish().expect("memory").len() as f64 / 1e6
}

fn row(what: &str, ours: &str, peer: Option<String>, promise: &str) {
    println!("| {what} | {ours} | {} | {promise} |", peer.as_deref().unwrap_or("-"));
}

fn main() {
    let program = std::env::var("FANGGEN_BOOTSTRAP").unwrap_or_else(|_| env!("CARGO_BIN_EXE_bootstrap").to_owned());
    let bytes = std::fs::read(&program).expect("the program");
    let alone = std::env::args().any(|argument| argument == "--ours");
    let peer = if alone { None } else { python::peer() };
    let (ours, peer) = (Contender::Fanggen(&program), peer.as_ref().map(Contender::Python));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("Load {} before the first process.\n", load.split(' ').next().unwrap_or("unknown"));
    println!("| Lambda | fanggen | Python | must, aim |");
    println!("| --- | ---: | ---: | --- |");
    row("program, MB", &format!("{:.1}", bytes.len() as f64 / 1e6), None, "");
    row("zip of it, MB", &format!("{:.2}", zipped(&bytes)), None, "5, 4");
    for (job, what) in [(LoadFunction::Producer, "producer"), (LoadFunction::Worker, "worker")] {
        let peer = peer.map(|peer| started(peer, job, PEER_STARTS).to_string());
        row(&format!("{what}: start to first poll, ms"), &started(ours, job, STARTS).to_string(), peer, "8, 6");
    }
    let [here, far] =
        [Duration::ZERO, LATENCY].map(|latency| (run(ours, latency), peer.map(|peer| run(peer, latency))));
    let both = |what: &str, (ours, peer): &(Run, Option<Run>), tell: &dyn Fn(&Run) -> String, promise: &str| {
        row(what, &tell(ours), peer.as_ref().map(tell), promise);
    };
    let trips = |time: Duration| format!("{:.1}", time.as_secs_f64() / LATENCY.as_secs_f64());
    both("worker: peak memory after 1,000 companies, MB", &here, &|run| format!("{:.1}", run.peak), "14, 9");
    both("producer: peak memory, the same, MB", &here, &|run| format!("{:.1}", run.producer_peak), "14, 9");
    both(
        "worker: start to the first chunk's answer, ms",
        &here,
        &|run| format!("{:.1}", run.cold.as_secs_f64() * 1e3),
        "",
    );
    both("one chunk of 100, ms", &here, &|run| run.chunks.to_string(), "");
    both("the same at 20 ms a call, ms", &far, &|run| run.chunks.to_string(), "");
    both("the same in round trips in a row", &far, &|run| trips(run.chunks.median()), "8, 6");
    both("producer, 1,000 items, ms", &here, &|run| run.produced.to_string(), "");
    both("the same at 20 ms a call, ms", &far, &|run| run.produced.to_string(), "200, 100");
    both("log bytes an item", &here, &|run| format!("{:.0}", run.log), "300, 100");
    println!("\n| calls for 1,000 companies | fanggen | Python | must |");
    println!("| --- | ---: | ---: | --- |");
    for (place, (who, promises)) in [("producer", PRODUCER_CALLS), ("worker", WORKER_CALLS)].into_iter().enumerate() {
        let (ours, peer) = (&here.0.calls[place], here.1.as_ref().map(|run| &run.calls[place]));
        let names: BTreeSet<&String> = ours.keys().chain(peer.into_iter().flat_map(|it| it.keys())).collect();
        for name in names {
            let count = |calls: &BTreeMap<String, u64>| calls.get(name).copied().unwrap_or_default().to_string();
            println!("| {who}: `{name}` | {} | {} | |", count(ours), peer.map_or("-".into(), count));
        }
        for (what, most) in promises {
            let count = |calls: &BTreeMap<String, u64>| -> u64 {
                calls.iter().filter(|(name, _)| name.contains(what)).map(|(_, count)| count).sum()
            };
            let peer = peer.map_or("-".into(), |calls| count(calls).to_string());
            println!("| **{who}: all of `{what}`** | {} | {peer} | {most} |", count(ours));
        }
    }
}
