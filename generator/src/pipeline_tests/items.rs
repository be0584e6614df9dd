//! The items that a test lists, with the attributes that they have in the sources of the pipeline.

use std::collections::{BTreeMap, BTreeSet};

use fanggen_runtime::component::{Binding, Instance};
use fanggen_runtime::model::error::Error;
use fanggen_runtime::model::items::InlineItem;
use fanggen_runtime::model::record::Item;

use crate::config::pipeline::{ComponentConfig, Pipeline};
use crate::local::LocalServices;

/// The items of a test by the source that they belong to: the one that lists their key, or else the first.
///
/// # Errors
/// An item without a key.
pub async fn of_test(
    pipeline: &Pipeline,
    items: &[InlineItem],
    here: Option<&LocalServices>,
) -> Result<BTreeMap<String, Vec<Item>>, Error> {
    let key = pipeline.key();
    let written: Vec<(bool, Item)> = (items.iter())
        .map(|item| Ok((matches!(item, InlineItem::Key(_)), item.to_item(key)?)))
        .collect::<Result<_, Error>>()?;
    let mut wanted: BTreeSet<String> = written.iter().map(|(_, item)| item.key.clone()).collect();
    let mut known = BTreeMap::new();
    for source in &pipeline.sources {
        let Some(here) = here.filter(|_| !wanted.is_empty()) else { break };
        find(source, here, &mut wanted, &mut known).await;
    }
    let first = pipeline.sources.first().map(|source| source.name.clone()).unwrap_or_default();
    let mut by_source: BTreeMap<String, Vec<Item>> = BTreeMap::new();
    for (is_key, item) in written {
        let listed = known.remove(&item.key);
        let source = listed.as_ref().map_or_else(|| first.clone(), |(source, _)| source.clone());
        let item = listed.filter(|_| is_key).map_or(item, |(_, listed)| listed);
        by_source.entry(source).or_default().push(item);
    }
    Ok(by_source)
}

/// Reads a source until all wanted items are found. A source that cannot be read has none: the test lists its own.
async fn find(
    source: &ComponentConfig,
    here: &LocalServices,
    wanted: &mut BTreeSet<String>,
    known: &mut BTreeMap<String, (String, Item)>,
) {
    let binding = Binding {
        name: source.name.clone(),
        store: Some(source.path.clone()),
        items: here.given(source),
        ..Binding::default()
    };
    let Ok(Instance::Source(mut items)) = source.settings.open(binding, here) else { return };
    while let Ok(Some((item, error))) = items.next().await {
        if error.is_none() && wanted.remove(&item.key) {
            known.insert(item.key.clone(), (source.name.clone(), item));
            if wanted.is_empty() {
                return;
            }
        }
    }
}
