//! Writes what a run did as the expectations of its test, into `pipeline.toml` with all its comments.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml_edit::{Array, InlineTable, Item, TableLike, Value};

use super::observed::Observed;
use crate::config::pipeline::Pipeline;
use crate::edit::document;
use crate::edit::file::{self, ReplaceError};

/// The most records whose expectations are written one by one. Of more, only their number in each sink is.
const MOST: usize = 100;

/// An expectation to write: its keys with their values, in order.
pub type Recorded = InlineTable;

/// Why expectations cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file cannot be edited.
    #[error("`{}` cannot be edited, so nothing was recorded: {}", .0.display(), .1)]
    Unreadable(PathBuf, String),
    /// The file cannot be replaced.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
}

/// The expectations that a run meets: its records, what was dropped, what reached sinks with a condition, and dead letters.
#[must_use]
pub fn expectations(pipeline: &Pipeline, observed: &Observed) -> Vec<Recorded> {
    let mut all = Vec::new();
    let few = observed.records.len() + observed.dropped.len() <= MOST;
    for (identity, record) in observed.records.iter().filter(|_| few) {
        let mut one = about(&identity.item, identity.entry.as_deref());
        if let Some(failure) = &record.failure {
            one.insert("failed", failure.error.code.as_str().into());
            one.insert("at", failure.stage.as_str().into());
        } else if let Some(label) = record.finding().and_then(|finding| finding.label) {
            one.insert("label", label.as_str().into());
        }
        all.push(one);
    }
    for (identity, stage) in observed.dropped.iter().filter(|_| few) {
        let mut one = about(&identity.item, identity.entry.as_deref());
        one.insert("dropped_by", stage.as_str().into());
        all.push(one);
    }
    for sink in &pipeline.sinks {
        let mut one = InlineTable::new();
        one.insert("sink", sink.name.as_str().into());
        if few && sink.settings.condition().is_some() {
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

/// What to write into a test.
pub struct TestEdit<'a> {
    /// The name of the test.
    pub name: &'a str,
    /// What the run did.
    pub recorded: Vec<Recorded>,
    /// The indexes of the expectations that it did not meet: only these are written anew, unless the test has none.
    pub unmet: Vec<usize>,
}

/// Writes expectations into the file of a pipeline, which still has to have this text. The file is replaced as a whole.
/// Returns how many were written.
///
/// # Errors
/// A file that was changed meanwhile, or cannot be written.
pub fn write(path: &Path, text: &str, edits: &[TestEdit<'_>]) -> Result<usize, RecordError> {
    let (edited, written) = edit(text, edits).map_err(|why| RecordError::Unreadable(path.to_owned(), why))?;
    file::replace(path, text, &edited)?;
    Ok(written)
}

fn edit(text: &str, edits: &[TestEdit<'_>]) -> Result<(String, usize), String> {
    let mut document = document::parse(text)?;
    let tests = document.get_mut("tests").ok_or("it has no tests")?;
    let mut written = 0;
    for edit in edits {
        let test = table_of(tests, edit.name).ok_or_else(|| format!("there is no test `{}`", edit.name))?;
        written += edit.apply(test);
    }
    Ok((document::to_text(&document, text), written))
}

/// A test, whether it is written as `[[tests]]` or as an inline table of a list.
fn table_of<'a>(tests: &'a mut Item, name: &str) -> Option<&'a mut dyn TableLike> {
    let named = |table: &dyn TableLike| table.get("name").and_then(Item::as_str) == Some(name);
    match tests {
        Item::ArrayOfTables(tables) => {
            tables.iter_mut().find(|table| named(*table)).map(|table| table as &mut dyn TableLike)
        }
        Item::Value(Value::Array(array)) => {
            let mut tables = array.iter_mut().filter_map(Value::as_inline_table_mut);
            tables.find(|table| named(*table)).map(|table| table as &mut dyn TableLike)
        }
        _ => None,
    }
}

impl TestEdit<'_> {
    /// Writes the expectations into the table of the test, and returns how many it wrote.
    fn apply(&self, test: &mut dyn TableLike) -> usize {
        match test.get_mut("expect") {
            Some(Item::Value(Value::Array(list))) if !list.is_empty() => self.replace(list),
            Some(Item::ArrayOfTables(tables)) if !tables.is_empty() => {
                let all = tables.iter_mut().enumerate().filter(|(index, _)| self.unmet.contains(index));
                all.filter_map(|(_, table)| self.correct(table)).count()
            }
            _ => {
                test.insert("expect", Item::Value(Value::Array(self.list())));
                self.recorded.len()
            }
        }
    }

    /// The expectations as a list, one per line.
    fn list(&self) -> Array {
        let mut list: Array = self.recorded.iter().cloned().collect();
        list.iter_mut().for_each(|one| one.decor_mut().set_prefix("\n    "));
        list.set_trailing("\n");
        list.set_trailing_comma(true);
        list
    }

    /// Corrects the expectations that were not met, in their places, with the comments around them.
    fn replace(&self, list: &mut Array) -> usize {
        let all = list.iter_mut().enumerate().filter(|(index, _)| self.unmet.contains(index));
        all.filter_map(|(_, one)| self.correct(one.as_inline_table_mut()?)).count()
    }

    /// Corrects an expectation, if the run did anything with its subject.
    fn correct(&self, expectation: &mut dyn TableLike) -> Option<()> {
        let text = |table: &dyn TableLike, key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
        let subject = |table: &dyn TableLike| ["item", "entry", "sink", "dead_letter"].map(|key| text(table, key));
        let wanted = subject(expectation);
        let same = |one: &&Recorded| {
            let found = subject(*one);
            // An expectation of all entries of an item is corrected by the first of them.
            found == wanted || wanted[1].is_none() && wanted[0].is_some() && found[0] == wanted[0]
        };
        let recorded = self.recorded.iter().find(same)?;
        let of_sink = wanted[2].is_some();
        for key in ["label", "failed", "at", "dropped_by", "when", "items", "records"] {
            match recorded.get(key) {
                // What was not asked about a sink stays unasked.
                Some(value) if !of_sink || expectation.contains_key(key) => {
                    match expectation.get_mut(key).and_then(Item::as_value_mut) {
                        Some(old) => {
                            let decor = old.decor().clone();
                            *old = value.clone();
                            *old.decor_mut() = decor;
                        }
                        None => drop(expectation.insert(key, Item::Value(value.clone()))),
                    }
                }
                Some(_) => {}
                None => drop(expectation.remove(key)),
            }
        }
        Some(())
    }
}
