//! What an apply would change, in the pipeline's own words beside CloudFormation's: resources, settings, permissions.
//!
//! CloudFormation says which resources it would touch, and the two templates say what is different. Pure: nothing here
//! asks anybody anything.

mod flow;
mod gathered;
mod grants;
mod permissions;
mod resources;
mod settings;
mod template;
mod text;
mod variables;
mod words;

use std::collections::BTreeMap;

use serde::Serialize;

use super::aws::account::CallerIdentity;
use super::generated::Manifest;
use flow::Flow;
use template::Template;

pub use gathered::{Altered, Derived, Setting};
pub use permissions::{Bearing, Boundary, Effect, Holder, Permission, Turn};
pub use resources::{Change, Danger, Fate, Verb};

pub use template::{TemplateError, Which};

/// What CloudFormation means to do with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Make it.
    Add,
    /// Change it.
    Modify,
    /// Let go of it.
    Remove,
    /// Take one that exists into the stack.
    Import,
    /// Not known before it is done.
    Dynamic,
}

/// Whether a change means another resource in the place of the one that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Replacement {
    /// It stays.
    No,
    /// CloudFormation cannot say yet.
    Perhaps,
    /// It goes, and another one comes.
    Yes,
}

/// What CloudFormation's change set says of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name within the template.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// What would be done.
    pub action: Action,
    /// Whether it would be another one.
    pub replacement: Replacement,
    /// Its physical name, where it has one already.
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

/// Where names and ARNs belong.
#[derive(Clone, Copy, Debug)]
struct Caller<'a> {
    account: &'a str,
    partition: &'a str,
    region: &'a str,
}

impl Caller<'_> {
    /// What the pseudo parameters stand for.
    fn places(&self) -> BTreeMap<String, String> {
        let suffix = crate::deploy::policy::suffix(self.partition);
        let (account, partition, region) = (self.account, self.partition, self.region);
        let all = [("AccountId", account), ("Partition", partition), ("Region", region), ("URLSuffix", suffix)];
        all.into_iter().map(|(name, value)| (format!("AWS::{name}"), value.to_owned())).collect()
    }
}

/// Both sides, read.
struct Both<'a> {
    before: Template,
    after: Template,
    was: Flow,
    is: Flow,
    manifest: &'a Manifest,
    caller: Caller<'a>,
}

impl Both<'_> {
    fn words(&self, id: &str) -> String {
        let definition = self.after.resources.get(id).or_else(|| self.before.resources.get(id));
        let kind = definition.map_or("", |definition| definition.kind.as_str());
        self.words_of(id, kind)
    }

    fn words_of(&self, id: &str, kind: &str) -> String {
        let definition = self.before.resources.get(id).or_else(|| self.after.resources.get(id));
        words::words(id, kind, definition, &[&self.is, &self.was], &self.manifest.stack, &self.caller)
    }

    /// The resources that both sides have, as the same kind of thing.
    fn common(&self) -> impl Iterator<Item = (&str, &template::Definition, &template::Definition)> {
        self.before.resources.iter().filter_map(|(id, before)| {
            let after = self.after.resources.get(id).filter(|after| after.kind == before.kind)?;
            Some((id.as_str(), before, after))
        })
    }
}

/// All that would change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Changes {
    /// The stack.
    pub stack: String,
    /// Its region.
    pub region: String,
    /// Whether there is no stack yet.
    pub creation: bool,
    /// How many resources are touched, by what is done.
    pub counts: BTreeMap<Verb, usize>,
    /// The resources that change themselves.
    pub resources: Vec<Change>,
    /// Those that CloudFormation lists only because they refer to others.
    pub followers: Vec<String>,
    /// What would be lost, or let go of, of what cannot be made again.
    pub dangers: Vec<Danger>,
    /// Settings of the pipeline's file, before and after.
    pub settings: Vec<Setting>,
    /// Values that follow from settings.
    pub derived: Vec<Derived>,
    /// Permissions that are given or taken.
    pub permissions: Vec<Permission>,
    /// Policies that bound roles.
    pub boundaries: Vec<Boundary>,
    /// Outputs of the stack that appear.
    pub outputs_added: Vec<String>,
    /// Outputs of the stack that vanish.
    pub outputs_removed: Vec<String>,
}

/// Compares what is deployed with what was rendered; `listed` is CloudFormation's word for it.
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
    let after = read(&after, Which::Rendered)?;
    let both = Both { was: Flow::of(&before), is: Flow::of(&after), before, after, manifest, caller };
    let (resources, followers, dangers) = resources::compare(&both, listed);
    let (settings, derived) = if creation { Default::default() } else { settings::compare(&both) };
    let (permissions, boundaries) = permissions::compare(&both);
    let mut counts = BTreeMap::new();
    for change in &resources {
        *counts.entry(change.action).or_default() += 1;
    }
    let without = |these: &Template, those: &Template| these.outputs.difference(&those.outputs).cloned().collect();
    Ok(Changes {
        stack: manifest.stack.clone(),
        region: manifest.region.clone(),
        creation,
        counts,
        resources,
        followers,
        dangers,
        settings,
        derived,
        permissions,
        boundaries,
        outputs_added: without(&both.after, &both.before),
        outputs_removed: without(&both.before, &both.after),
    })
}

impl Changes {
    /// Whether nothing would change. A stack may still take note of another hash of what was rendered.
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

    /// What would be lost, or, where [`Danger::kept`] says so, only let go of.
    pub fn dangers(&self) -> impl Iterator<Item = &Danger> {
        self.dangers.iter()
    }

    /// Whether data that was retained is retained no more.
    #[must_use]
    pub fn retains_no_more(&self) -> bool {
        let off = |setting: &Setting| setting.name == "data.retain" && setting.after == Some(false.into());
        self.settings.iter().any(off)
    }

    /// All of it for people, with colours, which anstream takes out where there is no terminal.
    #[must_use]
    pub fn text(&self) -> impl std::fmt::Display {
        text::Text(self)
    }
}
