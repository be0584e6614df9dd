//! The components that a file has, however they are written, and where a stage goes among them.

use fanggen_runtime::component::{Card, ComponentRole, TextFlow};
use fanggen_runtime::function::registry;
use fanggen_runtime::model::tree::quoted_list;
use toml_edit::{DocumentMut, Item, TableLike, Value};

use super::add::{AddError, StagePlace};
use crate::config::suggestion::did_you_mean;

/// The names of all components of a role.
pub(super) fn names(document: &DocumentMut, role: ComponentRole) -> Vec<String> {
    let section = format!("{}s", role.as_str());
    match document.get(&section).and_then(Item::as_table_like) {
        Some(table) => table.iter().map(|(name, _)| name.to_owned()).collect(),
        None => tables(document, &section).into_iter().filter_map(named).collect(),
    }
}

fn named(stage: &dyn TableLike) -> Option<String> {
    stage.get("name").and_then(Item::as_str).map(str::to_owned)
}

/// A name that no component has: two of the same name in different roles would be legal, but hard to read.
pub(super) fn free_name(wanted: &str, document: &DocumentMut) -> String {
    let roles = [ComponentRole::Source, ComponentRole::Stage, ComponentRole::Sink];
    let taken: Vec<String> = roles.into_iter().flat_map(|role| names(document, role)).collect();
    let numbered = (2..).map(|number| format!("{wanted}{number}"));
    let mut candidates = std::iter::once(wanted.to_owned()).chain(numbered);
    candidates.find(|name| !taken.contains(name)).unwrap_or_default()
}

/// The index at which a component is inserted, if it is a stage.
pub(super) fn stage_index(document: &DocumentMut, card: &Card, place: StagePlace<'_>) -> Result<usize, AddError> {
    let stages = tables(document, "stages");
    let names: Vec<String> = stages.iter().filter_map(|stage| named(*stage)).collect();
    let index = |name: &str| {
        names.iter().position(|other| other == name).ok_or_else(|| AddError::UnknownStage {
            found: name.to_owned(),
            known: quoted_list(&names),
            help: did_you_mean(name, &names).map(|help| format!("; {help}")).unwrap_or_default(),
        })
    };
    let flow = |stage: &&dyn TableLike| {
        let kind = stage.get("type").and_then(Item::as_str)?;
        registry::find(ComponentRole::Stage, kind).map(|kind| kind.card.text)
    };
    let after_last = |wanted: TextFlow| stages.iter().rposition(|stage| flow(stage) == Some(wanted)).map(|at| at + 1);
    Ok(match place {
        StagePlace::Before(name) => index(name)?,
        StagePlace::After(name) => index(name)? + 1,
        StagePlace::ByKind => match card.text {
            TextFlow::Provides => after_last(TextFlow::Provides).unwrap_or(0),
            TextFlow::Transforms => {
                after_last(TextFlow::Transforms).or_else(|| after_last(TextFlow::Provides)).unwrap_or(0)
            }
            TextFlow::Analyses => after_last(TextFlow::Analyses).unwrap_or(stages.len()),
            TextFlow::Ignores => stages.len(),
        },
    })
}

/// The tables of a list, however it is written.
fn tables<'a>(document: &'a DocumentMut, section: &str) -> Vec<&'a dyn TableLike> {
    match document.get(section) {
        Some(Item::ArrayOfTables(tables)) => tables.iter().map(|table| table as &dyn TableLike).collect(),
        Some(Item::Value(Value::Array(list))) => {
            list.iter().filter_map(Value::as_inline_table).map(|table| table as &dyn TableLike).collect()
        }
        _ => Vec::new(),
    }
}
