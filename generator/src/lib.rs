//! One `pipeline.toml` becomes a complete serverless pipeline: toml -> config -> plan -> render, or a run on this machine.

#[cfg(feature = "aws")]
pub mod artifact;
pub mod commands;
pub mod compare;
pub mod config;
mod control_characters;
#[cfg(feature = "aws")]
pub mod deploy;
mod doctor;
pub mod edit;
pub mod init;
pub mod local;
mod log;
pub mod metadata;
mod not_deployed;
pub mod operate;
pub mod pipeline_tests;
pub mod plan;
mod prices;
pub mod render;
pub mod replay;
pub mod resources;
pub mod results;
mod results_folder;
pub mod show;
pub mod source;
