//! Makes sure that the existing resources which a change set would import are ours: left by an earlier stack of this
//! environment. CloudFormation looks at their names only.

use std::collections::BTreeMap;

use super::aws::account::CallerIdentity;
use super::aws::call_error::CallError;
use super::diff::{Action, Listed, tidy};
use super::error::DeployError;
use super::generated::Manifest;
use super::resource_tags::{ResourceTags, are_ours};
use crate::resources;

/// Tags of a foreign resource that are shown.
const SHOWN: usize = 4;

/// Refuses to import resources that have not the tags of this environment.
///
/// # Errors
/// All such resources at once, and failed calls.
pub async fn check(
    listed: &[Listed],
    manifest: &Manifest,
    ours: &BTreeMap<String, String>,
    tags: ResourceTags<'_>,
) -> Result<(), DeployError> {
    let mut foreign = Vec::new();
    for import in listed.iter().filter(|listed| listed.action == Action::Import) {
        let Some(name) = name(import, manifest, tags.caller) else { continue };
        let whose = match tags.read(&import.kind, &name).await {
            Ok(Some(found)) if !are_ours(&found, ours) => owner(&found),
            Ok(_) => continue,
            Err(CallError::Denied { action, .. }) => {
                format!("its tags cannot be read, since {action} is not permitted")
            }
            Err(error) => return Err(error.into()),
        };
        let noun = resources::find(&import.kind).map_or(import.kind.as_str(), |card| card.noun);
        let path = manifest.resources.get(&import.id).map_or(import.id.as_str(), |resource| &resource.path);
        foreign.push(format!("{noun} {name} ({path}): {whose}"));
    }
    if foreign.is_empty() {
        return Ok(());
    }
    let tags = ours.iter().map(|(key, value)| format!("`{key}` = `{value}`")).collect::<Vec<_>>().join(" and ");
    Err(DeployError::ForeignImports { foreign, tags })
}

/// The physical name, as the template gives it, or else as the change set does.
fn name(import: &Listed, manifest: &Manifest, caller: &CallerIdentity) -> Option<String> {
    let planned = manifest.resources.get(&import.id).and_then(|resource| manifest.physical(resource, caller));
    planned.or_else(|| import.physical.clone())
}

/// Whose a resource is, by its tags.
fn owner(tags: &BTreeMap<String, String>) -> String {
    let shown = tags.iter().take(SHOWN).map(|(key, value)| format!("`{}` = `{}`", tidy(key), tidy(value)));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match tags.len() {
        0 => "it has no tags".to_owned(),
        count if count > SHOWN => format!("it is tagged {shown} and {} more", count - SHOWN),
        _ => format!("it is tagged {shown}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tags_of_a_foreign_resource_are_shown_without_control_characters() {
        let tags = |list: &[(&str, &str)]| list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(owner(&tags(&[])), "it has no tags");
        assert_eq!(owner(&tags(&[("team", "a\u{1b}[2J")])), "it is tagged `team` = `a\\u{1b}[2J`");
        let many = owner(&tags(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5")]));
        assert_eq!(many, "it is tagged `a` = `1`, `b` = `2`, `c` = `3`, `d` = `4` and 1 more");
    }
}
