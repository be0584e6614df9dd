//! Local texts: a JSON Lines file that replaces fetching.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use fanggen_runtime::component::Stage;
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::record::{Record, Text};
use serde::Deserialize;
use tokio::time::Instant;

/// A line of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TextLine {
    item: String,
    /// The entry, if an item has several texts.
    #[serde(default)]
    entry: Option<String>,
    text: String,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    published: Option<String>,
}

/// The texts of an item, each with its entry.
pub type ItemTexts = Vec<(Option<String>, Text)>;

/// The texts of a file, by item.
#[derive(Debug)]
pub struct Texts {
    path: String,
    by_item: BTreeMap<String, ItemTexts>,
}

impl Texts {
    /// Reads a file of texts.
    ///
    /// # Errors
    /// `texts_unreadable`, with file and line.
    pub fn read(root: &Path, path: &str) -> Result<Self, Error> {
        let wrong = |words: String| Error::permanent(ErrorCode::TextsUnreadable, words);
        let body = std::fs::read_to_string(root.join(path)).map_err(|error| {
            wrong(format!("cannot read the local texts `{path}`: {error}; correct `[local] texts`, or use --live"))
        })?;
        let mut by_item: BTreeMap<String, ItemTexts> = BTreeMap::new();
        for (number, line) in body.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = format!("{path}:{}", number + 1);
            let line: TextLine = serde_json::from_str(line.trim_start_matches('\u{feff}')).map_err(|error| {
                // The position within the JSON would look like another line of the file.
                let words = error.to_string();
                let words = words.split(" at line ").next().unwrap_or(&words);
                if body.contains('\r') && !body.contains('\n') {
                    return wrong(format!("`{path}`: its lines end in CR only: save it with LF or CRLF"));
                }
                wrong(format!("{place}: {words}; expected {{\"item\": .., \"text\": .., \"language\": ..}}"))
            })?;
            let text = Text {
                body: line.text,
                language: line.language,
                source: "local texts".into(),
                title: line.title,
                url: line.url,
                published: line.published,
                ..Text::default()
            };
            let texts = by_item.entry(line.item.clone()).or_default();
            if texts.iter().any(|(entry, _)| *entry == line.entry || entry.is_none() || line.entry.is_none()) {
                let words = "already has a text: several texts of one item need different values of `entry`";
                return Err(wrong(format!("{place}: `{}` {words}", line.item)));
            }
            texts.push((line.entry, text));
        }
        Ok(Self { path: path.to_owned(), by_item })
    }
}

impl Texts {
    /// The texts of an item.
    pub fn of_item(&self, key: &str) -> Option<&ItemTexts> {
        self.by_item.get(key)
    }

    /// The path of the file, as in the pipeline.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// The stage that replaces one that fetches.
pub struct LocalTexts {
    /// Its name.
    pub stage: String,
    /// The texts.
    pub texts: Arc<Texts>,
    /// The language of texts whose line and item have none.
    pub language: Option<String>,
}

impl LocalTexts {
    /// A record for each text of its item.
    fn give(&self, mut record: Record) -> Vec<Record> {
        let Some(texts) = self.texts.by_item.get(&record.item.key) else {
            let words =
                format!("`{}` has no text in `{}`: add one, or fetch with --live", record.item.key, self.texts.path);
            record.fail(&self.stage, Error::permanent(ErrorCode::TextMissing, words));
            return vec![record];
        };
        records_of(texts, &record, self.language.as_deref())
    }
}

/// A record for each text of its item; `language` is that of texts whose line and item have none.
pub fn records_of(texts: &ItemTexts, record: &Record, language: Option<&str>) -> Vec<Record> {
    let with = |(entry, text): &(Option<String>, Text)| {
        let named = text.language.clone().or_else(|| record.item.language.clone());
        let text = Text { language: named.or_else(|| language.map(str::to_owned)), ..text.clone() };
        Record { entry: entry.clone(), text: Some(text), ..record.clone() }
    };
    // A record that is an entry already takes only its own text.
    let own = |(entry, _): &&(Option<String>, Text)| record.entry.is_none() || record.entry == *entry;
    texts.iter().filter(own).map(with).collect()
}

#[async_trait]
impl Stage for LocalTexts {
    fn name(&self) -> &str {
        &self.stage
    }

    async fn apply(&self, records: Vec<Record>, _: Instant) -> Vec<Record> {
        records.into_iter().flat_map(|record| self.give(record)).collect()
    }
}
