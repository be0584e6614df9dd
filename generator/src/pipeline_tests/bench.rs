//! What the components of a test share: its texts, its faults, its queues and state, and what was observed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::record::{Item, Record, Text};

use super::faults::Faults;
use super::observed::Observed;
use super::queues::Queues;
use super::state::TestState;
use crate::config::test_sections::CannedText;
use crate::local::{ItemTexts, Texts, records_of};

/// The texts of a run.
#[derive(Clone, Default)]
pub struct RunTexts {
    /// The text of every item.
    pub every: Option<Text>,
    /// The texts by item.
    pub by_item: BTreeMap<String, ItemTexts>,
    /// The items that get no text, each with the failure of fetching it.
    pub failed: BTreeMap<String, ErrorCode>,
    /// The local texts of the pipeline, if the test has none.
    pub local: Option<Arc<Texts>>,
}

impl RunTexts {
    /// Texts as a test writes them.
    pub fn of(every: Option<&str>, texts: &[CannedText]) -> Self {
        let canned = |body: &str| Text { body: body.to_owned(), source: "test".into(), ..Text::default() };
        let mut by_item: BTreeMap<String, ItemTexts> = BTreeMap::new();
        let mut failed = BTreeMap::new();
        for one in texts {
            if let Some(code) = &one.failed {
                failed.insert(one.item.clone(), ErrorCode::parse(code.as_str()));
            }
            let Some(body) = &one.text else { continue };
            let text = Text {
                title: one.title.clone(),
                language: one.language.as_ref().map(ToString::to_string),
                url: one.url.clone(),
                published: one.published.clone(),
                ..canned(body)
            };
            by_item.entry(one.item.clone()).or_default().push((one.entry.clone(), text));
        }
        Self { every: every.map(canned), by_item, failed, local: None }
    }

    /// The texts of an item.
    pub fn of_item(&self, key: &str) -> Option<ItemTexts> {
        let every = || self.every.clone().map(|text| vec![(None, text)]);
        let own = self.by_item.get(key).cloned().or_else(every);
        own.or_else(|| self.local.as_ref()?.of_item(key).cloned())
    }
}

/// What the components of a test share.
pub struct TestBench {
    /// The folder of `pipeline.toml`.
    pub root: PathBuf,
    /// The folder of sinks that write files.
    pub scratch: PathBuf,
    /// The items of the run by source, if the test lists any.
    pub items: Option<BTreeMap<String, Vec<Item>>>,
    /// Whether a stage fetches texts: it then gets those of the test, and items keep their own.
    pub fetches: bool,
    /// The number of bytes that every text has, if the test says so.
    pub text_bytes: Option<usize>,
    /// The faults.
    pub faults: Faults,
    /// The queues between the functions.
    pub queues: Queues,
    /// The state table.
    pub state: Arc<TestState>,
    /// The texts of the run.
    pub texts: Mutex<RunTexts>,
    /// What was observed.
    pub observed: Mutex<Observed>,
}

impl TestBench {
    /// What was observed so far.
    pub fn observed(&self) -> MutexGuard<'_, Observed> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The texts of the run.
    pub fn texts(&self) -> MutexGuard<'_, RunTexts> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder of a sink that writes files.
    pub fn folder(&self, sink: &str) -> PathBuf {
        Path::new(&self.scratch).join(sink)
    }

    /// The records that a fetching stage makes of a record, with the texts of the test.
    pub fn fetched(&self, stage: &str, language: Option<&str>, mut record: Record) -> Vec<Record> {
        if let Some(code) = self.texts().failed.get(&record.item.key) {
            record.fail(stage, Error::permanent(*code, "as the test says"));
            return vec![record];
        }
        let Some(mut texts) = self.texts().of_item(&record.item.key) else {
            let words = format!("the test has no text for `{}`: add `text` or `texts`", record.item.key);
            record.fail(stage, Error::permanent(ErrorCode::TextMissing, words));
            return vec![record];
        };
        texts.iter_mut().for_each(|(_, text)| self.lengthen(&mut text.body));
        records_of(&texts, &record, language)
    }

    /// An item as it comes from its source, with the text of the test where no stage fetches one.
    pub fn sourced(&self, mut item: Item) -> Item {
        let texts = if self.fetches { None } else { self.texts().of_item(&item.key) };
        if let Some((_, text)) = texts.and_then(|texts| texts.into_iter().next()) {
            item.text = Some(text.body);
            item.title = text.title.or(item.title);
            item.language = text.language.or(item.language);
            item.url = text.url.or(item.url);
        }
        item.text.iter_mut().for_each(|text| self.lengthen(text));
        item
    }

    /// Repeats a text until it has the length that the test asks for.
    fn lengthen(&self, text: &mut String) {
        let Some(bytes) = self.text_bytes else { return };
        let sentence = format!("{} ", text.trim());
        while text.len() < bytes && sentence.len() > 1 {
            text.push(' ');
            text.push_str(sentence.trim_end());
        }
        text.truncate(text.floor_char_boundary(bytes));
        text.extend(std::iter::repeat_n('.', bytes - text.len()));
    }
}
