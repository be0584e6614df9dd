//! An environment laid over the file: it overrides any value, and addresses a stage by its name.

use std::sync::Arc;

use fanggen_runtime::model::tree::{Entry, Table, Tree, Value, listed};

use super::mistake::{Mistake, MistakeCode, did_you_mean};

/// The file as one environment sees it: without `[environments]`, and with that environment's values.
pub fn environment(file: &Tree, overlay: Option<&Tree>, mistakes: &mut Vec<Mistake>) -> Tree {
    let mut tree = file.clone();
    if let Some(table) = tree.table_mut() {
        table.remove("environments");
        if let Some(overlay) = overlay.and_then(Tree::table) {
            let mut overlay = overlay.clone();
            if let Some(inner) = overlay.remove("environments") {
                mistakes.push(
                    Mistake::new(
                        MistakeCode::NestedEnvironment,
                        &inner.key,
                        "an environment has no environments of its own",
                        "not read here",
                    )
                    .help("write each of them as `[environments.<name>]`".to_owned()),
                );
            }
            if let Some(above) = overlay.remove("stages") {
                lay_all_stages(table, above, mistakes);
            }
            lay(table, &overlay);
        }
    }
    tree
}

/// Lays one table over another, value by value.
fn lay(base: &mut Table, overlay: &Table) {
    for (name, above) in overlay {
        let below = base.get_mut(name).and_then(|below| below.tree.table_mut());
        match (below, above.tree.table()) {
            (Some(below), Some(overlay)) => {
                give_way(below, overlay);
                lay(below, overlay);
            }
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
            let words = "an environment addresses a stage by its name: `stages.<name>.<setting> = ..`";
            mistakes.push(
                Mistake::new(
                    MistakeCode::StageList,
                    &above.key,
                    "an environment cannot list the stages anew",
                    "a list of stages",
                )
                .allowed("a table of stages by name")
                .help(words.to_owned()),
            );
        }
        (Some(_), Value::Table(_)) => {} // what the file itself has there is no list, and is reported as such
        _ => drop(base.insert("stages".into(), above)),
    }
}

fn lay_stages(stages: &mut [Tree], by_name: &Table, mistakes: &mut Vec<Mistake>) {
    let mut names: Vec<String> = stages.iter().filter_map(stage_name).map(str::to_owned).collect();
    names.dedup();
    for (name, above) in by_name {
        let stage = stages.iter_mut().find(|stage| stage_name(stage) == Some(name)).and_then(Tree::table_mut);
        match (stage, above.tree.table()) {
            (Some(stage), Some(overlay)) => {
                give_way(stage, overlay);
                lay(stage, overlay);
            }
            (Some(_), None) => mistakes.push(
                Mistake::new(
                    MistakeCode::InvalidValue,
                    &above.tree.span,
                    "a stage is a table",
                    format!("found {}", above.tree.plain()),
                )
                .allowed("settings of the stage"),
            ),
            (None, _) => mistakes.push(
                Mistake::new(
                    MistakeCode::UnknownStage,
                    &above.key,
                    format!("there is no stage `{name}`"),
                    "not the name of a stage",
                )
                .allowed(if names.is_empty() { "none: the file has no stages".into() } else { listed(&names) })
                .help(did_you_mean(name, &names)),
            ),
        }
    }
}

fn stage_name(stage: &Tree) -> Option<&str> {
    stage.table()?.get("name")?.tree.text()
}

/// Settings that stand instead of each other, a source's table: one that exists already is nobody's to seed. An environment
/// that sets one side drops what it would inherit of the other.
const INSTEAD: (&[&str], &[&str]) = (&["existing"], &["items", "items_file"]);

/// A changed type drops the old settings: they belonged to another kind. So does a setting those that it stands for.
fn give_way(base: &mut Table, overlay: &Table) {
    let (one, other) = INSTEAD;
    for (set, dropped) in [(one, other), (other, one)] {
        // A table of such a name is no setting, but a source that is called so.
        if set.iter().any(|key| overlay.get(*key).is_some_and(|entry| entry.tree.table().is_none())) {
            base.retain(|key, entry| !dropped.contains(&key.as_str()) || entry.tree.table().is_some());
        }
    }
    let word = |table: &Table| table.get("type").and_then(|entry| entry.tree.text()).map(str::to_owned);
    if let (Some(old), Some(new)) = (word(base), word(overlay))
        && old != new
    {
        base.retain(|key, _| key == "name" || super::pipeline::STAGE_OPTIONS.contains(&key.as_str()));
    }
}
