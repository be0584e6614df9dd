//! Why items cannot be read or edited.

use std::io;

use crate::not_deployed::NotDeployed;

/// The most mistakes that are printed.
const SHOWN: usize = 20;

/// Why items cannot be read or edited.
#[derive(Debug, thiserror::Error)]
pub enum ItemsEditError {
    /// No such source.
    #[error("there is no source `{found}`; known: {known}{help}")]
    NoSource {
        /// What was asked for.
        found: String,
        /// All sources.
        known: String,
        /// A suggestion.
        help: String,
    },
    /// Several sources, and none was named.
    #[error("the pipeline has several sources: {0}\n  name one with `--source NAME`")]
    SeveralSources(String),
    /// The items are in the pipeline's file itself.
    #[error(
        "the items of source `{source_name}` are in the pipeline's file itself: nothing was changed\n  edit `items` at {place}, \
         then run `fanggen render && fanggen apply`"
    )]
    Inline {
        /// The source.
        source_name: String,
        /// The file and line.
        place: String,
    },
    /// The items are in a table.
    #[error(
        "the items of source `{0}` are in a table, so there is no file to edit with `--local`\n  leave out `--local`, or edit \
         the pipeline's file"
    )]
    NotLocal(String),
    /// The table belongs to somebody else.
    #[error(
        "the table `{0}` is not the pipeline's own (`existing`): fanggen only reads it, and nothing was changed\n  edit it \
         where its owner does"
    )]
    ExistingTable(String),
    /// Items that cannot be used.
    #[error("nothing was written: {} cannot be used{}", counted(.0.len()), listed(.0))]
    Invalid(Vec<String>),
    /// A file that cannot be read.
    #[error("`{name}` cannot be read: {reason}")]
    Unreadable {
        /// The file.
        name: String,
        /// Why.
        reason: String,
    },
    /// A file that was changed between two readings.
    #[error(
        "`{0}` was changed while it was read\n  run the same command again: what is written already stays as it is"
    )]
    InputChanged(String),
    /// A file of items with rows that cannot be read, or in another encoding.
    #[error("nothing was written: `{name}` cannot be edited: {reason}")]
    NotEditable {
        /// The file.
        name: String,
        /// Why.
        reason: String,
    },
    /// An attribute without a column.
    #[error(
        "nothing was written: `{name}` has no column `{column}`; it has {header}\n  add the column to its first line, or leave \
         out the attribute of `{item}`"
    )]
    NoColumn {
        /// The file.
        name: String,
        /// The column.
        column: String,
        /// The columns that it has.
        header: String,
        /// The item.
        item: String,
    },
    /// A file that cannot be written.
    #[error("`{name}` cannot be written, and is unchanged: {source}")]
    Unwritable {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A file that somebody else changes all the time.
    #[error("`{0}` was changed by somebody else at the same time: it was not written\n  run the same command again")]
    Contended(String),
    /// Nothing to rename.
    #[error("there is no item `{old}` in {place}: nothing was changed\n  `fanggen items list` shows the items")]
    NoOld {
        /// The old name.
        old: String,
        /// The table or file.
        place: String,
    },
    /// The new name is taken.
    #[error(
        "there is an item `{new}` in {place} already: nothing was changed, and `{old}` is still there\n  remove one of the two \
         with `fanggen items remove`"
    )]
    NewExists {
        /// The old name.
        old: String,
        /// The new name.
        new: String,
        /// The table or file.
        place: String,
    },
    /// The row changed in between.
    #[error("somebody changed `{old}` in {place} at the same time: nothing was written\n  run the same command again")]
    OldChanged {
        /// The old name.
        old: String,
        /// The table or file.
        place: String,
    },
    /// The table or the uploaded file does not exist.
    #[error(transparent)]
    NotDeployed(#[from] NotDeployed),
    /// The user stopped the command.
    #[error("stopped after {0} items, each of them written completely\n  run the same command again: it continues")]
    Stopped(usize),
}

fn counted(count: usize) -> String {
    if count == 1 { "1 item".to_owned() } else { format!("{count} items") }
}

fn listed(mistakes: &[String]) -> String {
    let mut text: String = mistakes.iter().take(SHOWN).map(|mistake| format!("\n  {mistake}")).collect();
    if mistakes.len() > SHOWN {
        text.push_str(&format!("\n  and {} more", mistakes.len() - SHOWN));
    }
    text
}
