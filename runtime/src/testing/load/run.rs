//! Runs many items through the real producer and several real workers, and measures their memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::pipeline::{Contender, LoadFunction, QUEUE, fire, work};
use crate::testing::lambda_api::{LambdaProcess, peak_memory_mb_of};
use crate::testing::services::{FakeServices, FakeServicesSettings, locked};

/// Items of a chunk: these items are short enough for full chunks.
const CHUNK: u64 = 100;

/// The progress, in percent, at which memory is measured.
pub const QUARTERS: [usize; 4] = [25, 50, 75, 100];

/// The timeout of an event, longer than any phase takes.
const TIMEOUT: Duration = Duration::from_secs(1_800);

/// The cost of a phase.
#[derive(Clone, Debug)]
pub struct LoadPhase {
    /// From its first event to its last response.
    pub time: Duration,
    /// The highest peak memory of one process at each of [`QUARTERS`], in MiB.
    pub peaks: [f64; 4],
    /// Calls by operation.
    pub calls: BTreeMap<String, u64>,
}

/// The cost and the outcome of a run.
#[derive(Clone, Debug)]
pub struct LoadRun {
    /// Items of the source.
    pub items: u64,
    /// Instances of the worker.
    pub workers: usize,
    /// The producer.
    pub producer: LoadPhase,
    /// The workers together.
    pub worker: LoadPhase,
    /// Items that are missing from one of the two sinks.
    pub lost: usize,
    /// Items in two objects, or in a row that was written twice.
    pub doubled: u64,
    /// Records with a failure, and keys that no item has.
    pub wrong: u64,
    /// Bytes logged by all processes.
    pub log_bytes: u64,
}

/// Runs this many items through the producer and the workers of this program.
pub fn run_load(program: &str, items: u64, workers: usize) -> LoadRun {
    let services = FakeServices::start(FakeServicesSettings { items, discard: true, latency: Duration::ZERO });
    let contender = Contender::Fanggen(program);
    let chunks = usize::try_from(items.div_ceil(CHUNK)).expect("few enough chunks");

    let start = |job| {
        let lambda = contender.command(job, &services).quiet().timeout(TIMEOUT).start();
        lambda.first_poll();
        lambda
    };
    let lambda = start(LoadFunction::Producer);
    let sent = || locked(&services.backend().queues).len(QUEUE);
    let (result, mut producer) = watch(&[lambda.id()], chunks, &services, &sent, || fire(&lambda, 0));
    assert_eq!((&result["items"], &result["chunks"]), (&items.into(), &chunks.into()), "the result of the producer");
    producer.peaks[3] = lambda.peak_memory_mb();
    let mut log_bytes = lambda.stop();

    let lambdas: Vec<LambdaProcess> = (0..workers).map(|_| start(LoadFunction::Worker)).collect();
    let ids: Vec<u32> = lambdas.iter().map(LambdaProcess::id).collect();
    let done = AtomicUsize::new(0);
    let count = || done.load(Ordering::Relaxed);
    let (lambdas, worker) = watch(&ids, chunks, &services, &count, || {
        thread::scope(|scope| {
            let one = |lambda: LambdaProcess| {
                let (services, done) = (&services, &done);
                scope.spawn(move || {
                    while work(&lambda, services) {
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    lambda
                })
            };
            let threads: Vec<_> = lambdas.into_iter().map(one).collect();
            threads.into_iter().map(|thread| thread.join().expect("a worker's thread")).collect::<Vec<_>>()
        })
    });
    log_bytes += lambdas.into_iter().map(LambdaProcess::stop).sum::<u64>();

    let (rows, lines) = (locked(&services.backend().rows), locked(&services.backend().lines));
    let (lost_rows, _, doubled_rows) = rows.lost_written_doubled();
    let (lost_lines, _, doubled_lines) = lines.lost_written_doubled();
    LoadRun {
        items,
        workers,
        producer,
        worker,
        lost: lost_rows + lost_lines,
        doubled: (doubled_rows + doubled_lines) as u64 + rows.repeated + lines.repeated,
        wrong: rows.failed + lines.failed + rows.unknown + lines.unknown,
        log_bytes,
    }
}

/// Does the work of a phase, and measures the memory of its processes at each quarter.
fn watch<T>(
    processes: &[u32],
    total: usize,
    services: &FakeServices,
    so_far: &(dyn Fn() -> usize + Sync),
    work: impl FnOnce() -> T,
) -> (T, LoadPhase) {
    services.reset_calls();
    let over = AtomicBool::new(false);
    let peak_memory = || processes.iter().map(|id| peak_memory_mb_of(*id)).fold(0.0, f64::max);
    thread::scope(|scope| {
        let (over, peak_memory) = (&over, &peak_memory);
        let watcher = scope.spawn(move || {
            let mut peaks = [f64::NAN; 4];
            for (peak, quarter) in peaks.iter_mut().zip(QUARTERS) {
                while so_far() * 100 < total * quarter && !over.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(2));
                }
                *peak = peak_memory();
            }
            peaks
        });
        let start = Instant::now();
        let done = work();
        let time = start.elapsed();
        over.store(true, Ordering::Relaxed);
        let peaks = watcher.join().expect("the watcher");
        (done, LoadPhase { time, peaks, calls: services.calls() })
    })
}
