//! What an apply would change: resources, settings and permissions.
//!
//! CloudFormation's change set lists the resources. Settings come from the metadata of both templates, permissions from the
//! templates themselves. Pure: nothing here calls AWS.

mod grants;
mod permissions;
mod resources;
mod settings;
mod template;
mod text;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::aws::account::CallerIdentity;
use super::generated::Manifest;
use crate::metadata::{ResourceMetadata, TemplateMetadata};
use template::Template;

pub use permissions::{Boundary, Effect, GrantChange, Holder, Permission, PolicyKind};
pub use resources::{Change, Danger, Loss, Verb};
pub use settings::{DerivedChange, Setting, SettingChange};

pub use template::{TemplateError, Which};
pub use words::tidy;

/// What CloudFormation would do with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Create it.
    Add,
    /// Change it.
    Modify,
    /// Delete it, or keep it unmanaged.
    Remove,
    /// Take an existing one into the stack.
    Import,
    /// Only known when it happens.
    Dynamic,
}

/// Whether a change replaces the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Replacement {
    /// It stays.
    No,
    /// CloudFormation cannot tell yet.
    Perhaps,
    /// A new one takes its place.
    Yes,
}

/// What CloudFormation's change set says about one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its logical ID.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// What would happen to it.
    pub action: Action,
    /// Whether it would be replaced.
    pub replacement: Replacement,
    /// Its physical name, if it has one already.
    pub physical: Option<String>,
    /// Which parts of it: `Properties`, `Tags`, `DeletionPolicy` and so on.
    pub scope: Vec<String>,
}

/// One side: a template with the parameters that it is, or would be, deployed with.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The template's text, YAML or JSON.
    pub template: &'a str,
    /// The parameters, by name.
    pub parameters: &'a BTreeMap<String, String>,
}

/// The account and region that names and ARNs are in.
#[derive(Clone, Copy, Debug)]
struct Caller<'a> {
    account: &'a str,
    partition: &'a str,
    region: &'a str,
}

impl Caller<'_> {
    /// The values of the pseudo parameters.
    fn places(&self) -> BTreeMap<String, String> {
        let suffix = crate::deploy::policy::suffix(self.partition);
        let (account, partition, region) = (self.account, self.partition, self.region);
        let all = [("AccountId", account), ("Partition", partition), ("Region", region), ("URLSuffix", suffix)];
        all.into_iter().map(|(name, value)| (format!("AWS::{name}"), value.to_owned())).collect()
    }
}

/// Both templates.
struct Templates<'a> {
    before: Template,
    after: Template,
    manifest: &'a Manifest,
}

impl Templates<'_> {
    /// The metadata of both templates. Without one of them settings cannot be compared.
    fn metadata(&self) -> Option<(&TemplateMetadata, &TemplateMetadata)> {
        self.before.metadata.as_ref().zip(self.after.metadata.as_ref())
    }

    /// What the templates say about a resource: the new one first.
    fn about(&self, id: &str) -> impl Iterator<Item = &ResourceMetadata> {
        [&self.after, &self.before].into_iter().filter_map(move |side| side.about(id))
    }

    /// What users call a resource.
    fn words(&self, id: &str, kind: &str) -> String {
        self.about(id).next().map_or_else(|| words::unknown(kind, id), |about| about.words.clone())
    }

    /// The path in `pipeline.toml` that asks for a resource, or did.
    fn path(&self, id: &str) -> Option<String> {
        let planned = self.manifest.resources.get(id).map(|resource| &resource.path);
        planned.or_else(|| self.about(id).next().map(|about| &about.path)).cloned()
    }

    /// Of these resources those that a setting or a derived value may have changed, by its path.
    fn following(&self, path: &str, changes: &[Change]) -> Vec<String> {
        let follows = |change: &&Change| self.about(&change.id).any(|about| about.follows(path));
        changes.iter().filter(follows).map(|change| change.id.clone()).collect()
    }

    /// The resources that both templates have, with the same type.
    fn common(&self) -> impl Iterator<Item = (&str, &template::Definition, &template::Definition)> {
        self.before.resources.iter().filter_map(|(id, before)| {
            let after = self.after.resources.get(id).filter(|after| after.kind == before.kind)?;
            Some((id.as_str(), before, after))
        })
    }

    /// Whether there is anything to update. CloudFormation ignores a template of which only the metadata is different, and
    /// so do we, whatever settings it says were changed.
    fn differ(&self, listed: &[Listed]) -> bool {
        let (was, is) = (&self.before, &self.after);
        !listed.is_empty()
            || was.resources != is.resources
            || was.outputs != is.outputs
            || was.description != is.description
            || was.parameters != is.parameters
    }
}

/// Everything that would change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Changes {
    /// The stack.
    pub stack: String,
    /// Its region.
    pub region: String,
    /// Whether there is no stack yet.
    pub creation: bool,
    /// How many resources change, by what happens to them.
    pub counts: BTreeMap<Verb, usize>,
    /// The resources that change.
    pub resources: Vec<Change>,
    /// Resources that CloudFormation lists only because they refer to others.
    pub followers: Vec<String>,
    /// Data that would be deleted, or no longer managed.
    pub dangers: Vec<Danger>,
    /// Whether settings could be compared: a stack of an older fanggen does not carry them.
    pub settings_compared: bool,
    /// Settings in `pipeline.toml`, before and after.
    pub settings: Vec<Setting>,
    /// Values that follow from settings.
    pub derived: Vec<DerivedChange>,
    /// Resources whose change no difference of settings or permissions explains: another version of fanggen renders them
    /// differently.
    pub unexplained: Vec<String>,
    /// Permissions that are granted or revoked.
    pub permissions: Vec<Permission>,
    /// Permissions boundaries of roles.
    pub boundaries: Vec<Boundary>,
    /// New outputs of the stack.
    pub outputs_added: Vec<String>,
    /// Outputs of the stack that go.
    pub outputs_removed: Vec<String>,
    /// Whether data that was retained no longer is.
    #[serde(skip)]
    releases_data: bool,
}

/// Compares what is deployed with what was rendered; `listed` is CloudFormation's change set.
///
/// # Errors
/// A template that cannot be read.
pub fn compare(
    before: Option<Side<'_>>,
    after: Side<'_>,
    listed: &[Listed],
    manifest: &Manifest,
    caller: &CallerIdentity,
) -> Result<Changes, TemplateError> {
    let creation = before.is_none();
    let caller = Caller { account: &caller.account, partition: caller.partition(), region: &manifest.region };
    let read = |side: &Side<'_>, which| Template::read(side, which, &caller);
    let before = before.map(|side| read(&side, Which::Deployed)).transpose()?.unwrap_or_default();
    let templates = Templates { before, after: read(&after, Which::Rendered)?, manifest };
    let (resources, followers, dangers) = resources::compare(&templates, listed);
    let (permissions, boundaries) = permissions::compare(&templates);
    let (mut settings, mut derived) = Default::default();
    if !creation && templates.differ(listed) {
        settings = settings::settings(&templates, &resources);
        derived = settings::derived(&templates, &resources, &settings);
    }
    let settings_compared = templates.metadata().is_some();
    let mut explained: BTreeSet<&String> = settings.iter().flat_map(|setting| &setting.resources).collect();
    explained.extend(derived.iter().flat_map(|it| &it.resources));
    explained.extend(permissions.iter().map(|it| &it.id).chain(boundaries.iter().flat_map(|it| &it.ids)));
    let odd = |change: &&Change| !change.properties.is_empty() && !explained.contains(&change.id);
    let unexplained = resources.iter().filter(|_| settings_compared).filter(odd).map(|it| it.id.clone()).collect();
    let mut counts = BTreeMap::new();
    for change in &resources {
        *counts.entry(change.action).or_default() += 1;
    }
    let without = |these: &Template, those: &Template| these.outputs.difference(&those.outputs).cloned().collect();
    let (was, is) = (&templates.before, &templates.after);
    Ok(Changes {
        stack: manifest.stack.clone(),
        region: manifest.region.clone(),
        creation,
        counts,
        followers,
        dangers,
        settings_compared,
        settings,
        derived,
        unexplained,
        permissions,
        boundaries,
        outputs_added: without(is, was),
        outputs_removed: without(was, is),
        releases_data: resources::releases_data(&templates),
        resources,
    })
}

impl Changes {
    /// Whether nothing would change. The stack may still record a new hash of what was rendered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
            && self.followers.is_empty()
            && self.settings.is_empty()
            && self.derived.is_empty()
            && self.permissions.is_empty()
            && self.boundaries.is_empty()
            && self.outputs_added.is_empty()
            && self.outputs_removed.is_empty()
    }

    /// Data that would be deleted or, if [`Danger::kept`], no longer managed.
    pub fn dangers(&self) -> impl Iterator<Item = &Danger> {
        self.dangers.iter()
    }

    /// Whether data that was retained no longer is.
    #[must_use]
    pub fn releases_data(&self) -> bool {
        self.releases_data
    }

    /// All of it for people, with colours, which anstream removes if there is no terminal.
    #[must_use]
    pub fn text(&self) -> impl std::fmt::Display {
        text::ChangesText(self)
    }
}
