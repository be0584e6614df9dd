//! What a run depends on: if any of it changes, an interrupted run cannot go on.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use fanggen_runtime::model::hash::sha256_hex;
use serde::{Deserialize, Serialize};

use super::RunOptions;
use crate::config::pipeline::Pipeline;

/// The key of the pipeline's file.
const PIPELINE: &str = "pipeline.toml";
/// The key of `--live`.
const LIVE: &str = "--live";
/// The key of this program's version.
const VERSION: &str = "fanggen";

/// The version of each input, by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs(BTreeMap<String, String>);

impl Inputs {
    pub fn of(pipeline: &Pipeline, options: &RunOptions) -> Self {
        let files = pipeline.components().flat_map(|component| component.settings.files());
        let files = files.map(|(_, path)| path).chain(&pipeline.local.texts);
        let mut inputs: BTreeMap<String, String> =
            files.map(|path| (path.to_string(), edition(&options.root.join(path.as_str())))).collect();
        inputs.insert(PIPELINE.into(), sha256_hex(&options.source));
        inputs.insert(LIVE.into(), options.live.to_string());
        inputs.insert(VERSION.into(), env!("CARGO_PKG_VERSION").into());
        Self(inputs)
    }

    /// Why a run that began with `before` cannot go on with these inputs, if it cannot.
    pub fn change_since(&self, before: &Self) -> Option<String> {
        let differs = |name: &&String| self.0.get(*name) != before.0.get(*name);
        // If the file of the pipeline was changed, this explains all the rest.
        let first = [PIPELINE].map(str::to_owned);
        let name = first.iter().chain(self.0.keys()).chain(before.0.keys()).find(differs)?;
        Some(match name.as_str() {
            LIVE if before.0.get(LIVE).is_some_and(|live| live == "true") => "it was started with `--live`".into(),
            LIVE => "it was started without `--live`".into(),
            VERSION => "another version of fanggen began it".into(),
            file => format!("`{file}` was changed"),
        })
    }
}

/// The edition of a file: its length and when it was changed. A file of gigabytes is not read for this.
pub fn edition(path: &std::path::Path) -> String {
    std::fs::metadata(path).map(|file| edition_of(&file)).unwrap_or_default()
}

/// The edition of an open file.
pub fn edition_of(file: &std::fs::Metadata) -> String {
    let changed = file.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    format!("{}-{}", file.len(), changed.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_change_is_named() {
        let inputs = |changed: &str| {
            let names = [PIPELINE, LIVE, VERSION, "a.csv"];
            Inputs(names.map(|name| (name.to_owned(), (name == changed).to_string())).into())
        };
        let change = |changed| inputs(changed).change_since(&inputs(""));
        assert_eq!(change(""), None);
        assert_eq!(change(PIPELINE).as_deref(), Some("`pipeline.toml` was changed"));
        assert_eq!(change("a.csv").as_deref(), Some("`a.csv` was changed"));
        assert_eq!(change(VERSION).as_deref(), Some("another version of fanggen began it"));
        assert_eq!(change(LIVE).as_deref(), Some("it was started without `--live`"));
        assert_eq!(inputs("").change_since(&inputs(LIVE)).as_deref(), Some("it was started with `--live`"));
        let mut more = inputs("");
        more.0.insert("new.csv".into(), String::new());
        assert_eq!(inputs("").change_since(&more).as_deref(), Some("`new.csv` was changed"));
    }
}
