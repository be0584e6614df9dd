//! What a deployer may do: derived from the calls that the doors make, and from the resource types of the templates.
//!
//! Each action is allowed on the exact ARNs of the pipeline's own resources. `*` stands only where the service knows no
//! resources, with the reason as the statement's `Sid`.

mod calls;
mod scopes;
#[cfg(test)]
mod tests;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use self::scopes::Place;
pub use self::scopes::suffix;
use self::types::{Need, TYPES, When};
use super::aws::account::Identity;
use super::generated::Manifest;

/// Characters of a managed policy that are not blank
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
const LIMIT: usize = 6_144;

/// An environment that the deployer deploys.
#[derive(Clone, Copy, Debug)]
pub struct Environment<'a> {
    /// What was rendered.
    pub manifest: &'a Manifest,
    /// Account and partition; who it is does not matter.
    pub caller: &'a Identity,
    /// The permissions boundary of its roles, by its ARN.
    pub boundary: Option<&'a str>,
    /// The name of the artifact bucket in that account and region.
    pub artifacts: &'a str,
}

/// One managed policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Document {
    /// A name for it.
    pub name: String,
    /// What IAM takes.
    pub policy: Policy,
}

/// A policy in the form that IAM takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    version: &'static str,
    statement: Vec<Statement>,
}

/// A statement that allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    sid: String,
    effect: &'static str,
    action: Vec<&'static str>,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    condition: Condition,
}

/// Operators, keys, and the values that are allowed.
type Condition = BTreeMap<&'static str, BTreeMap<&'static str, Vec<String>>>;

/// One resource under one condition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Scope {
    resource: String,
    condition: Condition,
    reason: Option<&'static str>,
}

/// What resources of one statement have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Alike {
    action: Vec<&'static str>,
    condition: Condition,
    reason: Option<&'static str>,
}

/// Why there is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A type that nobody wrote down here.
    #[error(
        "nobody knows what CloudFormation needs for `{id}`, of type {kind}\n  add the type to `deploy/policy/types.rs`"
    )]
    Unknown {
        /// The resource, within the template.
        id: String,
        /// Its type.
        kind: String,
    },
}

/// The policies for whoever deploys these environments of a pipeline, each small enough to be a managed policy.
///
/// # Errors
/// A resource of a type that is not known.
pub fn policies(environments: &[Environment<'_>]) -> Result<Vec<Document>, PolicyError> {
    let mut granted: BTreeMap<Scope, BTreeSet<&'static str>> = BTreeMap::new();
    let mut grant = |scopes: Vec<Scope>, actions: &[&'static str]| {
        for scope in scopes {
            granted.entry(scope).or_default().extend(actions);
        }
    };
    for environment in environments {
        let place = Place::of(environment);
        for call in calls::all() {
            grant(place.scopes(call.on, When::Always), &[call.action]);
        }
        for need in needs(environment.manifest)? {
            grant(place.scopes(need.on, need.when), need.actions);
        }
    }
    let pipeline = environments.first().map_or("fanggen", |environment| &environment.manifest.pipeline);
    Ok(documents(pipeline, statements(granted)))
}

/// What CloudFormation needs for the types of a template.
fn needs(manifest: &Manifest) -> Result<Vec<&'static Need>, PolicyError> {
    let kinds: BTreeMap<&str, &String> =
        manifest.resources.iter().map(|(id, resource)| (resource.kind.as_str(), id)).collect();
    let mut needs = Vec::new();
    for (kind, id) in kinds {
        let (_, known) = TYPES
            .iter()
            .find(|(name, _)| *name == kind)
            .ok_or_else(|| PolicyError::Unknown { id: id.clone(), kind: kind.to_owned() })?;
        needs.extend(known.iter());
    }
    Ok(needs)
}

/// As few statements as can be: one for all resources on which the same is allowed.
fn statements(granted: BTreeMap<Scope, BTreeSet<&'static str>>) -> Vec<Statement> {
    let mut alike: BTreeMap<Alike, Vec<String>> = BTreeMap::new();
    for (scope, actions) in granted {
        let Scope { resource, condition, reason } = scope;
        let action = actions.into_iter().collect();
        alike.entry(Alike { action, condition, reason }).or_default().push(resource);
    }
    let mut statements = Vec::new();
    for (Alike { action, condition, reason }, resource) in alike {
        let service = action.first().and_then(|action| action.split(':').next()).unwrap_or_default();
        let sid = reason.map_or_else(|| capital(service), str::to_owned);
        halve(Statement { sid, effect: "Allow", action, resource, condition }, &mut statements);
    }
    // A `Sid` is there once in a policy, and the policies may be put together again.
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for statement in &mut statements {
        let number = seen.entry(statement.sid.clone()).or_default();
        *number += 1;
        if *number > 1 {
            statement.sid.push_str(&number.to_string());
        }
    }
    statements
}

/// Splits what fits into no policy of its own.
fn halve(statement: Statement, into: &mut Vec<Statement>) {
    let many = statement.resource.len();
    if size(&statement) <= LIMIT / 2 || many < 2 {
        into.push(statement);
        return;
    }
    let (one, other) = statement.resource.split_at(many / 2);
    for resource in [one, other] {
        halve(Statement { resource: resource.to_vec(), ..statement.clone() }, into);
    }
}

/// Each statement goes into the first policy that has room for it.
fn documents(pipeline: &str, statements: Vec<Statement>) -> Vec<Document> {
    let mut policies: Vec<Policy> = Vec::new();
    for statement in statements {
        let fits = |policy: &&mut Policy| size(*policy) + size(&statement) < LIMIT;
        match policies.iter_mut().find(fits) {
            Some(policy) => policy.statement.push(statement),
            None => policies.push(Policy { version: "2012-10-17", statement: vec![statement] }),
        }
    }
    let several = policies.len() > 1;
    let name =
        |place: usize| if several { format!("{pipeline}-deployer-{place}") } else { format!("{pipeline}-deployer") };
    policies.into_iter().enumerate().map(|(place, policy)| Document { name: name(place + 1), policy }).collect()
}

/// How much of a policy's room something takes.
fn size<T: Serialize>(value: &T) -> usize {
    let json = serde_json::to_string(value).unwrap_or_default();
    json.chars().filter(|c| !c.is_whitespace()).count()
}

fn capital(word: &str) -> String {
    let mut rest = word.chars();
    rest.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(rest).collect()
}
