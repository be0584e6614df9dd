//! Compares sentiment engines on the same texts: where they agree, and which of them is right.

mod engines;
mod error;
mod input;
mod labels;
mod metrics;
mod result;
mod unavailable_services;

pub use engines::{Engine, engines, known};
pub use error::CompareError;
pub use input::InputFormat;
pub use result::Comparison;
pub use unavailable_services::UnavailableServices;

use std::path::Path;

use fanggen_runtime::component::services::Services;
use fanggen_runtime::model::record::Label;

/// A text to compare engines on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// The line of the file on which it starts.
    pub line: usize,
    /// Its id in the file.
    pub id: Option<String>,
    /// The item it is about.
    pub item: Option<String>,
    /// The text itself.
    pub text: String,
    /// Its language, if the file has one.
    pub language: Option<String>,
    /// The label a person gave it.
    pub gold: Option<Label>,
}

/// The texts of a file, with labels from another file if one is given.
///
/// # Errors
/// What is wrong with either file, with its line.
pub fn texts(path: &Path, labels: Option<&Path>) -> Result<Vec<Sample>, CompareError> {
    if let Some(labels) = labels.filter(|labels| *labels == path && path == Path::new("-")) {
        return Err(CompareError::Unreadable {
            path: labels.to_owned(),
            reason: "standard input cannot be both the texts and the labels: name a file for one of them".to_owned(),
        });
    }
    let mut texts = input::texts(path)?;
    if let Some(labels) = labels {
        labels::join(&mut texts, path, labels)?;
    }
    Ok(texts)
}

/// Runs every engine on every text. `done` is called with the number of further answers.
///
/// # Errors
/// What keeps an engine from running at all. A text without an answer is part of the result.
pub async fn compare(
    texts: &[Sample],
    engines: &[Engine],
    language: &str,
    most: usize,
    services: &dyn Services,
    done: &dyn Fn(usize),
) -> Result<Comparison, CompareError> {
    let mut answers = Vec::new();
    for engine in engines {
        answers.push(engine.ask(texts, language, services, done).await?);
    }
    let names: Vec<&str> = engines.iter().map(Engine::name).collect();
    Ok(Comparison::of(texts, &names, &answers, most))
}
