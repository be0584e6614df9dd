//! One `pipeline.toml` becomes a whole serverless pipeline: toml -> config -> plan -> render, or a run on this machine.

pub mod config;
pub mod plan;
