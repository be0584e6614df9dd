//! A run of many items through the real producer and several real workers, watched while it goes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::lambda::{Lambda, peak_of};
use super::pipeline::{Job, QUEUE, Who, fire, work};
use super::services::{Services, Settings, held};

/// Items of a chunk, as the producer makes it of items as short as these.
const CHUNK: u64 = 100;

/// The parts of the way at which memory is read.
pub const QUARTERS: [usize; 4] = [25, 50, 75, 100];

/// Longer than any phase takes: what is stuck ends here.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// What a phase took.
#[derive(Clone, Debug)]
pub struct Phase {
    /// From its first event to its last answer.
    pub time: Duration,
    /// The most memory that one process had at a quarter of the way, at half of it, and so on; MB.
    pub peaks: [f64; 4],
    /// Calls by operation.
    pub calls: BTreeMap<String, u64>,
}

/// What a run took, and what came of it.
#[derive(Clone, Debug)]
pub struct Scaled {
    /// Items of the source.
    pub items: u64,
    /// Instances of the worker.
    pub workers: usize,
    /// The producer.
    pub producer: Phase,
    /// The workers together.
    pub worker: Phase,
    /// Items that are missing in one of the two sinks.
    pub lost: usize,
    /// Items that are in two objects, or in a row that was written twice.
    pub doubled: u64,
    /// Records with a failure, and keys that no item has.
    pub wrong: u64,
    /// Bytes logged by all processes.
    pub log_bytes: u64,
}

/// Puts so many items through this program's producer and workers.
pub fn scaled(program: &str, items: u64, workers: usize) -> Scaled {
    let services = Services::start(Settings { items, forget: true, latency: Duration::ZERO });
    let who = Who::Ours(program);
    let chunks = usize::try_from(items.div_ceil(CHUNK)).expect("few enough chunks");

    let start = |job| {
        let lambda = who.start(job, &services).quiet().patience(PATIENCE).start();
        lambda.first_poll();
        lambda
    };
    let lambda = start(Job::Producer);
    let sent = || held(&services.world().queues).waiting(QUEUE);
    let (told, mut producer) = watched(&[lambda.id()], chunks, &services, &sent, || fire(&lambda, 0));
    assert_eq!((&told["items"], &told["chunks"]), (&items.into(), &chunks.into()), "what the producer says");
    producer.peaks[3] = lambda.peak();
    let mut log_bytes = lambda.end();

    let lambdas: Vec<Lambda> = (0..workers).map(|_| start(Job::Worker)).collect();
    let ids: Vec<u32> = lambdas.iter().map(Lambda::id).collect();
    let done = AtomicUsize::new(0);
    let count = || done.load(Ordering::Relaxed);
    let (lambdas, worker) = watched(&ids, chunks, &services, &count, || {
        thread::scope(|scope| {
            let one = |lambda: Lambda| {
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
    log_bytes += lambdas.into_iter().map(Lambda::end).sum::<u64>();

    let (rows, lines) = (held(&services.world().rows), held(&services.world().lines));
    let (lost_rows, _, doubled_rows) = rows.lost_written_doubled();
    let (lost_lines, _, doubled_lines) = lines.lost_written_doubled();
    Scaled {
        items,
        workers,
        producer,
        worker,
        lost: lost_rows + lost_lines,
        doubled: (doubled_rows + doubled_lines) as u64 + rows.again + lines.again,
        wrong: rows.failed + lines.failed + rows.strange + lines.strange,
        log_bytes,
    }
}

/// Does a phase's work, and reads the memory of its processes at each quarter of the way.
fn watched<T>(
    processes: &[u32],
    whole: usize,
    services: &Services,
    so_far: &(dyn Fn() -> usize + Sync),
    work: impl FnOnce() -> T,
) -> (T, Phase) {
    services.forget_calls();
    let over = AtomicBool::new(false);
    let most = || processes.iter().map(|id| peak_of(*id)).fold(0.0, f64::max);
    thread::scope(|scope| {
        let (over, most) = (&over, &most);
        let watcher = scope.spawn(move || {
            let mut peaks = [f64::NAN; 4];
            for (peak, quarter) in peaks.iter_mut().zip(QUARTERS) {
                while so_far() * 100 < whole * quarter && !over.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(2));
                }
                *peak = most();
            }
            peaks
        });
        let start = Instant::now();
        let done = work();
        let time = start.elapsed();
        over.store(true, Ordering::Relaxed);
        let peaks = watcher.join().expect("the watcher");
        (done, Phase { time, peaks, calls: services.calls() })
    })
}
