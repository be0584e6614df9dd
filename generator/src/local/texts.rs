//! Local texts: a JSON Lines file that is read instead of fetching.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use fanggen_runtime::component::Stage;
use fanggen_runtime::error::Error;
use fanggen_runtime::record::{Record, Text};
use serde::Deserialize;
use tokio::time::Instant;

/// A line of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    item: String,
    text: String,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    url: Option<String>,
}

/// The texts of a file, by item.
#[derive(Debug)]
pub struct Texts {
    path: String,
    by_item: BTreeMap<String, Text>,
}

impl Texts {
    /// Reads a file of texts.
    ///
    /// # Errors
    /// `texts_unreadable`, with file and line.
    pub fn read(root: &Path, path: &str) -> Result<Self, Error> {
        let wrong = |words: String| Error::permanent("texts_unreadable", words);
        let body = std::fs::read_to_string(root.join(path)).map_err(|error| {
            wrong(format!(
                "the local texts `{path}` of `[local] texts` cannot be read: {error}; mend the path, or use --live"
            ))
        })?;
        let mut by_item = BTreeMap::new();
        for (number, line) in body.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = format!("{path}:{}", number + 1);
            let line: Line = serde_json::from_str(line.trim_start_matches('\u{feff}')).map_err(|error| {
                // The place within the line of JSON would only be taken for another line of the file.
                let words = error.to_string();
                let words = words.split(" at line ").next().unwrap_or(&words);
                wrong(format!("{place}: {words}; a line is {{\"item\": .., \"text\": .., \"language\": ..}}"))
            })?;
            let text = Text {
                body: line.text,
                language: line.language,
                source: "local texts".into(),
                title: line.title,
                url: line.url,
                ..Text::default()
            };
            if by_item.insert(line.item.clone(), text).is_some() {
                return Err(wrong(format!("{place}: `{}` has a text already", line.item)));
            }
        }
        Ok(Self { path: path.to_owned(), by_item })
    }
}

impl Texts {
    /// The file, as the pipeline names it.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// The stage that takes the place of one that fetches.
pub struct LocalTexts {
    /// Its name.
    pub stage: String,
    /// The texts.
    pub texts: Arc<Texts>,
    /// The language of texts whose line and item name none.
    pub language: Option<String>,
}

#[async_trait]
impl Stage for LocalTexts {
    fn name(&self) -> &str {
        &self.stage
    }

    async fn apply(&self, mut records: Vec<Record>, _: Instant) -> Vec<Record> {
        for record in &mut records {
            match self.texts.by_item.get(&record.item.key) {
                Some(text) => {
                    let named = text.language.clone().or_else(|| record.item.language.clone());
                    record.text = Some(Text { language: named.or_else(|| self.language.clone()), ..text.clone() });
                }
                None => {
                    let words = format!(
                        "`{}` has no text in `{}`: add one there, or fetch with --live",
                        record.item.key, self.texts.path
                    );
                    record.fail(&self.stage, Error::permanent("text_missing", words));
                }
            }
        }
        records
    }
}
