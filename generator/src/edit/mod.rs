//! `pipeline.toml`, edited with its comments, its order and its line ends kept.

pub mod add;
pub mod document;
pub mod file;
