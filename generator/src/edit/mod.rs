//! `pipeline.toml`, edited with its comments, its order and its line ends kept.

pub mod add;
mod blocks;
pub mod document;
mod existing;
pub mod file;
mod inline;
