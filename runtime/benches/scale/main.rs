//! Scale: many items through one producer and several workers, as real processes, with their memory on the way.
//!
//! `cargo bench -p fanggen-runtime --bench scale` takes 10,000, 100,000 and 1,000,000 items, and writes
//! `docs/plots/scale.csv` and `docs/plots/scale.svg`. With sizes given (`-- 2000 50000`) it only prints.

#![allow(clippy::panic, reason = "a measurement of something broken is none")]

mod plot;

use std::fmt::Write as _;
use std::path::Path;

use fanggen_runtime::testing::load::run::{LoadPhase, LoadRun, QUARTERS, run_load};
use plot::{Line, Panel, svg};

const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];

/// Instances of the worker. More than the cores of a small machine, as a queue would start them.
const WORKERS: usize = 4;

fn print(run: &LoadRun) {
    for (name, phase) in phases(run) {
        let seconds = phase.time.as_secs_f64();
        let peaks = phase.peaks.map(|peak| format!("{peak:.1}")).join(" | ");
        let calls: u64 = phase.calls.values().sum();
        println!("| {} | {name} | {seconds:.2} | {:.0} | {peaks} | {calls} |", run.items, run.items as f64 / seconds);
    }
}

fn phases(run: &LoadRun) -> [(String, &LoadPhase); 2] {
    [("producer".into(), &run.producer), (format!("{} workers", run.workers), &run.worker)]
}

fn csv(runs: &[LoadRun]) -> String {
    let mut csv =
        String::from("items,phase,seconds,peak_mb_25,peak_mb_50,peak_mb_75,peak_mb_100,calls,lost,doubled,wrong\n");
    for run in runs {
        for (name, phase) in phases(run) {
            let peaks = phase.peaks.map(|peak| format!("{peak:.2}")).join(",");
            let calls: u64 = phase.calls.values().sum();
            let _ = writeln!(
                csv,
                "{},{name},{:.3},{peaks},{calls},{},{},{}",
                run.items,
                phase.time.as_secs_f64(),
                run.lost,
                run.doubled,
                run.wrong
            );
        }
    }
    csv
}

fn plot(runs: &[LoadRun]) -> String {
    let time = |name: &str, of: &dyn Fn(&LoadRun) -> &LoadPhase| Line {
        name: name.into(),
        points: runs.iter().map(|run| (run.items as f64, of(run).time.as_secs_f64())).collect(),
    };
    let memory = |name: &str, run: &LoadRun, phase: &LoadPhase| Line {
        name: format!("{name}, {} items", run.items),
        points: QUARTERS.iter().zip(phase.peaks).map(|(quarter, peak)| (*quarter as f64, peak)).collect(),
    };
    svg(&[
        Panel {
            title: "time, seconds, over items".into(),
            logarithmic: true,
            lines: vec![time("producer", &|run| &run.producer), time("workers", &|run| &run.worker)],
        },
        Panel {
            title: "peak memory of a process, MB, over percent of the way".into(),
            logarithmic: false,
            lines: runs
                .iter()
                .flat_map(|run| [memory("producer", run, &run.producer), memory("worker", run, &run.worker)])
                .collect(),
        },
    ])
}

fn main() {
    let program = std::env::var("FANGGEN_BOOTSTRAP").unwrap_or_else(|_| env!("CARGO_BIN_EXE_bootstrap").to_owned());
    let given: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if given.is_empty() { SIZES.to_vec() } else { given.clone() };
    println!("| items | phase | seconds | items a second | peak MB at 25% | 50% | 75% | 100% | calls |");
    println!("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut runs = Vec::new();
    for items in sizes {
        let run = run_load(&program, items, WORKERS);
        print(&run);
        runs.push(run);
    }
    println!("\n| items | lost | doubled | wrong | log bytes an item |\n| ---: | ---: | ---: | ---: | ---: |");
    for run in &runs {
        let log = run.log_bytes as f64 / run.items as f64;
        println!("| {} | {} | {} | {} | {log:.0} |", run.items, run.lost, run.doubled, run.wrong);
    }
    if let Some(largest) = runs.last() {
        println!("\n| calls for {} items | count |\n| --- | ---: |", largest.items);
        for (name, phase) in phases(largest) {
            for (call, count) in &phase.calls {
                println!("| {name}: `{call}` | {count} |");
            }
        }
    }
    for run in &runs {
        assert_eq!((run.lost, run.doubled, run.wrong), (0, 0, 0), "{} items", run.items);
    }
    if given.is_empty() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/plots");
        std::fs::create_dir_all(&folder).expect("a folder for the plots");
        std::fs::write(folder.join("scale.csv"), csv(&runs)).expect("a file");
        std::fs::write(folder.join("scale.svg"), plot(&runs)).expect("a file");
    }
}
