//! Any bytes as a file of items, a feed or a page are read to their end, or refused with a reason.
//!
//! `cargo test` runs the inputs in `tests/corpus` and a second of random bytes. `.ci/fuzz` runs the long form, guided by
//! coverage.

use std::sync::Arc;

use async_trait::async_trait;
use fanggen_runtime::component::services::{MessageQueue, ObjectStore, OpenFile, PipelineFile, Services, TableStore};
use fanggen_runtime::component::{Binding, ComponentRole, Instance, Source};
use fanggen_runtime::function::registry;
use fanggen_runtime::model::error::{Error, ErrorCode};
use fanggen_runtime::model::tree::Tree;
use fanggen_runtime::testing::corpus::replay;
use fanggen_runtime::text::{feed, html};
use serde_json::json;

/// Services with one file, and nothing else.
#[derive(Clone)]
struct OneFile(Arc<[u8]>);

#[async_trait]
impl PipelineFile for OneFile {
    async fn open(&self) -> Result<OpenFile, Error> {
        Ok(OpenFile { reader: Box::new(std::io::Cursor::new(Arc::clone(&self.0))), version: "1".into() })
    }
}

fn absent<T>() -> Result<T, Error> {
    Err(Error::permanent(ErrorCode::NotHere, "there is one file here"))
}

impl Services for OneFile {
    fn bucket(&self, _: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        absent()
    }

    fn table(&self, _: &str) -> Result<Arc<dyn TableStore>, Error> {
        absent()
    }

    fn queue(&self, _: &str) -> Result<Arc<dyn MessageQueue>, Error> {
        absent()
    }

    fn file(&self, _: Option<&str>, _: &str) -> Result<Arc<dyn PipelineFile>, Error> {
        Ok(Arc::new(self.clone()))
    }

    fn folder(&self, _: &str) -> Result<std::path::PathBuf, Error> {
        absent()
    }
}

fn open(bytes: &[u8], path: &str) -> Box<dyn Source> {
    let kind = registry::find(ComponentRole::Source, "file").expect("a kind");
    let settings = (kind.read)(&Tree::from_json(json!({ "path": path, "key": "name" }))).expect("settings");
    match settings.open(Binding { name: "s".into(), ..Binding::default() }, &OneFile(bytes.into())) {
        Ok(Instance::Source(source)) => source,
        other => unreachable!("a source opens as a source: {:?}", other.err()),
    }
}

/// The items of a source, with the cursor after each; none where the file as a whole cannot be read.
fn all(source: &mut dyn Source) -> Option<Vec<(String, bool, String)>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let mut given = Vec::new();
        loop {
            match source.next().await {
                Ok(Some((item, error))) => {
                    // A second row with a key has a name of its own all the same.
                    let named = error.is_none_or(|error| error.code.as_str() == "item_twice");
                    given.push((item.key, named, source.cursor()));
                }
                Ok(None) => return Some(given),
                Err(error) => {
                    assert!(!error.transient && !error.message.is_empty(), "{error:?}");
                    return None;
                }
            }
        }
    })
}

/// Every row is an item with a key, or fails with its position. There are no more items than lines. Resuming anywhere
/// gives exactly the remaining items.
fn judge(bytes: &[u8], path: &str) {
    let Some(given) = all(open(bytes, path).as_mut()) else { return };
    let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
    assert!(given.len() <= lines, "{} rows of {lines} lines", given.len());
    for (key, whole, _) in &given {
        assert!(!key.is_empty(), "an item without a key");
        assert!(*whole || key.starts_with(path), "a row that fails is named by its position, not by `{key}`");
    }
    if let Some((_, _, cursor)) = given.get(given.len() / 2) {
        let mut source = open(bytes, path);
        source.resume(cursor).expect("a cursor of its own");
        assert_eq!(all(source.as_mut()).as_deref(), Some(&given[given.len() / 2 + 1..]));
    }
}

/// The inputs that the fuzzer found for a target.
macro_rules! corpus {
    ($target:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/", $target)
    };
}

fn csv_is_read_to_its_end(bytes: &[u8]) {
    judge(bytes, "a.csv");
    // After a valid header, each byte counts.
    judge(&[b"name,text,\"la\"\"bel\"\n", bytes].concat(), "a.csv");
}

fn json_lines_are_read_to_their_end(bytes: &[u8]) {
    judge(bytes, "a.jsonl");
    judge(&[b"{\"name\":\"A\",", bytes].concat(), "a.jsonl");
}

fn feed_is_read_or_refused(bytes: &[u8]) {
    // The first byte picks the content type of the rest.
    let types = [None, Some("text/xml; charset=iso-8859-1"), Some("application/json"), Some("text/html; charset=x")];
    let (kind, body) = bytes.split_first().map_or((0, bytes), |(first, rest)| (usize::from(*first), rest));
    match feed::read(body, types[kind % types.len()], "https://example.com/a/feed.xml") {
        Err(error) => assert_eq!((error.code.as_str(), error.transient), ("feed_unreadable", false)),
        Ok(feed) => {
            for entry in feed.entries {
                let texts = [entry.title, entry.summary, entry.content];
                for text in texts.into_iter().flatten() {
                    assert!(!text.trim().is_empty(), "an empty text is none");
                }
            }
        }
    }
}

fn page_is_read_as_text(bytes: &[u8]) {
    let document = String::from_utf8_lossy(bytes);
    let page = html::page(&document);
    let text = html::text(&document);
    for text in [&page.text, &text] {
        let (read, given) = (text.len(), document.len());
        assert!(read <= 3 * given + 16, "more text than the page has: {read} of {given}");
    }
    assert!(page.title.is_none_or(|title| !title.contains('\n')), "a title has one line");
}

#[test]
fn any_csv_is_read_to_its_end() {
    replay(corpus!("csv"), csv_is_read_to_its_end);
    bolero::check!().for_each(csv_is_read_to_its_end);
}

#[test]
fn any_json_lines_are_read_to_their_end() {
    replay(corpus!("jsonl"), json_lines_are_read_to_their_end);
    bolero::check!().for_each(json_lines_are_read_to_their_end);
}

#[test]
fn any_feed_is_read_or_refused() {
    replay(corpus!("feed"), feed_is_read_or_refused);
    bolero::check!().for_each(feed_is_read_or_refused);
}

#[test]
fn any_page_is_read_as_text() {
    replay(corpus!("page"), page_is_read_as_text);
    bolero::check!().for_each(page_is_read_as_text);
}
