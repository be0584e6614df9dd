//! Where items are kept.

mod dynamodb;
mod file;
mod inline;

use crate::component::Kind;
use crate::model::values::Attribute;

/// The kinds of sources.
pub const KINDS: &[Kind] = &[Kind::of::<dynamodb::Dynamodb>(), Kind::of::<file::File>(), Kind::of::<inline::Inline>()];

/// The attribute that holds the key unless another is named.
fn name() -> Attribute {
    #[expect(clippy::expect_used, reason = "an attribute, as every test of a source shows")]
    Attribute::new("name").expect("an attribute")
}

/// The ending of a file's name, in lower case.
fn ending(path: &str) -> String {
    path.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase()
}

/// What keeps a file from being read as items: what was found, and what is allowed.
fn unfit(path: &str) -> Option<(String, String)> {
    let known = ["csv", "jsonl", "ndjson"].contains(&ending(path).as_str());
    (!known).then(|| (format!("the file `{path}`"), "a file ending in `.csv` or `.jsonl`".into()))
}

/// The count of items that a cursor of a source in memory or in a file stands for.
fn offset(cursor: &str) -> Result<usize, crate::model::error::Error> {
    cursor.parse().map_err(|_| {
        let words = "where the run stood in this source was written by other code: the next run begins anew";
        crate::model::error::Error::permanent("cursor_unreadable", words)
    })
}
