//! Makes sure that the existing resources which a change set would import are ours: left by an earlier stack of this
//! environment. CloudFormation looks at their names only.

use std::collections::BTreeMap;

use super::aws::account::CallerIdentity;
use super::aws::call_error::CallError;
use super::diff::{Action, Listed, tidy};
use super::error::DeployError;
use super::generated::Manifest;
use super::resource_tags::{ResourceTags, are_ours};
use crate::resources::{self, kms};

/// Tags of a foreign resource that are shown.
const SHOWN: usize = 4;

/// Refuses to import resources that have not the tags of this environment, and an alias without its key.
///
/// # Errors
/// All such resources at once, and failed calls.
pub async fn check(
    listed: &[Listed],
    manifest: &Manifest,
    ours: &BTreeMap<String, String>,
    tags: ResourceTags<'_>,
) -> Result<(), DeployError> {
    if let Some(alias) = alias_without_key(listed, manifest, tags.caller) {
        return Err(DeployError::KeyOfEarlierStack { alias, environment: manifest.environment.clone() });
    }
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

/// The alias that would be imported, if the key would be created anew. CloudFormation cannot import a key by itself, since
/// only AWS knows its id
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html>). The alias would
/// still name the old key, under which the retained data is encrypted, and the functions could use only the new one.
fn alias_without_key(listed: &[Listed], manifest: &Manifest, caller: &CallerIdentity) -> Option<String> {
    let of = |kind: &'static str, action: Action| listed.iter().find(|it| it.kind == kind && it.action == action);
    of(kms::KEY.name, Action::Add)?;
    let alias = of(kms::ALIAS.name, Action::Import)?;
    name(alias, manifest, caller)
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
    use serde_json::json;

    use super::*;
    use crate::deploy::diff::Replacement;

    #[test]
    fn an_alias_is_not_imported_without_its_key() {
        let manifest = json!({
            "pipeline": "fang", "environment": "prod", "stack": "fang-prod", "region": "us-east-1", "account": null,
            "retain": true, "first_run": "apply", "architecture": "arm64", "render_sha": "",
            "resources": { "KeyAlias": { "type": kms::ALIAS.name, "name": "alias/fang-prod", "path": "data.kms" } },
        });
        let manifest: Manifest = serde_json::from_value(manifest).expect("a manifest");
        let caller = CallerIdentity { arn: "arn:aws:iam::123456789012:root".into(), account: "123456789012".into() };
        let listed = |id: &str, kind: &str, action| Listed {
            id: id.into(),
            kind: kind.into(),
            action,
            replacement: Replacement::No,
            physical: None,
            scope: Vec::new(),
        };
        let key = |action| listed("Key", kms::KEY.name, action);
        let alias = |action| listed("KeyAlias", kms::ALIAS.name, action);
        let found = |listed: &[Listed]| alias_without_key(listed, &manifest, &caller);
        assert_eq!(found(&[key(Action::Add), alias(Action::Import)]).as_deref(), Some("alias/fang-prod"));
        assert_eq!(found(&[key(Action::Add), alias(Action::Add)]), None);
        // The key was imported by hand before, as the message says.
        assert_eq!(found(&[alias(Action::Import)]), None);
    }

    #[test]
    fn the_tags_of_a_foreign_resource_are_shown_without_control_characters() {
        let tags = |list: &[(&str, &str)]| list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(owner(&tags(&[])), "it has no tags");
        assert_eq!(owner(&tags(&[("team", "a\u{1b}[2J")])), "it is tagged `team` = `a\\u{1b}[2J`");
        let many = owner(&tags(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5")]));
        assert_eq!(many, "it is tagged `a` = `1`, `b` = `2`, `c` = `3`, `d` = `4` and 1 more");
    }
}
