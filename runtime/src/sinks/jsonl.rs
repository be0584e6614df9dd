//! Sink `jsonl`: a JSON Lines file of records a chunk, in a folder of this machine.

use serde::{Deserialize, Serialize};

use super::form;
use crate::component::services::Doors;
use crate::component::{Binding, Card, Component, Opened, Role};
use crate::model::error::Error;

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
        form::Files::open(doors.folder(&binding.name)?, ".jsonl", form::jsonl)
    }
}
