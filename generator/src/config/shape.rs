//! Divides the stages into functions: a stage with `isolate` starts a function of its own.

use fanggen_runtime::model::run::{MAX_CHUNK_ITEMS, chunk_items};

use super::pipeline::{ComponentConfig, Pipeline};

/// The word for the function on the schedule.
pub const PRODUCER: &str = "producer";
/// The word for the function on the first queue.
pub const WORKER: &str = "worker";

/// A function as the flow cuts it, before it has names.
#[derive(Clone, Debug)]
pub struct Shape<'a> {
    /// `producer`, `worker`, `worker-<stage>`.
    pub name: String,
    /// Its stages.
    pub stages: Vec<&'a ComponentConfig>,
    /// Items of a chunk that it sends, at most.
    pub chunk_items: usize,
    /// The function that its records go to, unless they go to the sinks.
    pub next: Option<String>,
    /// The path that asked for it.
    pub path: String,
}

/// Cuts the stages into functions: a stage with `isolate` starts one of its own.
pub fn shapes(pipeline: &Pipeline) -> Vec<Shape<'_>> {
    let path = pipeline.stages.first().map_or("stages", |stage| stage.path.as_str()).to_owned();
    let shape =
        |name: String, path: String| Shape { name, stages: Vec::new(), chunk_items: MAX_CHUNK_ITEMS, next: None, path };
    let mut workers = vec![shape(WORKER.into(), path)];
    for stage in &pipeline.stages {
        if stage.options.isolate {
            let name = format!("{WORKER}-{}", stage.name);
            if workers.last().is_some_and(|last| last.stages.is_empty()) {
                workers.pop();
            }
            if let Some(last) = workers.last_mut() {
                last.next = Some(name.clone());
            }
            workers.push(shape(name, stage.path.clone()));
        }
        if let Some(last) = workers.last_mut() {
            last.stages.push(stage);
        }
    }
    let first = workers.first().map(|worker| worker.name.clone());
    let entries = pipeline.stages.iter().filter_map(|stage| stage.settings.fan_out());
    let chunk_items = chunk_items(entries);
    let mut shapes = vec![Shape { next: first, chunk_items, ..shape(PRODUCER.into(), "schedule".into()) }];
    shapes.append(&mut workers);
    shapes
}
