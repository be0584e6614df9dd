//! Writes what a run did as the expectations of its test, into `pipeline.toml` with all its comments.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, TableLike, Value};

use super::observed::Observed;
use crate::config::pipeline::Pipeline;

/// An expectation to write: its keys with their values, in order.
pub type Recorded = InlineTable;

/// Why expectations cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Somebody edited the file in the meantime.
    #[error("`{}` was changed while its tests ran, so nothing was recorded: run `fanggen test --record` again", .0.display())]
    Changed(PathBuf),
    /// The file cannot be edited.
    #[error("`{}` cannot be edited, so nothing was recorded: {}", .0.display(), .1)]
    Unreadable(PathBuf, String),
    /// The file cannot be written.
    #[error("`{}` cannot be written, so nothing was recorded: {}", .0.display(), .1)]
    Unwritable(PathBuf, std::io::Error),
}

/// The expectations that a run meets: its records, what was dropped, what reached sinks with a condition, and dead letters.
#[must_use]
pub fn expectations(pipeline: &Pipeline, observed: &Observed) -> Vec<Recorded> {
    let mut all = Vec::new();
    for (identity, record) in &observed.records {
        let mut one = about(&identity.item, identity.entry.as_deref());
        if let Some(failure) = &record.failure {
            one.insert("failed", failure.error.code.as_str().into());
            one.insert("at", failure.stage.as_str().into());
        } else if let Some(label) = record.finding().and_then(|finding| finding.label) {
            one.insert("label", label.as_str().into());
        }
        all.push(one);
    }
    for (identity, stage) in &observed.dropped {
        let mut one = about(&identity.item, identity.entry.as_deref());
        one.insert("dropped_by", stage.as_str().into());
        all.push(one);
    }
    for sink in &pipeline.sinks {
        let mut one = InlineTable::new();
        one.insert("sink", sink.name.as_str().into());
        if sink.settings.condition().is_some() {
            one.insert("items", observed.items_in(&sink.name).into_iter().collect::<Array>().into());
        }
        let records = observed.delivered.get(&sink.name).map_or(0, Vec::len);
        one.insert("records", i64::try_from(records).unwrap_or(i64::MAX).into());
        all.push(one);
    }
    let reasons: BTreeSet<&str> = observed.dead_letters.iter().flatten().map(|code| code.as_str()).collect();
    for reason in reasons {
        let mut one = InlineTable::new();
        one.insert("dead_letter", reason.into());
        all.push(one);
    }
    all
}

fn about(item: &str, entry: Option<&str>) -> InlineTable {
    let mut one = InlineTable::new();
    one.insert("item", item.into());
    if let Some(entry) = entry {
        one.insert("entry", entry.into());
    }
    one
}

/// Writes expectations into the file of a pipeline, which still has to have this text. The file is replaced as a whole.
///
/// # Errors
/// A file that was changed meanwhile, or cannot be written.
pub fn write(path: &Path, text: &str, edits: &[(&str, Vec<Recorded>)]) -> Result<(), RecordError> {
    let edited = edit(text, edits).map_err(|why| RecordError::Unreadable(path.to_owned(), why))?;
    let unwritable = |error| RecordError::Unwritable(path.to_owned(), error);
    // A link stays a link: the file behind it is replaced.
    let path = fs::canonicalize(path).map_err(unwritable)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(unwritable)?;
    file.write_all(edited.as_bytes()).map_err(unwritable)?;
    let permissions = fs::metadata(&path).map_err(unwritable)?.permissions();
    fs::set_permissions(file.path(), permissions).map_err(unwritable)?;
    file.as_file().sync_all().map_err(unwritable)?;
    if fs::read(&path).map_err(unwritable)? != text.as_bytes() {
        return Err(RecordError::Changed(path));
    }
    file.persist(&path).map_err(|error| unwritable(error.error))?;
    Ok(())
}

fn edit(text: &str, edits: &[(&str, Vec<Recorded>)]) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.message().to_owned())?;
    let tests = document.get_mut("tests").ok_or("it has no tests")?;
    for (name, expectations) in edits {
        set(tests, name, expectations).ok_or_else(|| format!("there is no test `{name}`"))?;
    }
    Ok(document.to_string())
}

/// Sets the expectations of a test, whether it is written as `[[tests]]` or in a list of inline tables.
fn set(tests: &mut Item, name: &str, expectations: &[Recorded]) -> Option<()> {
    let named = |table: &dyn TableLike| table.get("name").and_then(Item::as_str) == Some(name);
    let list = |indent: &str| {
        let mut list: Array = expectations.iter().cloned().collect();
        for one in list.iter_mut() {
            one.decor_mut().set_prefix(format!("\n{indent}"));
        }
        list.set_trailing("\n");
        list.set_trailing_comma(true);
        Value::Array(list)
    };
    match tests {
        Item::ArrayOfTables(tables) => {
            let table = ArrayOfTables::iter_mut(tables).find(|table| named(*table))?;
            match table.get_mut("expect") {
                Some(Item::Value(value)) => {
                    // The comment after the list stays where it is.
                    let decor = value.decor().clone();
                    *value = list("    ");
                    *value.decor_mut() = decor;
                }
                _ => drop(table.insert("expect", Item::Value(list("    ")))),
            }
            Some(())
        }
        Item::Value(Value::Array(array)) => {
            let table = array.iter_mut().filter_map(Value::as_inline_table_mut).find(|table| named(*table))?;
            table.insert("expect", Value::Array(expectations.iter().cloned().collect()));
            Some(())
        }
        _ => None,
    }
}
