//! How the stages are cut into functions: a stage with `isolate` starts one of its own.

use super::pipeline::{Component, Pipeline};

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
    pub stages: Vec<&'a Component>,
    /// The function that its records go to, unless they go to the sinks.
    pub next: Option<String>,
    /// The path that asked for it.
    pub path: String,
}

/// Cuts the stages into functions: a stage with `isolate` starts one of its own.
pub fn shapes(pipeline: &Pipeline) -> Vec<Shape<'_>> {
    let path = pipeline.stages.first().map_or("stages", |stage| stage.path.as_str()).to_owned();
    let mut workers = vec![Shape { name: WORKER.into(), stages: Vec::new(), next: None, path }];
    for stage in &pipeline.stages {
        if stage.frame.isolate {
            let name = format!("{WORKER}-{}", stage.name);
            if workers.last().is_some_and(|last| last.stages.is_empty()) {
                workers.pop();
            }
            if let Some(last) = workers.last_mut() {
                last.next = Some(name.clone());
            }
            workers.push(Shape { name, stages: Vec::new(), next: None, path: stage.path.clone() });
        }
        if let Some(last) = workers.last_mut() {
            last.stages.push(stage);
        }
    }
    let first = workers.first().map(|worker| worker.name.clone());
    let mut shapes = vec![Shape { name: PRODUCER.into(), stages: Vec::new(), next: first, path: "schedule".into() }];
    shapes.append(&mut workers);
    shapes
}
