//! Which resources would change, and what data would be lost with them.

use std::collections::BTreeSet;

use serde::Serialize;

use super::template::Definition;
use super::words::{holds, identity};
use super::{Action, Listed, Replacement, Templates};

/// What would happen to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// It is created.
    Add,
    /// It is changed.
    Change,
    /// A new one takes its place.
    Replace,
    /// It leaves the stack.
    Remove,
    /// It exists already and joins the stack.
    Adopt,
}

/// A resource that changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Its logical ID.
    pub id: String,
    /// Its CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What users call it: `queue of worker`.
    pub words: String,
    /// The path in `pipeline.toml` that asks for it, or did.
    pub path: Option<String>,
    /// Its physical name, if known.
    pub physical: Option<String>,
    /// What happens to it.
    pub action: Verb,
    /// Whether CloudFormation cannot tell yet if it is replaced.
    pub perhaps_replaced: bool,
    /// The properties and attributes that differ, by CloudFormation's names.
    pub properties: Vec<String>,
    /// Replaced resources that it refers to, if it does not differ itself.
    pub follows: Vec<String>,
}

/// How data is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The resource is deleted.
    Deleted,
    /// An empty one takes its place.
    Replaced,
}

/// A resource with data in it that would be deleted or replaced.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Danger {
    /// Its logical ID, by which `--replace` gives it up.
    pub id: String,
    /// Its CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What users call it: `queue of worker`.
    pub words: String,
    /// The path in `pipeline.toml` that asks for it, or did.
    pub path: Option<String>,
    /// Its physical name, if known.
    pub physical: Option<String>,
    /// How its data is lost.
    #[serde(rename = "fate")]
    pub loss: Loss,
    /// Whether it stays in the account, no longer managed.
    pub kept: bool,
    /// What it holds: `rows`, `objects`, `messages`, `subscriptions`, `log`, `key`.
    pub holds: &'static str,
}

/// The resources that change, those that only refer to them, and the data that would be lost.
pub fn compare(templates: &Templates<'_>, listed: &[Listed]) -> (Vec<Change>, Vec<String>, Vec<Danger>) {
    let mut listed = listed.to_vec();
    unlisted(templates, &mut listed);
    let replaced: BTreeSet<&str> =
        listed.iter().filter(|one| is_replaced(templates, one)).map(|one| one.id.as_str()).collect();
    let (mut changes, mut followers, mut dangers) = (Vec::new(), Vec::new(), Vec::new());
    for one in &listed {
        let (was, is) = (templates.before.resources.get(&one.id), templates.after.resources.get(&one.id));
        let action = match one.action {
            Action::Add => Verb::Add,
            Action::Remove => Verb::Remove,
            Action::Import => Verb::Adopt,
            Action::Modify | Action::Dynamic if replaced.contains(one.id.as_str()) => Verb::Replace,
            Action::Modify | Action::Dynamic => Verb::Change,
        };
        let own = was != is || was.is_none();
        let refers = is.map(|definition| &definition.refers);
        let follows: Vec<String> = refers
            .filter(|_| !own)
            .into_iter()
            .flatten()
            .filter(|id| replaced.contains(id.as_str()))
            .cloned()
            .collect();
        if action == Verb::Change && !own && follows.is_empty() {
            followers.push(one.id.clone());
            continue;
        }
        let name = identity(&one.kind).first();
        let named = || was.or(is)?.text(name?).map(str::to_owned);
        let change = Change {
            id: one.id.clone(),
            kind: one.kind.clone(),
            words: templates.words(&one.id, &one.kind),
            path: templates.path(&one.id),
            physical: one.physical.clone().or_else(named),
            action,
            perhaps_replaced: action == Verb::Change && one.replacement == Replacement::Perhaps,
            properties: was.zip(is).map(|(was, is)| was.differences(is)).unwrap_or_default(),
            follows,
        };
        dangers.extend(danger(&change, was, is));
        changes.push(change);
    }
    let order = |id: &str| (templates.after.resources.contains_key(id), id.to_owned());
    changes.sort_by_key(|change| (rank(change), order(&change.id)));
    dangers.sort_by(|a, b| a.id.cmp(&b.id));
    followers.sort();
    (changes, followers, dangers)
}

/// What is removed comes first, then what is replaced, so that nobody has to look for it.
fn rank(change: &Change) -> u8 {
    match change.action {
        Verb::Remove => 0,
        Verb::Replace => 1,
        Verb::Change => 2,
        Verb::Add => 3,
        Verb::Adopt => 4,
    }
}

/// A resource that holds data and is gone from the template is removed, even if a change set does not list it.
fn unlisted(templates: &Templates<'_>, listed: &mut Vec<Listed>) {
    let known: BTreeSet<String> = listed.iter().map(|one| one.id.clone()).collect();
    let gone = templates.before.resources.iter().filter(|(id, was)| {
        holds(&was.kind).is_some() && !templates.after.resources.contains_key(*id) && !known.contains(*id)
    });
    listed.extend(gone.map(|(id, was)| Listed {
        id: id.clone(),
        kind: was.kind.clone(),
        action: Action::Remove,
        replacement: Replacement::No,
        physical: None,
        scope: Vec::new(),
    }));
}

/// Whether a new resource takes the place of this one: CloudFormation says so, or its name or keys differ, which cannot
/// change in place.
fn is_replaced(templates: &Templates<'_>, one: &Listed) -> bool {
    if !matches!(one.action, Action::Modify | Action::Dynamic) {
        return false;
    }
    let (was, is) = (templates.before.resources.get(&one.id), templates.after.resources.get(&one.id));
    let another = |was: &Definition, is: &Definition| {
        was.kind != is.kind || identity(&was.kind).iter().any(|name| was.property(name) != is.property(name))
    };
    one.replacement == Replacement::Yes || was.zip(is).is_some_and(|(was, is)| another(was, is))
}

/// Whether a resource that holds data was retained and no longer is.
pub fn releases_data(templates: &Templates<'_>) -> bool {
    let keeps = |side: &Definition| side.keeps("DeletionPolicy");
    templates.common().any(|(_, was, is)| holds(&was.kind).is_some() && keeps(was) && !keeps(is))
}

fn danger(change: &Change, was: Option<&Definition>, is: Option<&Definition>) -> Option<Danger> {
    let (loss, kept) = match change.action {
        Verb::Remove => (Loss::Deleted, was.is_some_and(|was| was.keeps("DeletionPolicy"))),
        // Which of the two templates CloudFormation goes by is written nowhere: only templates together are a promise.
        Verb::Replace => {
            let keeps = |side: Option<&Definition>| side.is_some_and(|side| side.keeps("UpdateReplacePolicy"));
            (Loss::Replaced, keeps(was) && keeps(is))
        }
        Verb::Add | Verb::Change | Verb::Adopt => return None,
    };
    Some(Danger {
        id: change.id.clone(),
        kind: change.kind.clone(),
        words: change.words.clone(),
        path: change.path.clone(),
        physical: change.physical.clone(),
        loss,
        kept,
        holds: holds(&change.kind)?,
    })
}
