//! `fanggen schema`: the JSON Schema of `pipeline.toml`, before there is a file.

use clap::Args;

use super::error::CommandResult;
use super::output::{print, to_json};
use crate::config::schema::schema;

/// Print the JSON Schema of the pipeline file
#[derive(Debug, Args)]
#[command(
    after_help = "Editors use it to complete and check `pipeline.toml`; docs/guide.md explains how to set up each one.
`fanggen render` and `fanggen init` write the same schema to generated/pipeline.schema.json.

Examples:
  fanggen schema > pipeline.schema.json
  fanggen schema | jq '.definitions | keys'"
)]
pub struct SchemaArgs {}

impl SchemaArgs {
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the signature of all commands")]
    pub fn execute(self) -> CommandResult {
        print(&to_json(&schema()));
        Ok(())
    }
}
