//! Where items are kept.

mod dynamodb;
mod file;
mod inline;

use crate::component::Kind;

/// The kinds of sources.
pub const KINDS: &[Kind] = &[Kind::of::<dynamodb::Dynamodb>(), Kind::of::<file::File>(), Kind::of::<inline::Inline>()];

/// The count of items that a cursor of a source in memory or in a file stands for.
fn offset(cursor: &str) -> Result<usize, crate::error::Error> {
    cursor.parse().map_err(|_| {
        crate::error::Error::permanent("cursor_unreadable", format!("`{cursor}` is not a cursor of this source"))
    })
}
