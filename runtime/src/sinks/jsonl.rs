//! Sink `jsonl`: one JSON Lines file per chunk in a local folder.

use serde::{Deserialize, Serialize};

use super::formats;
use crate::component::services::Doors;
use crate::component::{Binding, Card, Component, Opened, Role};
use crate::model::error::Error;

/// Writes JSON Lines files with one complete record per line, for `fanggen run`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JsonlSettings {}

impl Component for JsonlSettings {
    const CARD: Card = Card {
        machine_only: true,
        ..Card::new(
            Role::Sink,
            "jsonl",
            "one record per line, in JSON Lines files on this machine",
            "[sinks.results]\ntype = \"jsonl\"\n",
        )
    };

    fn open(&self, binding: Binding, doors: &dyn Doors) -> Result<Opened, Error> {
        formats::FileSink::open(doors.folder(&binding.name)?, ".jsonl", formats::jsonl)
    }
}
