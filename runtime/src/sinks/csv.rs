//! Sink `csv`: a CSV file of results a chunk, in a folder of this machine, for a spreadsheet.

use serde::{Deserialize, Serialize};

use super::form;
use crate::component::services::Doors;
use crate::component::{Binding, Card, Component, Opened, Role};
use crate::model::error::Error;

/// One row a record and finding, for `fanggen run`. Cells that a spreadsheet would take for a formula are quoted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Csv {}

impl Component for Csv {
    const CARD: Card = Card {
        machine_only: true,
        ..Card::new(
            Role::Sink,
            "csv",
            "a row a finding in CSV files on this machine",
            "[sinks.sheet]\ntype = \"csv\"\n",
        )
    };

    fn open(&self, binding: Binding, doors: &dyn Doors) -> Result<Opened, Error> {
        form::Files::open(doors.folder(&binding.name)?, ".csv", form::csv)
    }
}
