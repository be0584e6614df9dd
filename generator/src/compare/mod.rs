//! Engines of sentiment side by side on the same texts: where they agree, and which of them is right.

mod engines;
mod error;
mod input;
mod labels;
mod metrics;
mod no_services;
mod result;

pub use engines::{Engine, engines, known};
pub use error::CompareError;
pub use input::InputFormat;
pub use no_services::NoServices;
pub use result::Comparison;

use std::path::Path;

use fanggen_runtime::component::services::Doors;
use fanggen_runtime::model::record::Label;

/// A text, and what is known of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// The line of the file that it begins on.
    pub line: usize,
    /// What it is called in the file.
    pub id: Option<String>,
    /// What it is about.
    pub item: Option<String>,
    /// The text itself.
    pub text: String,
    /// Its language, where the file names one.
    pub language: Option<String>,
    /// What a person said of it.
    pub gold: Option<Label>,
}

/// The texts of a file, with their labels from another one where it is named.
///
/// # Errors
/// Whatever is wrong with either, at its line.
pub fn texts(path: &Path, labels: Option<&Path>) -> Result<Vec<Sample>, CompareError> {
    let mut texts = input::texts(path)?;
    if let Some(labels) = labels {
        labels::join(&mut texts, path, labels)?;
    }
    Ok(texts)
}

/// Asks every engine about every text; `done` hears how many more questions are answered.
///
/// # Errors
/// What keeps an engine from being asked at all; a text that it does not answer is part of the result.
pub async fn compare(
    texts: &[Sample],
    engines: &[Engine],
    language: &str,
    most: usize,
    doors: &dyn Doors,
    done: &dyn Fn(usize),
) -> Result<Comparison, CompareError> {
    let mut answers = Vec::new();
    for engine in engines {
        answers.push(engine.ask(texts, language, doors, done).await?);
    }
    let names: Vec<&str> = engines.iter().map(Engine::name).collect();
    Ok(Comparison::of(texts, &names, &answers, most))
}
