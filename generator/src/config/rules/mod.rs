//! Rules that concern several values.

mod alarms;
mod budget_regions;
mod dynamic_references;
mod expectations;
mod flow;
mod iam;
mod items;
mod pipeline_tests;
mod quotas;
mod regions;
mod timing;

use fanggen_runtime::component::{Card, ComponentRole};
use fanggen_runtime::function::registry;
use fanggen_runtime::model::tree::{Tree, quoted_list};

use super::mistake::Mistake;
use super::pipeline::Pipeline;

pub use budget_regions::{BUDGET_REGIONS, budget_refused};
pub use dynamic_references::check_dynamic_references;
pub use pipeline_tests::check_test_environments;
pub use quotas::{SharedQuota, check_quotas, shared_quotas};
pub use regions::partition_of;

/// Reports what does not fit together in one environment.
pub fn check(pipeline: &Pipeline, tree: &Tree, mistakes: &mut Vec<Mistake>) {
    timing::check(pipeline, tree, mistakes);
    flow::check(pipeline, tree, mistakes);
    items::check(pipeline, mistakes);
    iam::check(pipeline, tree, mistakes);
    regions::check(pipeline, tree, mistakes);
    alarms::check(pipeline, tree, mistakes);
    pipeline_tests::check(pipeline, mistakes);
}

/// The types of a role that work in AWS and whose card fits.
fn types(role: ComponentRole, fits: impl Fn(&Card) -> bool) -> String {
    let known = registry::of(role).iter().map(|kind| &kind.card);
    let names: Vec<&str> = known.filter(|card| !card.local_only && fits(card)).map(|card| card.name).collect();
    quoted_list(&names)
}

/// The entry at a path of names.
fn entry<'a>(tree: &'a Tree, path: &[&str]) -> Option<&'a fanggen_runtime::model::tree::Entry> {
    let (last, before) = path.split_last()?;
    let mut tree = tree;
    for part in before {
        tree = &tree.as_table()?.get(*part)?.tree;
    }
    tree.as_table()?.get(*last)
}
