//! `fanggen items update --old A --new B`: another name for an item, which keeps all that it has.

use fanggen_runtime::model::items::invalid_key;

use super::super::args::GlobalArgs;
use super::super::block_on::block_on;
use super::super::error::{CommandError, CommandResult};
use super::SourceArgs;
use super::edit::{edit_files, report};
use super::source::{ItemSource, ItemStore};
use crate::operate::items::ItemsEditError;
use crate::operate::items::edit::EditSummary;
use crate::operate::items::file_edit::RowsChange;

/// Renames an item.
pub fn rename(old: &str, new: &str, args: &SourceArgs, dry_run: bool, global: &GlobalArgs) -> CommandResult {
    let source = ItemSource::find(args, global)?;
    source.must_be_editable(args.local)?;
    for (option, name) in [("--old", old), ("--new", new)] {
        if let Some(reason) = invalid_key(name) {
            return Err(ItemsEditError::Invalid(vec![format!("{option}: cannot use the item's key: {reason}")]).into());
        }
    }
    if old == new {
        return Err(ItemsEditError::Invalid(vec![format!("--new: `{new}` is the old name")]).into());
    }
    let summaries = match &source.store {
        ItemStore::File(_) => block_on(in_files(&source, old, new, args.local, dry_run, global))??,
        _ => vec![block_on(in_table(&source, old, new, dry_run, global))??],
    };
    report(&source, &summaries, global);
    Ok(())
}

#[cfg(feature = "aws")]
async fn in_table(
    source: &ItemSource,
    old: &str,
    new: &str,
    dry_run: bool,
    global: &GlobalArgs,
) -> Result<EditSummary, CommandError> {
    let table = super::account::ItemsAccount::open(source, global).await?.table().await?;
    Ok(table.rename(old, new, dry_run).await?)
}

#[cfg(not(feature = "aws"))]
async fn in_table(_: &ItemSource, _: &str, _: &str, _: bool, _: &GlobalArgs) -> Result<EditSummary, CommandError> {
    Err(CommandError::NeedsAws("items".to_owned()))
}

async fn in_files(
    source: &ItemSource,
    old: &str,
    new: &str,
    local: bool,
    dry_run: bool,
    global: &GlobalArgs,
) -> Result<Vec<EditSummary>, CommandError> {
    let summaries = edit_files(source, RowsChange::Rename { old, new }, local, dry_run, global).await?;
    for (place, summary) in summaries.iter().enumerate() {
        let (is_first, at) = (place == 0, format!("`{}`", summary.place));
        let failure = match () {
            () if !summary.missing.is_empty() => ItemsEditError::NoOld { old: old.to_owned(), place: at },
            () if !summary.exists.is_empty() => {
                ItemsEditError::NewExists { old: old.to_owned(), new: new.to_owned(), place: at }
            }
            () => continue,
        };
        // The copy may differ from the file; that one was renamed.
        if is_first {
            return Err(failure.into());
        }
    }
    Ok(summaries)
}
