//! Sink `csv`: one CSV file per chunk in a local folder, for spreadsheets.

use serde::{Deserialize, Serialize};

use super::formats;
use super::local_file::FileSink;
use crate::component::services::Services;
use crate::component::{Binding, Card, Component, ComponentRole, Described, Instance};
use crate::model::error::Error;

/// Writes CSV files with one row per finding, for `fanggen run`. Cells that a spreadsheet would run as a formula are escaped.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "cards", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CsvSettings {}

impl Described for CsvSettings {
    const CARD: Card = Card {
        local_only: true,
        stores: true,
        ..Card::new(
            ComponentRole::Sink,
            "csv",
            "one row per finding, in CSV files on this machine",
            "[sinks.sheet]\ntype = \"csv\"\n",
        )
    };
}

impl Component for CsvSettings {
    fn open(&self, binding: Binding, services: &dyn Services) -> Result<Instance, Error> {
        FileSink::open(services.folder(&binding.name)?, ".csv", formats::csv)
    }
}
