//! What roles may do before and after, statement by statement: broadened or narrowed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::Templates;
use super::grants::{Grant, grants, texts};
use super::template::{Definition, Template};

/// The kind of policy that a permission is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// What a role may do.
    Role,
    /// Who may assume a role.
    Trust,
    /// Who may do what to a queue, topic or bucket.
    Resource,
}

/// How a permission changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantChange {
    /// It is revoked.
    Taken,
    /// It has other conditions.
    Conditioned,
    /// It is granted.
    Given,
}

/// What a change means for what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// More than before.
    Broadened,
    /// Less than before.
    Narrowed,
    /// The same: another statement allows it too.
    Same,
    /// Unknown: conditions changed.
    Unclear,
}

/// Whether the role or policy with the permission is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// It stays.
    Stays,
    /// It is new.
    New,
    /// It is removed.
    Gone,
}

/// A permission that is granted or revoked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Permission {
    /// The logical ID of the role or policy.
    pub id: String,
    /// Whose it is: `worker`.
    pub of: String,
    /// Whether the role or policy is new.
    pub holder: Holder,
    /// The kind of policy that it is part of.
    #[serde(rename = "bearing")]
    pub policy: PolicyKind,
    /// How it changes.
    #[serde(rename = "turn")]
    pub change: GrantChange,
    /// What that means.
    pub effect: Effect,
    /// Whether it allows, or denies.
    pub allows: bool,
    /// The principal, if that is not the holder.
    pub who: Option<String>,
    /// The actions.
    pub actions: Vec<String>,
    /// The resources.
    pub resources: Vec<String>,
    /// The condition before, also of a permission that is revoked.
    pub condition_before: Option<String>,
    /// The condition after.
    pub condition: Option<String>,
    /// Whether it is for all resources, all principals, or all actions of a service.
    pub wide: bool,
    /// The path in `pipeline.toml` that asks for it, or did.
    pub path: Option<String>,
}

/// A permissions boundary, before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Boundary {
    /// What users call the roles.
    pub of: Vec<String>,
    /// The logical IDs of the roles.
    pub ids: Vec<String>,
    /// The policy before.
    pub before: Option<String>,
    /// The policy after.
    pub after: Option<String>,
    /// What that means.
    pub effect: Effect,
}

const ROLE: &str = crate::resources::iam::ROLE.name;

type Held = BTreeMap<(PolicyKind, Grant), Option<String>>;

/// What is granted and revoked, and the boundaries of roles that stay.
pub fn compare(templates: &Templates<'_>) -> (Vec<Permission>, Vec<Boundary>) {
    let (mut permissions, mut boundaries) = (Vec::new(), Vec::<Boundary>::new());
    let ids: BTreeSet<&String> = templates.before.resources.keys().chain(templates.after.resources.keys()).collect();
    for id in ids {
        let (was, is) = (templates.before.resources.get(id), templates.after.resources.get(id));
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
        let words = templates.words(id, &any.kind);
        let of = words.strip_prefix("role of ").unwrap_or(&words).to_owned();
        let held = |side: &Template| {
            let paths = side.about(id).map_or(&[][..], |about| &about.statements);
            side.resources.get(id).map(|definition| held(definition, paths)).unwrap_or_default()
        };
        let differences = differences(&held(&templates.before), &held(&templates.after));
        permissions.extend(grouped(id, &of, holder, differences));
        if role && holder == Holder::Stays {
            bound(templates, id, of, &mut boundaries);
        }
    }
    permissions.sort_by(|a, b| {
        let key =
            |it: &Permission| (it.holder, it.id.clone(), it.policy, it.path.clone(), it.change, it.actions.clone());
        key(a).cmp(&key(b))
    });
    (permissions, boundaries)
}

fn bound(templates: &Templates<'_>, id: &str, of: String, boundaries: &mut Vec<Boundary>) {
    let policy = |side: &Template| {
        let policy = side.resources.get(id)?.property("PermissionsBoundary")?;
        texts(policy).into_iter().next()
    };
    let (before, after) = (policy(&templates.before), policy(&templates.after));
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

/// All grants of a role or policy, with the paths that asked for them.
fn held(definition: &Definition, paths: &[String]) -> Held {
    let mut held = Held::new();
    let mut put = |policy: PolicyKind, document: Option<&Value>, paths: &[String]| {
        for (grant, place) in grants(document) {
            held.entry((policy, grant)).or_insert_with(|| paths.get(place).cloned());
        }
    };
    if definition.kind != ROLE {
        put(PolicyKind::Resource, definition.property("PolicyDocument"), &[]);
        return held;
    }
    put(PolicyKind::Trust, definition.property("AssumeRolePolicyDocument"), &[]);
    for policy in definition.property("Policies").and_then(Value::as_array).into_iter().flatten() {
        put(PolicyKind::Role, policy.get("PolicyDocument"), paths);
    }
    for arn in definition.property("ManagedPolicyArns").map(texts).unwrap_or_default() {
        let action = "everything that a policy allows".to_owned();
        let grant = Grant { allows: true, who: None, action, resource: arn, condition: None };
        held.insert((PolicyKind::Role, grant), None);
    }
    held
}

/// One grant that differs.
struct Difference {
    policy: PolicyKind,
    change: GrantChange,
    effect: Effect,
    grant: Grant,
    before: Option<String>,
    path: Option<String>,
}

fn differences(was: &Held, is: &Held) -> Vec<Difference> {
    let bare = |(policy, grant): &(PolicyKind, Grant)| (*policy, Grant { condition: None, ..grant.clone() });
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
        let twins: Vec<(PolicyKind, Grant)> = lost.keys().filter(|other| bare(other) == bare(&key)).cloned().collect();
        let (policy, grant) = key;
        let (change, effect, before) = if let [twin] = twins.as_slice() {
            lost.remove(twin);
            let effect = match (&twin.1.condition, &grant.condition) {
                (None, _) => Effect::Narrowed,
                (_, None) => Effect::Broadened,
                _ => Effect::Unclear,
            };
            (GrantChange::Conditioned, effect, twin.1.condition.clone())
        } else {
            let covered = was.keys().any(|(other, known)| *other == policy && known.covers(&grant));
            (GrantChange::Given, if covered { Effect::Same } else { Effect::Broadened }, None)
        };
        all.push(Difference { policy, change, effect: for_denials(effect, grant.allows), grant, before, path });
    }
    for ((policy, grant), path) in lost {
        let covered = is.keys().any(|(other, known)| *other == policy && known.covers(&grant));
        let effect = for_denials(if covered { Effect::Same } else { Effect::Narrowed }, grant.allows);
        let before = grant.condition.clone();
        all.push(Difference { policy, change: GrantChange::Taken, effect, grant, before, path });
    }
    all
}

/// To deny more is to allow less.
fn for_denials(effect: Effect, allows: bool) -> Effect {
    match effect {
        Effect::Broadened if !allows => Effect::Narrowed,
        Effect::Narrowed if !allows => Effect::Broadened,
        other => other,
    }
}

/// Joins grants that only differ in action or resource into statements again.
fn grouped(id: &str, of: &str, holder: Holder, differences: Vec<Difference>) -> Vec<Permission> {
    let mut statements: BTreeMap<_, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for it in differences {
        let wide = it.grant.is_wide();
        let after = if it.change == GrantChange::Taken { None } else { it.grant.condition };
        let key = (it.policy, it.path, it.change, it.effect, it.grant.allows, it.grant.who, it.before, after, wide);
        statements.entry(key).or_default().entry(it.grant.resource).or_default().insert(it.grant.action);
    }
    let mut permissions = Vec::new();
    for ((policy, path, change, effect, allows, who, condition_before, condition, wide), resources) in statements {
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
                policy,
                change,
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
