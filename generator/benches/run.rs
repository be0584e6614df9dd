//! How long a run of ten thousand local texts takes on this machine, in one process.

mod material;

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fanggen::config::Config;
use fanggen::local::{self, RunOptions, RunProgress};
use jiff::Timestamp;
use material::{ITEMS, READER, texts};

struct Nobody;

impl RunProgress for Nobody {
    fn expected(&self, _: usize) {}
    fn done(&self, _: usize) {}
    fn say(&self, _: &str) {}
}

fn bench(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("texts.csv"), texts(ITEMS)).expect("written");
    let config = Config::read("pipeline.toml", READER);
    let pipeline = config.pipelines.values().next().expect("a pipeline without mistakes");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = c.benchmark_group("run");
    group.sample_size(10).throughput(Throughput::Elements(ITEMS as u64));
    group.bench_function("10,000 texts through text and lexicon", |b| {
        b.iter(|| {
            let options = RunOptions {
                root: folder.path().to_owned(),
                live: false,
                time: Timestamp::now(),
                new: true,
                source: READER.to_owned(),
            };
            let run = runtime.block_on(local::run(pipeline, &options, Arc::new(Nobody))).expect("a run");
            assert_eq!(run.summary.succeeded, ITEMS);
            run.discard();
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
