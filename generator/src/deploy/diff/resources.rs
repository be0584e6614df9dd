//! Which resources would change, and what would be lost with them.

use std::collections::BTreeSet;

use serde::Serialize;

use super::template::Definition;
use super::words::{holds, identity};
use super::{Action, Both, Listed, Replacement};
use crate::resources::{dynamodb, glue, kms, s3, sns};

/// What would be done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// It is made.
    Add,
    /// It is changed.
    Change,
    /// It goes, and another one comes in its place.
    Replace,
    /// It goes.
    Remove,
    /// It exists, and becomes part of the stack.
    Adopt,
}

/// A resource that changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Its name within the template.
    pub id: String,
    /// Its CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is, in the pipeline's words.
    pub words: String,
    /// The path in the pipeline's file that asks for it, or did.
    pub path: Option<String>,
    /// Its physical name, where it is known.
    pub physical: Option<String>,
    /// What is done.
    pub action: Verb,
    /// Whether CloudFormation cannot say yet if it is replaced.
    pub perhaps_replaced: bool,
    /// Replaced resources that it refers to, where nothing of its own is different.
    pub follows: Vec<String>,
}

/// What becomes of something that cannot be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is deleted.
    Deleted,
    /// An empty one takes its place.
    Replaced,
}

/// A resource with data in it that would be deleted or replaced.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Danger {
    /// Its name within the template, by which `--replace` lets it go.
    pub id: String,
    /// Its CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is, in the pipeline's words.
    pub words: String,
    /// The path in the pipeline's file that asks for it, or did.
    pub path: Option<String>,
    /// Its physical name, where it is known.
    pub physical: Option<String>,
    /// What becomes of it.
    pub fate: Fate,
    /// Whether it is kept in the account, and only no longer managed.
    pub kept: bool,
    /// What it holds: `rows`, `objects`, `messages`, `subscriptions`, `log`, `key`.
    pub holds: &'static str,
}

/// The resources that change, those that only follow, and what would be lost.
pub fn compare(both: &Both<'_>, listed: &[Listed]) -> (Vec<Change>, Vec<String>, Vec<Danger>) {
    let mut listed = listed.to_vec();
    unlisted(both, &mut listed);
    let replaced: BTreeSet<&str> =
        listed.iter().filter(|one| is_replaced(both, one)).map(|one| one.id.as_str()).collect();
    let (mut changes, mut followers, mut dangers) = (Vec::new(), Vec::new(), Vec::new());
    for one in &listed {
        let (was, is) = (both.before.resources.get(&one.id), both.after.resources.get(&one.id));
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
            words: both.words_of(&one.id, &one.kind),
            path: path(both, &one.id, &one.kind),
            physical: one.physical.clone().or_else(named),
            action,
            perhaps_replaced: action == Verb::Change && one.replacement == Replacement::Perhaps,
            follows,
        };
        dangers.extend(danger(&change, was, is));
        changes.push(change);
    }
    let order = |id: &str| (both.after.resources.contains_key(id), id.to_owned());
    changes.sort_by_key(|change| (rank(change), order(&change.id)));
    dangers.sort_by(|a, b| a.id.cmp(&b.id));
    followers.sort();
    (changes, followers, dangers)
}

/// What goes comes first, then what is replaced: nobody should have to look for it.
fn rank(change: &Change) -> u8 {
    match change.action {
        Verb::Remove => 0,
        Verb::Replace => 1,
        Verb::Change => 2,
        Verb::Add => 3,
        Verb::Adopt => 4,
    }
}

/// What holds data and is gone from the template goes, even where a change set forgets to say so.
fn unlisted(both: &Both<'_>, listed: &mut Vec<Listed>) {
    let known: BTreeSet<String> = listed.iter().map(|one| one.id.clone()).collect();
    let gone = both.before.resources.iter().filter(|(id, was)| {
        holds(&was.kind).is_some() && !both.after.resources.contains_key(*id) && !known.contains(*id)
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

/// Whether another resource comes in the place of this one: CloudFormation says so, or its name or keys are others,
/// which nothing can change in place.
fn is_replaced(both: &Both<'_>, one: &Listed) -> bool {
    if !matches!(one.action, Action::Modify | Action::Dynamic) {
        return false;
    }
    let (was, is) = (both.before.resources.get(&one.id), both.after.resources.get(&one.id));
    let another = |was: &Definition, is: &Definition| {
        was.kind != is.kind || identity(&was.kind).iter().any(|name| was.property(name) != is.property(name))
    };
    one.replacement == Replacement::Yes || was.zip(is).is_some_and(|(was, is)| another(was, is))
}

/// The path that asks for a resource; of one that goes, the path that its old functions tell.
fn path(both: &Both<'_>, id: &str, kind: &str) -> Option<String> {
    if let Some(known) = both.manifest.resources.get(id) {
        return Some(known.path.clone());
    }
    let was = both.before.resources.get(id)?;
    match kind {
        _ if kind == s3::BUCKET_POLICY.name => path(both, id.strip_suffix("Policy")?, s3::BUCKET.name),
        _ if kind == dynamodb::TABLE.name || kind == s3::BUCKET.name => {
            let name = was.text(identity(kind).first()?)?;
            let component = both.was.components.iter().find(|part| part.on.as_deref() == Some(name));
            component.map(|component| component.path.clone())
        }
        _ if kind == sns::TOPIC_POLICY.name => path(both, id.strip_suffix("Policy")?, sns::TOPIC.name),
        _ if kind == glue::DATABASE.name => Some("sinks".to_owned()),
        _ if kind == kms::KEY.name || kind == kms::ALIAS.name => Some("data.kms".to_owned()),
        _ => {
            let of_sinks = ["Queue", "QueuePolicy", "Topic", "Subscription", "Catalog"];
            let sink = of_sinks.iter().find_map(|ending| both.was.sink(id.strip_suffix(ending)?));
            let endings = [
                "Function",
                "DeadQueuePolicy",
                "QueuePolicy",
                "DeadQueue",
                "Queue",
                "Role",
                "Logs",
                "Mapping",
                "Invoke",
            ];
            let prefix = endings.iter().find_map(|ending| id.strip_suffix(ending)).unwrap_or(id);
            let owner = both.was.owner(prefix).map(|owner| owner.path.clone());
            owner.or_else(|| sink.map(|sink| sink.path.clone()))
        }
    }
}

fn danger(change: &Change, was: Option<&Definition>, is: Option<&Definition>) -> Option<Danger> {
    let (fate, kept) = match change.action {
        Verb::Remove => (Fate::Deleted, was.is_some_and(|was| was.keeps("DeletionPolicy"))),
        // Which of the two templates CloudFormation goes by is written nowhere: only both together are a promise.
        Verb::Replace => {
            let keeps = |side: Option<&Definition>| side.is_some_and(|side| side.keeps("UpdateReplacePolicy"));
            (Fate::Replaced, keeps(was) && keeps(is))
        }
        Verb::Add | Verb::Change | Verb::Adopt => return None,
    };
    Some(Danger {
        id: change.id.clone(),
        kind: change.kind.clone(),
        words: change.words.clone(),
        path: change.path.clone(),
        physical: change.physical.clone(),
        fate,
        kept,
        holds: holds(&change.kind)?,
    })
}
