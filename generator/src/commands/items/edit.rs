//! `fanggen items add`, `remove` and `update`: edits of single items, each under its condition.

use clap::Args;
use serde_json::json;

use super::super::args::GlobalArgs;
use super::super::block_on::block_on;
use super::super::error::{CommandError, CommandResult};
use super::super::output::{message, print, to_json};
use super::SourceArgs;
use super::given::GivenItems;
use super::source::{ItemSource, ItemStore};
use crate::log::{self, ItemChange};
use crate::operate::items::edit::{EditSummary, RowEdit};
use crate::operate::items::file_edit::{FileEdit, RowsChange};
use crate::operate::items::input::{EditVerb, ItemInput};
use crate::operate::items::local_file::LocalItemsFile;

/// Add items; those that are there already stay as they are
#[derive(Debug, Args)]
#[command(mut_group("given", |group| group.required(true)), after_help = "Examples:
  fanggen items add -i Apple
  fanggen items add -i Apple title='Apple Inc.' language=en team=fruit -i 'Yahoo, Inc.'
  fanggen items add --from companies.csv --env prod --dry-run
  cut -f1 names.tsv | fanggen items add --from - --format text

An item is its name as it stands, then attributes up to the next option: title, feed, language, url, text; any other name is a
label (`labels.NAME=..` for a label whose name looks like an attribute). Nothing is written if any item has a mistake.")]
pub struct AddArgs {
    #[command(flatten)]
    items: GivenItems,
    #[command(flatten)]
    source: SourceArgs,
    /// Give items that are there already these attributes, and no others
    #[arg(long, visible_alias = "force")]
    replace: bool,
    /// Show what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Remove items; their results stay
#[derive(Debug, Args)]
#[command(mut_group("given", |group| group.required(true)), after_help = "Examples:
  fanggen items remove -i Apple -i Google
  fanggen items remove --from sold.txt --env prod

Items that are not there are reported, and do no harm. `fanggen apply` does not put them back, even if they are in the file.")]
pub struct RemoveArgs {
    #[command(flatten)]
    items: GivenItems,
    #[command(flatten)]
    source: SourceArgs,
    /// Show what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Rename an item, or change attributes
#[derive(Debug, Args)]
#[command(mut_group("given", |group| group.conflicts_with("old")), after_help = "Examples:
  fanggen items update --old Facebook --new 'Meta Platforms'     one transaction, which keeps all attributes
  fanggen items update -i Apple title='Apple Inc.' feed=         `feed=` removes the attribute

Attributes that are not named stay. The exit code is 1 if an item is not there.")]
pub struct UpdateArgs {
    /// The item to rename
    #[arg(long, value_name = "NAME", requires = "new", required_unless_present_any = ["item", "from"])]
    old: Option<String>,
    /// Its new name
    #[arg(long, value_name = "NAME", requires = "old")]
    new: Option<String>,
    #[command(flatten)]
    items: GivenItems,
    #[command(flatten)]
    source: SourceArgs,
    /// Show what would be done
    #[arg(long)]
    dry_run: bool,
}

impl AddArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        edit(self.items, &self.source, EditVerb::Add { replace: self.replace }, self.dry_run, global)
    }
}

impl RemoveArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        edit(self.items, &self.source, EditVerb::Remove, self.dry_run, global)
    }
}

impl UpdateArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        match (self.old, self.new) {
            (Some(old), Some(new)) => super::rename::rename(&old, &new, &self.source, self.dry_run, global),
            _ => edit(self.items, &self.source, EditVerb::Update, self.dry_run, global),
        }
    }
}

fn edit(items: GivenItems, args: &SourceArgs, verb: EditVerb, dry_run: bool, global: &GlobalArgs) -> CommandResult {
    let source = ItemSource::find(args, global)?;
    source.must_be_editable(args.local)?;
    let GivenItems { arguments, from, format } = items;
    let mut input = ItemInput::open(arguments, from.as_deref(), format, &source.key, &source.columns)?;
    let (count, repeated) = input.check(verb)?;
    let edits = input.checked_edits(verb)?;
    let mut summaries = match &source.store {
        ItemStore::File(_) => {
            let edits = edits.collect::<Result<Vec<_>, _>>()?;
            block_on(edit_files(&source, RowsChange::Rows(&edits), args.local, dry_run, global))??
        }
        _ => block_on(edit_table(&source, edits, count, dry_run, global))??,
    };
    if let Some(first) = summaries.first_mut() {
        first.repeated = repeated;
    }
    report(&source, &summaries, global);
    let is_missing = verb == EditVerb::Update && summaries.iter().any(|summary| !summary.missing.is_empty());
    if is_missing { Err(CommandError::Exit(1)) } else { Ok(()) }
}

/// Prints what was done: words to stderr, JSON to stdout.
pub fn report(source: &ItemSource, summaries: &[EditSummary], global: &GlobalArgs) {
    for summary in summaries {
        message(&summary.to_string());
    }
    if global.json {
        print(&to_json(&json!({
            "source": source.config.name, "environment": source.environment, "edits": summaries,
        })));
    }
}

#[cfg(feature = "aws")]
async fn edit_table(
    source: &ItemSource,
    edits: impl Iterator<Item = Result<RowEdit, crate::operate::items::ItemsEditError>>,
    count: usize,
    dry_run: bool,
    global: &GlobalArgs,
) -> Result<Vec<EditSummary>, CommandError> {
    use crate::deploy::ui::UserInterface as _;
    let account = super::account::ItemsAccount::open(source, global).await?;
    let (table, ui) = (account.table().await?, account.ui());
    let what = format!("items of {}", table.name);
    ui.start_progress(&what, count);
    let progress = |done: usize| ui.set_progress(&what, done as u64, count as u64);
    let edited = table.edit(edits, dry_run, account.interrupt(), progress).await;
    ui.finish_progress();
    Ok(vec![edited?])
}

#[cfg(not(feature = "aws"))]
async fn edit_table(
    _: &ItemSource,
    _: impl Iterator<Item = Result<RowEdit, crate::operate::items::ItemsEditError>>,
    _: usize,
    _: bool,
    _: &GlobalArgs,
) -> Result<Vec<EditSummary>, CommandError> {
    Err(CommandError::NeedsAws("items".to_owned()))
}

/// Edits the file on this machine, then its copy in the account.
pub async fn edit_files(
    source: &ItemSource,
    change: RowsChange<'_>,
    local: bool,
    dry_run: bool,
    global: &GlobalArgs,
) -> Result<Vec<EditSummary>, CommandError> {
    let ItemStore::File(format) = &source.store else { return Ok(Vec::new()) };
    let done = LocalItemsFile::of(&source.file.root, format).edit(change, dry_run)?;
    let mut summaries = vec![summary(&done, &format.path, &user(), dry_run)];
    if !local {
        summaries.extend(edit_uploaded(source, change, dry_run, global).await?);
    }
    Ok(summaries)
}

/// Edits the copy in the account, if there is one. Without credentials the file alone is edited: it is used by local runs.
#[cfg(feature = "aws")]
async fn edit_uploaded(
    source: &ItemSource,
    change: RowsChange<'_>,
    dry_run: bool,
    global: &GlobalArgs,
) -> Result<Option<EditSummary>, CommandError> {
    use crate::deploy::aws::call_error::CallError;
    use crate::deploy::error::DeployError;
    let account = super::account::ItemsAccount::open(source, global).await?;
    let later = format!("`fanggen apply --env {}` uploads the file", source.environment);
    let (uploaded, caller) = match account.uploaded().await {
        Err(CommandError::Deploy(DeployError::Call(CallError::NoCredentials(_)))) => {
            message(&format!("no AWS credentials were found, so this is about the file on this machine only: {later}"));
            return Ok(None);
        }
        other => other?,
    };
    match uploaded.edit(change, dry_run).await? {
        Some(done) => Ok(Some(summary(&done, &uploaded.place(), &caller.arn, dry_run))),
        None => {
            message(&format!("environment `{}` has no copy of the file yet: {later}", source.environment));
            Ok(None)
        }
    }
}

#[cfg(not(feature = "aws"))]
async fn edit_uploaded(
    _: &ItemSource,
    _: RowsChange<'_>,
    _: bool,
    _: &GlobalArgs,
) -> Result<Option<EditSummary>, CommandError> {
    message("this build has no AWS support, so this is about the file on this machine only");
    Ok(None)
}

/// Counts and logs the edits of a file.
fn summary(done: &[FileEdit], place: &str, who: &str, dry_run: bool) -> EditSummary {
    let mut summary = EditSummary::of(place, dry_run);
    for FileEdit { key, outcome, before, after } in done {
        summary.count(key, *outcome);
        if let Some(action) = outcome.action().filter(|_| !dry_run) {
            let (before, after) = (before.as_ref(), after.as_ref());
            log::change(&ItemChange { action, item: key, place, who, before, after });
        }
    }
    summary
}

/// The user of this machine.
fn user() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}
