//! An environment laid over the file: it overrides any value, and addresses a stage by its name.

use std::sync::Arc;

use fanggen_runtime::tree::{Entry, Table, Tree, Value};

use super::mistake::{Mistake, did_you_mean};

/// The file as one environment sees it: without `[environments]`, and with that environment's values.
pub fn environment(file: &Tree, overlay: Option<&Tree>, mistakes: &mut Vec<Mistake>) -> Tree {
    let mut tree = file.clone();
    if let Some(table) = tree.table_mut() {
        table.remove("environments");
        if let Some(overlay) = overlay.and_then(Tree::table) {
            lay(table, overlay, mistakes);
        }
    }
    tree
}

/// Lays one table over another, value by value.
fn lay(base: &mut Table, overlay: &Table, mistakes: &mut Vec<Mistake>) {
    for (name, above) in overlay {
        match base.get_mut(name) {
            None => drop(base.insert(name.clone(), above.clone())),
            Some(below) => lay_entry(name, below, above, mistakes),
        }
    }
}

fn lay_entry(name: &str, below: &mut Entry, above: &Entry, mistakes: &mut Vec<Mistake>) {
    match (&mut below.tree.value, &above.tree.value) {
        (Value::List(stages), Value::Table(by_name)) if name == "stages" => {
            lay_stages(Arc::make_mut(stages).as_mut_slice(), by_name, mistakes);
        }
        (Value::List(_), Value::List(_)) if name == "stages" => {
            let words = "an environment addresses a stage by its name: `stages.<name>.<setting> = ..`";
            mistakes.push(
                Mistake::new("E042", &above.key, "an environment cannot list the stages anew", "a list of stages")
                    .allowed("a table of stages by name")
                    .help(words.to_owned()),
            );
        }
        (Value::Table(base), Value::Table(overlay)) => {
            change_type(base, overlay);
            lay(base, overlay, mistakes);
        }
        _ => *below = above.clone(),
    }
}

fn lay_stages(stages: &mut [Tree], by_name: &Table, mistakes: &mut Vec<Mistake>) {
    let mut names: Vec<String> = stages.iter().filter_map(stage_name).map(str::to_owned).collect();
    names.dedup();
    for (name, above) in by_name {
        let stage = stages.iter_mut().find(|stage| stage_name(stage) == Some(name)).and_then(Tree::table_mut);
        match (stage, above.tree.table()) {
            (Some(stage), Some(overlay)) => {
                change_type(stage, overlay);
                lay(stage, overlay, mistakes);
            }
            (Some(_), None) => mistakes.push(
                Mistake::new("E003", &above.tree.span, "a stage is a table", format!("found {}", above.tree.plain()))
                    .allowed("settings of the stage"),
            ),
            (None, _) => mistakes.push(
                Mistake::new("E040", &above.key, format!("there is no stage `{name}`"), "not the name of a stage")
                    .allowed(fanggen_runtime::tree::listed(&names))
                    .help(did_you_mean(name, &names)),
            ),
        }
    }
}

fn stage_name(stage: &Tree) -> Option<&str> {
    stage.table()?.get("name")?.tree.text()
}

/// A changed type drops the old settings: they belonged to another kind.
fn change_type(base: &mut Table, overlay: &Table) {
    let word = |table: &Table| table.get("type").and_then(|entry| entry.tree.text()).map(str::to_owned);
    if let (Some(old), Some(new)) = (word(base), word(overlay))
        && old != new
    {
        base.retain(|key, _| key == "name" || super::pipeline::STAGE_FRAME.contains(&key.as_str()));
    }
}
