//! How long it takes to read, plan and render a pipeline, in one process.

mod material;

use criterion::{Criterion, criterion_group, criterion_main};
use fanggen::config::Config;
use fanggen::plan::Plan;
use fanggen::render::{RenderPaths, render};
use material::{ITEMS, STAGES, large, root};

/// Everything that `fanggen render` does between its file and the disk.
fn rendered(text: &str) -> usize {
    let mut config = Config::read("pipeline.toml", text);
    let plans = Plan::all(&mut config);
    assert!(!config.broken(), "{}", config.source.report(&config.mistakes, false));
    let artifacts = render(&plans, &RenderPaths { file: "pipeline.toml", folder: "generated", root: Some("..") })
        .expect("rendered");
    artifacts.iter().map(|artifact| artifact.text.len()).sum()
}

fn bench(c: &mut Criterion) {
    let pipeline = std::fs::read_to_string(root().join("pipeline.toml")).expect("the root pipeline");
    let mut group = c.benchmark_group("render");
    group.sample_size(20);
    group.bench_function("root", |b| b.iter(|| rendered(&pipeline)));
    for part in [4, 2, 1] {
        let (stages, items) = (STAGES / part, ITEMS / part);
        let text = large(stages, items);
        group.bench_function(format!("{stages} functions, {items} items"), |b| b.iter(|| rendered(&text)));
    }
    group.finish();

    let text = large(STAGES, ITEMS);
    let mut group = c.benchmark_group("parts");
    group.sample_size(20);
    group.bench_function("read", |b| b.iter(|| Config::read("pipeline.toml", &text)));
    let config = Config::read("pipeline.toml", &text);
    group.bench_function("plan", |b| b.iter(|| config.pipelines.values().map(Plan::of).filter(Result::is_ok).count()));
    let plans = Plan::all(&mut config.clone());
    let names = RenderPaths { file: "pipeline.toml", folder: "generated", root: Some("..") };
    group.bench_function("fill", |b| b.iter(|| render(&plans, &names).expect("rendered").len()));
    group.bench_function("schema", |b| b.iter(fanggen::config::schema::schema));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
