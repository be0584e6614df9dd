//! Merges an environment into the file: it overrides any value, and addresses a stage by its name.

use std::sync::Arc;

use fanggen_runtime::component::ComponentRole;
use fanggen_runtime::function::registry;
use fanggen_runtime::model::tree::{Entry, Table, Tree, Value, quoted_list};

use super::mistake::{Mistake, MistakeCode};
use super::suggestion::did_you_mean;

/// The file as one environment sees it: with the values of the environment, and without `[environments]`.
pub fn environment(file: &Tree, overlay: Option<&Tree>, mistakes: &mut Vec<Mistake>) -> Tree {
    let mut tree = file.clone();
    if let Some(table) = tree.as_table_mut() {
        table.remove("environments");
        if let Some(overlay) = overlay.and_then(Tree::as_table) {
            let mut overlay = overlay.clone();
            if let Some(inner) = overlay.remove("environments") {
                mistakes.push(
                    Mistake::new(
                        MistakeCode::NestedEnvironment,
                        &inner.key,
                        "environments cannot be nested",
                        "not allowed here",
                    )
                    .help("write it as `[environments.<name>]`".to_owned()),
                );
            }
            if let Some(inner) = overlay.remove("tests") {
                mistakes.push(
                    Mistake::new(
                        MistakeCode::UnknownSetting,
                        &inner.key,
                        "an environment has no tests of its own",
                        "not allowed here",
                    )
                    .help("write `[[tests]]` at the top level, with `environment = \"<name>\"`".to_owned()),
                );
            }
            if let Some(above) = overlay.remove("stages") {
                lay_all_stages(table, above, mistakes);
            }
            for (section, role) in [("sources", ComponentRole::Source), ("sinks", ComponentRole::Sink)] {
                let below = table.get_mut(section).and_then(|entry| entry.tree.as_table_mut());
                if let (Some(below), Some(above)) =
                    (below, overlay.get(section).and_then(|entry| entry.tree.as_table()))
                {
                    for (name, above) in above {
                        let component = below.get_mut(name).and_then(|entry| entry.tree.as_table_mut());
                        if let (Some(component), Some(above)) = (component, above.tree.as_table()) {
                            drop_replaced(role, component, above);
                        }
                    }
                }
            }
            lay(table, &overlay);
        }
    }
    tree
}

/// Merges one table into another, value by value.
fn lay(base: &mut Table, overlay: &Table) {
    for (name, above) in overlay {
        let below = base.get_mut(name).and_then(|below| below.tree.as_table_mut());
        match (below, above.tree.as_table()) {
            (Some(below), Some(overlay)) => lay(below, overlay),
            _ => drop(base.insert(name.clone(), above.clone())),
        }
    }
}

/// The stages are a list in the file, and a table by name in an environment.
fn lay_all_stages(base: &mut Table, above: Entry, mistakes: &mut Vec<Mistake>) {
    let below = base.get_mut("stages").map(|entry| &mut entry.tree.value);
    match (below, &above.tree.value) {
        (Some(Value::List(stages)), Value::Table(by_name)) => {
            lay_stages(Arc::make_mut(stages).as_mut_slice(), by_name, mistakes)
        }
        (None, Value::Table(by_name)) => lay_stages(&mut [], by_name, mistakes),
        (_, Value::List(_)) => {
            let words = "address a stage by its name: `stages.<name>.<setting> = ..`";
            mistakes.push(
                Mistake::new(
                    MistakeCode::StageList,
                    &above.key,
                    "an environment cannot list the stages again",
                    "a list of stages",
                )
                .allowed("a table of stages by name")
                .help(words.to_owned()),
            );
        }
        (Some(_), Value::Table(_)) => {} // not a list in the file itself, which is reported elsewhere
        _ => drop(base.insert("stages".into(), above)),
    }
}

fn lay_stages(stages: &mut [Tree], by_name: &Table, mistakes: &mut Vec<Mistake>) {
    let mut names: Vec<String> = stages.iter().filter_map(stage_name).map(str::to_owned).collect();
    names.dedup();
    for (name, above) in by_name {
        let stage = stages.iter_mut().find(|stage| stage_name(stage) == Some(name)).and_then(Tree::as_table_mut);
        match (stage, above.tree.as_table()) {
            (Some(stage), Some(overlay)) => {
                drop_replaced(ComponentRole::Stage, stage, overlay);
                lay(stage, overlay);
            }
            (Some(_), None) => mistakes.push(
                Mistake::new(
                    MistakeCode::InvalidValue,
                    &above.tree.span,
                    "a stage must be a table",
                    format!("found {}", above.tree.describe()),
                )
                .allowed("a table of settings"),
            ),
            (None, _) => mistakes.push(
                Mistake::new(
                    MistakeCode::UnknownStage,
                    &above.key,
                    format!("there is no stage `{name}`"),
                    "unknown stage",
                )
                .allowed(if names.is_empty() { "none: the file has no stages".into() } else { quoted_list(&names) })
                .help(did_you_mean(name, &names)),
            ),
        }
    }
}

fn stage_name(stage: &Tree) -> Option<&str> {
    stage.as_table()?.get("name")?.tree.as_str()
}

/// Drops the settings of a component that an environment replaces: all of the old type where it changes the type, and
/// those that cannot stand beside one that it sets.
fn drop_replaced(role: ComponentRole, base: &mut Table, overlay: &Table) {
    let word = |table: &Table| table.get("type").and_then(|entry| entry.tree.as_str()).map(str::to_owned);
    let (old, new) = (word(base), word(overlay));
    let card = new.as_ref().or(old.as_ref()).and_then(|name| registry::find(role, name)).map(|kind| kind.card);
    let alternatives = card.map(|card| card.alternatives).unwrap_or_default();
    for set in alternatives.iter().filter(|set| set.iter().any(|key| overlay.contains_key(*key))) {
        let replaced = |key: &str| alternatives.iter().any(|other| other != set && other.contains(&key));
        base.retain(|key, _| !replaced(key));
    }
    if old.is_some() && new.is_some() && old != new {
        base.retain(|key, _| key == "name" || super::pipeline::STAGE_OPTIONS.contains(&key.as_str()));
    }
}
