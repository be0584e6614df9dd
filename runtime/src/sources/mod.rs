//! The sources: components that list the items of a run.

mod dynamodb;
mod file;
mod inline;

pub use file::columns::{FoundColumns, columns_in_file};
pub use file::reader::ItemReader;

use crate::component::services::Services;
use crate::component::{Binding, Component, ComponentKind, Instance};
use crate::model::error::{Error, ErrorCode};
use crate::model::tree::Tree;
use crate::model::values::{Attribute, RelativePath};

/// The kinds of sources.
pub const KINDS: &[ComponentKind] = &[
    ComponentKind::of::<dynamodb::DynamodbSourceSettings>(),
    ComponentKind::of::<file::FileSettings>(),
    ComponentKind::of::<inline::InlineSettings>(),
];

/// The default attribute for the key of an item.
fn default_key() -> Attribute {
    #[expect(clippy::expect_used, reason = "a valid attribute, as every test of a source shows")]
    Attribute::new("name").expect("an attribute")
}

/// The extension of a file name, in lower case.
fn extension(path: &str) -> String {
    path.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase()
}

/// The items of a file that another source names, such as the `items_file` of a table.
///
/// # Errors
/// What keeps the file from being read.
pub fn items_in_file(path: &RelativePath, key: &str, services: &dyn Services) -> Result<Instance, Error> {
    let settings = Tree::from_json(serde_json::json!({ "path": path, "key": key })).read::<file::FileSettings>();
    let settings = settings.map_err(|fault| Error::permanent(ErrorCode::ItemsUnreadable, fault.to_string()))?;
    settings.open(Binding::default(), services)
}

/// Why a file cannot be a file of items: what was found, and what is allowed.
fn unsupported_file(path: &str) -> Option<(String, String)> {
    let known = ["csv", "jsonl", "ndjson"].contains(&extension(path).as_str());
    (!known).then(|| (format!("the file `{path}`"), "a file ending in `.csv` or `.jsonl`".into()))
}

/// The number of items that the cursor of an inline or file source stands for.
fn offset(cursor: &str) -> Result<usize, Error> {
    cursor.parse().map_err(|_| {
        let message =
            "the cursor in this source was written by another version: the next run starts from the beginning";
        Error::permanent(ErrorCode::CursorUnreadable, message)
    })
}
