//! What roles may do, before and after, statement by statement: broadened or narrowed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::Both;
use super::flow::{Flow, capitals};
use super::grants::{Grant, grants, texts};
use super::template::{Definition, Template};

/// What kind of policy it is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bearing {
    /// What a role may do.
    Role,
    /// Who may assume a role.
    Trust,
    /// Who may do what to a queue or bucket.
    Resource,
}

/// Whether a permission is given or taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// It was there, and is not any more.
    Taken,
    /// It is there, under other conditions.
    Conditioned,
    /// It was not there before.
    Given,
}

/// What that means for what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// More than before.
    Broadened,
    /// Less than before.
    Narrowed,
    /// The same: another statement says as much.
    Same,
    /// Not to be told from the words alone: conditions became others.
    Unclear,
}

/// Whether who holds the permission is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// It was there before, and stays.
    Stays,
    /// It is made.
    New,
    /// It goes.
    Gone,
}

/// A permission that is given or taken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Permission {
    /// The role or policy within the template.
    pub id: String,
    /// Whose it is, in words: `worker`.
    pub of: String,
    /// Whether that is new.
    pub holder: Holder,
    /// What kind of policy it is part of.
    pub bearing: Bearing,
    /// Whether it is given or taken.
    pub turn: Turn,
    /// What that means.
    pub effect: Effect,
    /// Whether it allows, or denies.
    pub allows: bool,
    /// Whom, where that is not the holder.
    pub who: Option<String>,
    /// The actions.
    pub actions: Vec<String>,
    /// The resources.
    pub resources: Vec<String>,
    /// Under which condition, before; of one that is taken as well.
    pub condition_before: Option<String>,
    /// Under which condition, after.
    pub condition: Option<String>,
    /// Whether it stands for everything: all resources, all callers, or all actions of a service.
    pub wide: bool,
    /// The path in the pipeline's file that asks for it, or did.
    pub path: Option<String>,
}

/// A policy that bounds roles, before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Boundary {
    /// The roles, in words.
    pub of: Vec<String>,
    /// The roles within the template.
    pub ids: Vec<String>,
    /// The policy before.
    pub before: Option<String>,
    /// The policy after.
    pub after: Option<String>,
    /// What that means.
    pub effect: Effect,
}

const ROLE: &str = crate::resources::iam::ROLE.name;

type Held = BTreeMap<(Bearing, Grant), Option<String>>;

/// What is given and taken, and the boundaries of roles that stay.
pub fn compare(both: &Both<'_>) -> (Vec<Permission>, Vec<Boundary>) {
    let (mut permissions, mut boundaries) = (Vec::new(), Vec::<Boundary>::new());
    let ids: BTreeSet<&String> = both.before.resources.keys().chain(both.after.resources.keys()).collect();
    for id in ids {
        let (was, is) = (both.before.resources.get(id), both.after.resources.get(id));
        let Some(any) = is.or(was) else { continue };
        let role = any.kind == ROLE;
        let policy = any.kind.ends_with("Policy") && was.is_some() && is.is_some();
        if !role && !policy {
            continue;
        }
        let holder = match (was, is) {
            (None, _) => Holder::New,
            (_, None) => Holder::Gone,
            _ => Holder::Stays,
        };
        let words = both.words(id);
        let of = words.strip_prefix("role of ").unwrap_or(&words).to_owned();
        let held = |side: Option<&Definition>, flow: &Flow| side.map(|role| held(role, flow)).unwrap_or_default();
        let differences = differences(&held(was, &both.was), &held(is, &both.is));
        permissions.extend(grouped(id, &of, holder, differences));
        if role && holder == Holder::Stays {
            bound(both, id, of, &mut boundaries);
        }
    }
    permissions.sort_by(|a, b| {
        let key =
            |it: &Permission| (it.holder, it.id.clone(), it.bearing, it.path.clone(), it.turn, it.actions.clone());
        key(a).cmp(&key(b))
    });
    (permissions, boundaries)
}

fn bound(both: &Both<'_>, id: &str, of: String, boundaries: &mut Vec<Boundary>) {
    let policy = |side: &Template| {
        let policy = side.resources.get(id)?.property("PermissionsBoundary")?;
        texts(policy).into_iter().next()
    };
    let (before, after) = (policy(&both.before), policy(&both.after));
    if before == after {
        return;
    }
    if let Some(known) = boundaries.iter_mut().find(|it| it.before == before && it.after == after) {
        known.of.push(of);
        known.ids.push(id.to_owned());
        return;
    }
    let effect = match (&before, &after) {
        (None, _) => Effect::Narrowed,
        (_, None) => Effect::Broadened,
        _ => Effect::Unclear,
    };
    boundaries.push(Boundary { of: vec![of], ids: vec![id.to_owned()], before, after, effect });
}

/// All that a role or policy holds, with the path that asked for it.
fn held(definition: &Definition, flow: &Flow) -> Held {
    let mut held = Held::new();
    let mut put = |bearing: Bearing, document: Option<&Value>| {
        for (grant, sid, place) in grants(document) {
            let path = asked(&sid, place, flow);
            held.entry((bearing, grant)).or_insert(path);
        }
    };
    if definition.kind != ROLE {
        put(Bearing::Resource, definition.property("PolicyDocument"));
        return held;
    }
    put(Bearing::Trust, definition.property("AssumeRolePolicyDocument"));
    for policy in definition.property("Policies").and_then(Value::as_array).into_iter().flatten() {
        put(Bearing::Role, policy.get("PolicyDocument"));
    }
    for arn in definition.property("ManagedPolicyArns").map(texts).unwrap_or_default() {
        let action = "everything that a policy allows".to_owned();
        let grant = Grant { allows: true, who: None, action, resource: arn, condition: None };
        held.insert((Bearing::Role, grant), None);
    }
    held
}

/// The path that a statement's name was made of: `SinksArchive4`, the fifth of its role, is of `sinks.archive`.
fn asked(sid: &str, place: usize, flow: &Flow) -> Option<String> {
    let name = sid.strip_suffix(&place.to_string())?;
    if let Some(scope) = name.strip_prefix("IamScopes") {
        return Some(format!("iam.scopes.{scope}"));
    }
    let sections = ["schedule", "stages", "functions.tracing", "pipeline"].into_iter();
    let mut known = flow.components.iter().map(|part| part.path.as_str()).chain(sections);
    known.find(|path| capitals(path) == name).map(str::to_owned)
}

/// One grant that differs: how, and under which condition before.
struct Difference {
    bearing: Bearing,
    turn: Turn,
    effect: Effect,
    grant: Grant,
    before: Option<String>,
    path: Option<String>,
}

fn differences(was: &Held, is: &Held) -> Vec<Difference> {
    let bare = |(bearing, grant): &(Bearing, Grant)| (*bearing, Grant { condition: None, ..grant.clone() });
    let without = |these: &Held, those: &Held| -> Held {
        these
            .iter()
            .filter(|(key, _)| !those.contains_key(*key))
            .map(|(key, path)| (key.clone(), path.clone()))
            .collect()
    };
    let (mut lost, gained) = (without(was, is), without(is, was));
    let mut all = Vec::new();
    for (key, path) in gained {
        let twins: Vec<(Bearing, Grant)> = lost.keys().filter(|other| bare(other) == bare(&key)).cloned().collect();
        let (bearing, grant) = key;
        let (turn, effect, before) = if let [twin] = twins.as_slice() {
            lost.remove(twin);
            let effect = match (&twin.1.condition, &grant.condition) {
                (None, _) => Effect::Narrowed,
                (_, None) => Effect::Broadened,
                _ => Effect::Unclear,
            };
            (Turn::Conditioned, effect, twin.1.condition.clone())
        } else {
            let covered = was.keys().any(|(other, known)| *other == bearing && known.covers(&grant));
            (Turn::Given, if covered { Effect::Same } else { Effect::Broadened }, None)
        };
        all.push(Difference { bearing, turn, effect: turned(effect, grant.allows), grant, before, path });
    }
    for ((bearing, grant), path) in lost {
        let covered = is.keys().any(|(other, known)| *other == bearing && known.covers(&grant));
        let effect = turned(if covered { Effect::Same } else { Effect::Narrowed }, grant.allows);
        let before = grant.condition.clone();
        all.push(Difference { bearing, turn: Turn::Taken, effect, grant, before, path });
    }
    all
}

/// More that is denied is less that is allowed.
fn turned(effect: Effect, allows: bool) -> Effect {
    match effect {
        Effect::Broadened if !allows => Effect::Narrowed,
        Effect::Narrowed if !allows => Effect::Broadened,
        other => other,
    }
}

/// Grants that only differ in action or resource, put together again as statements.
fn grouped(id: &str, of: &str, holder: Holder, differences: Vec<Difference>) -> Vec<Permission> {
    let mut statements: BTreeMap<_, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for it in differences {
        let wide = it.grant.is_wide();
        let after = if it.turn == Turn::Taken { None } else { it.grant.condition };
        let key = (it.bearing, it.path, it.turn, it.effect, it.grant.allows, it.grant.who, it.before, after, wide);
        statements.entry(key).or_default().entry(it.grant.resource).or_default().insert(it.grant.action);
    }
    let mut permissions = Vec::new();
    for ((bearing, path, turn, effect, allows, who, condition_before, condition, wide), resources) in statements {
        let mut alike: BTreeMap<BTreeSet<String>, Vec<String>> = BTreeMap::new();
        for (resource, actions) in resources {
            alike.entry(actions).or_default().push(resource);
        }
        permissions.extend(alike.into_iter().map(|(actions, mut resources)| {
            resources.retain(|resource| !resource.is_empty());
            Permission {
                id: id.to_owned(),
                of: of.to_owned(),
                holder,
                bearing,
                turn,
                effect,
                allows,
                who: who.clone(),
                actions: actions.into_iter().collect(),
                resources,
                condition_before: condition_before.clone(),
                condition: condition.clone(),
                wide,
                path: path.clone(),
            }
        }));
    }
    permissions
}
