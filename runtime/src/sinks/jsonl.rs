//! Sink `jsonl`: one JSON Lines file per chunk in a local folder.

use serde::{Deserialize, Serialize};

use super::formats;
use super::local_file::FileSink;
use crate::component::services::Services;
use crate::component::{Binding, Card, Component, ComponentRole, Described, Instance};
use crate::model::error::Error;

/// Writes JSON Lines files with one complete record per line, for `fanggen run`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JsonlSettings {}

impl Described for JsonlSettings {
    const CARD: Card = Card {
        local_only: true,
        keeps_records: true,
        stores: true,
        ..Card::new(
            ComponentRole::Sink,
            "jsonl",
            "one record per line, in JSON Lines files on this machine",
            "[sinks.results]\ntype = \"jsonl\"\n",
        )
    };
}

impl Component for JsonlSettings {
    fn open(&self, binding: Binding, services: &dyn Services) -> Result<Instance, Error> {
        FileSink::open(services.folder(&binding.name)?, ".jsonl", formats::jsonl)
    }
}
