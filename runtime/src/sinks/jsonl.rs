//! Sink `jsonl`: a JSON Lines file of records a chunk, in a folder of this machine.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::form;
use crate::component::{Binding, Card, Component, Opened, Role, Sink};
use crate::doors::Doors;
use crate::error::Error;
use crate::record::Record;
use crate::run::Chunk;

/// Whole records, one a line, for `fanggen run`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Jsonl {}

impl Component for Jsonl {
    const CARD: Card = Card {
        machine_only: true,
        ..Card::new(
            Role::Sink,
            "jsonl",
            "whole records in JSON Lines files on this machine",
            "[sinks.results]\ntype = \"jsonl\"\n",
        )
    };

    fn open(&self, binding: Binding, doors: &dyn Doors) -> Result<Opened, Error> {
        Ok(Opened::Sink(Box::new(Lines { folder: doors.folder(&binding.name)? })))
    }
}

struct Lines {
    folder: std::path::PathBuf,
}

#[async_trait]
impl Sink for Lines {
    async fn write(&self, chunk: &Chunk, records: &[Record]) -> Result<String, Error> {
        form::write_whole(&self.folder.join(chunk.key("", ".jsonl")), &form::jsonl(records)?)
    }
}
