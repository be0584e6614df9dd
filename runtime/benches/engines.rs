//! Texts a second of the embedded engines, on one core.
//!
//! `cargo bench -p fanggen-runtime --no-default-features --bench engines`; the texts are those of `../shared/data/sentiment`
//! where they are, and a few of our own where not.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fanggen_runtime::engines::headlines::classify;
use fanggen_runtime::engines::vader::polarity;
use serde_json::Value;

/// Headlines of a measurement.
const COUNT: usize = 1_000;

fn texts() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/sentiment/headlines.dev.jsonl");
    let Ok(lines) = std::fs::read_to_string(&path) else {
        eprintln!("there is no `{}`: other headlines instead", path.display());
        let made =
            |number: usize| format!("Company {number} Q2 net profit rises {number}% on strong demand, beats estimates");
        return (0..COUNT).map(made).collect();
    };
    let text =
        |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["text"].as_str().expect("a text").to_owned();
    lines.lines().take(COUNT).map(text).collect()
}

fn engines(criterion: &mut Criterion) {
    let texts = texts();
    let mut group = criterion.benchmark_group("engines");
    group.throughput(Throughput::Elements(texts.len() as u64));
    group.bench_function("lexicon", |bench| {
        bench.iter(|| texts.iter().map(|text| polarity(black_box(text)).compound).sum::<f64>());
    });
    group.bench_function("headlines", |bench| {
        bench
            .iter(|| texts.iter().filter_map(|text| classify(black_box(text), &[])).map(|it| it.positive).sum::<f32>());
    });
    group.bench_function("headlines, names told", |bench| {
        let names = ["Gold", "Sensex"];
        bench.iter(|| {
            texts.iter().filter_map(|text| classify(black_box(text), &names)).map(|it| it.positive).sum::<f32>()
        });
    });
    group.finish();
}

criterion_group!(benches, engines);
criterion_main!(benches);
