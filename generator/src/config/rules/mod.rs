//! Rules across the file: what no single value can tell by itself.

mod across;
mod flow;
mod iam;
mod items;
mod timing;

use fanggen_runtime::tree::Tree;

use super::mistake::Mistake;
use super::pipeline::Pipeline;

pub use across::across;

/// Codes of what is missing, rather than wrong.
pub const ABSENT: [&str; 6] = ["E005", "E012", "E013", "W106", "W107", "W108"];

/// Notes what does not go together in one environment.
pub fn check(pipeline: &Pipeline, tree: &Tree, mistakes: &mut Vec<Mistake>) {
    timing::check(pipeline, tree, mistakes);
    flow::check(pipeline, tree, mistakes);
    items::check(pipeline, mistakes);
    iam::check(pipeline, tree, mistakes);
}

/// The entry at a path of names.
fn entry<'a>(tree: &'a Tree, path: &[&str]) -> Option<&'a fanggen_runtime::tree::Entry> {
    let (last, before) = path.split_last()?;
    let mut tree = tree;
    for part in before {
        tree = &tree.table()?.get(*part)?.tree;
    }
    tree.table()?.get(*last)
}
