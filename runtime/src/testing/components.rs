//! Opens components as a function would, and summarizes the outcomes of records.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::component::services::{MessageQueue, ObjectStore, PipelineFile, Services, TableStore};
use crate::component::{Binding, ComponentRole, Instance, RateLimit, Stage};
use crate::function::registry;
use crate::model::error::{Error, ErrorCode};
use crate::model::record::{Item, Record};
use crate::model::tree::Tree;

/// A recorded response of Wikipedia, or none (and a line on stderr) where the recordings are not available.
pub fn recorded(name: &str) -> Option<String> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/wikipedia"));
    if !folder.exists() {
        // Written directly, so that the test runner does not capture it.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: ../shared is absent\n");
        return None;
    }
    let text = std::fs::read_to_string(folder.join(name)).expect("a recording");
    let value: Value = serde_json::from_str(&text).expect("JSON");
    // A cassette holds exchanges, the other files are responses themselves.
    match value["interactions"][0]["response"]["body"]["string"].as_str() {
        Some(body) => Some(body.to_owned()),
        None => Some(text),
    }
}

/// Opens a stage named `summary` without any services.
pub fn open_stage(kind: &str, settings: Value, rate_limit: Option<RateLimit>) -> Box<dyn Stage> {
    let kind = registry::find(ComponentRole::Stage, kind).expect("a kind");
    let settings = (kind.read)(&Tree::from_json(settings)).expect("settings");
    let binding =
        Binding { name: "summary".into(), rate_limit, contact: Some("me@example.com".into()), ..Binding::default() };
    match settings.open(binding, &NoServices).expect("an open stage") {
        Instance::Stage(stage) => stage,
        _ => unreachable!("a stage opens as a stage"),
    }
}

/// Records of these items, in one run.
pub fn records(items: impl IntoIterator<Item = Item>) -> Vec<Record> {
    items.into_iter().map(|item| Record::new("20261122T090000Z", "companies", item)).collect()
}

/// For each record its text, or the code of its failure.
pub fn outcomes(records: &[Record]) -> Vec<Result<&str, &str>> {
    records
        .iter()
        .map(|record| match (&record.failure, &record.text) {
            (Some(failure), _) => Err(failure.error.code.as_str()),
            (None, Some(text)) => Ok(text.body.as_str()),
            (None, None) => Err("no text and no failure"),
        })
        .collect()
}

/// A deadline that no test reaches.
pub fn far_deadline() -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_secs(600)
}

/// Services that provide nothing.
pub struct NoServices;

impl Services for NoServices {
    fn bucket(&self, _: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        Err(Error::permanent(ErrorCode::NotHere, "there is no bucket here"))
    }

    fn table(&self, _: &str) -> Result<Arc<dyn TableStore>, Error> {
        Err(Error::permanent(ErrorCode::NotHere, "there is no table here"))
    }

    fn queue(&self, _: &str) -> Result<Arc<dyn MessageQueue>, Error> {
        Err(Error::permanent(ErrorCode::NotHere, "there is no queue here"))
    }

    fn file(&self, _: Option<&str>, _: &str) -> Result<Arc<dyn PipelineFile>, Error> {
        Err(Error::permanent(ErrorCode::NotHere, "there is no file here"))
    }

    fn folder(&self, _: &str) -> Result<PathBuf, Error> {
        Err(Error::permanent(ErrorCode::NotHere, "there is no folder here"))
    }
}
