//! Sink `csv`: one CSV file per chunk in a local folder, for spreadsheets.

use serde::{Deserialize, Serialize};

use super::formats;
use crate::component::services::Doors;
use crate::component::{Binding, Card, Component, Opened, Role};
use crate::model::error::Error;

/// Writes CSV files with one row per finding, for `fanggen run`. Cells that a spreadsheet would run as a formula are escaped.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CsvSettings {}

impl Component for CsvSettings {
    const CARD: Card = Card {
        machine_only: true,
        ..Card::new(
            Role::Sink,
            "csv",
            "one row per finding, in CSV files on this machine",
            "[sinks.sheet]\ntype = \"csv\"\n",
        )
    };

    fn open(&self, binding: Binding, doors: &dyn Doors) -> Result<Opened, Error> {
        formats::FileSink::open(doors.folder(&binding.name)?, ".csv", formats::csv)
    }
}
