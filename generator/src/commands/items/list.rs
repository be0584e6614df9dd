//! `fanggen items list`: the items of a source, as a table, CSV or JSON.

use std::collections::BTreeSet;

use clap::Args;
use comfy_table::Table;
use fanggen_runtime::model::items::{ATTRIBUTES, Cells, to_cells};

use super::super::args::GlobalArgs;
use super::super::block_on::block_on;
use super::super::error::{CommandError, CommandResult};
use super::super::output::{message, plural, print, print_with};
use super::super::run::{STYLE, one_line};
use super::SourceArgs;
use super::source::{ItemSource, ItemStore};
use crate::local;
#[cfg(feature = "aws")]
use crate::not_deployed::NotDeployed;
#[cfg(feature = "aws")]
use crate::operate::items::ItemsEditError;
use crate::operate::items::file_edit::read_rows;
use crate::operate::items::local_file::LocalItemsFile;
use crate::operate::items::selection::ItemFilter;

/// List the items of a source
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen items list --env prod --filter apple     items with `apple` in any attribute
  fanggen items list --filter language=de --csv    an attribute with exactly this value; `language=` finds those without
  fanggen items list --json | jq -r '.[].name'

The items of a table are read from the account; `--local` shows what `pipeline.toml` seeds it with. The items of a file are
read from this machine; `--uploaded` reads the copy that the functions use.")]
pub struct ListArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Only items with this text in any attribute, or with exactly this attribute (can be repeated: all must hold)
    #[arg(long, value_name = "TEXT|KEY=VALUE")]
    filter: Vec<ItemFilter>,
    /// Print CSV, which `items add` reads
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Of a file, the copy in the account, which the functions read
    #[arg(long, conflicts_with = "local")]
    uploaded: bool,
}

impl ListArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let source = ItemSource::find(&self.source, global)?;
        let mut rows = block_on(self.rows(&source, global))??;
        rows.retain(|row| self.filter.iter().all(|filter| filter.fits(row)));
        rows.sort_by(|one, other| one.get(&source.key).cmp(&other.get(&source.key)));
        if global.json {
            print_with(|out| serde_json::to_writer_pretty(out, &rows).map_err(Into::into));
            return Ok(());
        }
        let columns = columns(&rows, &source);
        if self.csv {
            print_with(|out| csv(out, &columns, &rows));
            return Ok(());
        }
        let shown = if self.filter.is_empty() { "" } else { " shown" };
        if !rows.is_empty() {
            print(&table(&columns, &rows));
        }
        message(&format!("{}{shown} of source `{}`", plural(rows.len(), "item"), source.config.name));
        Ok(())
    }

    async fn rows(&self, source: &ItemSource, global: &GlobalArgs) -> Result<Vec<Cells>, CommandError> {
        match &source.store {
            ItemStore::File(_) if self.uploaded => uploaded_rows(source, global).await,
            ItemStore::File(format) => {
                let content = LocalItemsFile::of(&source.file.root, format).content()?;
                Ok(read_rows(content, format)?)
            }
            ItemStore::Inline => seeded_rows(source).await,
            ItemStore::Table if self.source.local => seeded_rows(source).await,
            ItemStore::Table | ItemStore::Existing(_) => table_rows(source, global).await,
        }
    }
}

/// The items in the pipeline's file and in the file that it seeds a table with.
async fn seeded_rows(source: &ItemSource) -> Result<Vec<Cells>, CommandError> {
    let items = local::seeds(&source.config, &source.file.root).await.map_err(CommandError::Run)?;
    let good = items.into_iter().filter(|(_, error)| error.is_none());
    Ok(good.filter_map(|(item, _)| to_cells(&item, &source.key, &source.columns).ok()).collect())
}

#[cfg(feature = "aws")]
async fn table_rows(source: &ItemSource, global: &GlobalArgs) -> Result<Vec<Cells>, CommandError> {
    let table = super::account::ItemsAccount::open(source, global).await?.table().await?;
    let mut rows = Vec::new();
    table.read(|page| rows.extend(page)).await?;
    Ok(rows)
}

#[cfg(feature = "aws")]
async fn uploaded_rows(source: &ItemSource, global: &GlobalArgs) -> Result<Vec<Cells>, CommandError> {
    let (uploaded, _) = super::account::ItemsAccount::open(source, global).await?.uploaded().await?;
    match uploaded.content().await? {
        Some(content) => Ok(read_rows(content, &uploaded.format)?),
        None => Err(ItemsEditError::from(NotDeployed::new(&source.environment, "file", &uploaded.place())).into()),
    }
}

#[cfg(not(feature = "aws"))]
async fn table_rows(_: &ItemSource, _: &GlobalArgs) -> Result<Vec<Cells>, CommandError> {
    Err(CommandError::NeedsAws("items".to_owned()))
}

#[cfg(not(feature = "aws"))]
async fn uploaded_rows(_: &ItemSource, _: &GlobalArgs) -> Result<Vec<Cells>, CommandError> {
    Err(CommandError::NeedsAws("items".to_owned()))
}

/// The columns that the rows have: the key, the attributes in their order, the labels.
fn columns(rows: &[Cells], source: &ItemSource) -> Vec<String> {
    let found: BTreeSet<&String> = rows.iter().flat_map(Cells::keys).collect();
    let first: Vec<String> = match source.columns.all(&source.key) {
        known if source.columns.configured().next().is_some() => known.map(str::to_owned).to_vec(),
        _ => std::iter::once(source.key.as_str()).chain(ATTRIBUTES).map(str::to_owned).collect(),
    };
    let known = first.iter().filter(|name| **name == source.key || found.contains(name)).cloned();
    known.chain(found.iter().filter(|name| !first.contains(name)).map(|name| (*name).clone())).collect()
}

fn csv(out: &mut dyn std::io::Write, columns: &[String], rows: &[Cells]) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns)?;
    for row in rows {
        writer.write_record(columns.iter().map(|column| row.get(column).map_or("", String::as_str)))?;
    }
    let bytes = writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))?;
    // The last line is ended by whoever prints.
    out.write_all(bytes.strip_suffix(b"\n").unwrap_or(&bytes))
}

fn table(columns: &[String], rows: &[Cells]) -> String {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(columns);
    for row in rows {
        table.add_row(columns.iter().map(|column| one_line(row.get(column).map_or("", String::as_str))));
    }
    table.trim_fmt()
}
