//! What a deployer, a planner and an operator may do: derived from the calls that this program makes and from the resource
//! types of the templates.
//!
//! Every action is allowed on the exact ARNs of the pipeline's own resources. `*` is used only where the service has no
//! resource level, with the reason as the statement's `Sid`. What only CloudFormation does is allowed only when CloudFormation
//! calls: nobody can create a role, or replace a function's code, with these credentials alone.

mod calls;
mod scopes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use self::scopes::EnvironmentScopes;
pub use self::scopes::suffix;
use super::aws::account::CallerIdentity;
use super::aws::api_call::ApiCall;
use super::aws::cloudformation::INLINE_BYTES;
use super::generated::Manifest;
use crate::resources::{self, HandlerGrant, Target};

/// The most characters of a managed policy, not counting white space
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
const LIMIT: usize = 6_144;

/// Who gets a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyHolder {
    /// Who runs every command.
    Deployer {
        /// Whether they also create, configure, empty and delete the artifact bucket, which all pipelines of an account and
        /// region share. Whoever may do that can also change what other environments keep in it.
        shared_bucket: bool,
    },
    /// Who runs `plan`: reads, and change sets that are not executed.
    Planner,
    /// Who looks after a running pipeline: its items, results, logs and dead letters. Deploys nothing.
    Operator,
}

impl PolicyHolder {
    fn name(self) -> &'static str {
        match self {
            Self::Deployer { .. } => "deployer",
            Self::Planner => "planner",
            Self::Operator => "operator",
        }
    }

    /// Whether it makes a call.
    fn makes(self, call: &ApiCall) -> bool {
        match self {
            Self::Deployer { shared_bucket } => {
                call.by_deployer && (shared_bucket || !matches!(call.on, Target::SharedBucket | Target::SharedObjects))
            }
            Self::Planner => call.by_plan,
            Self::Operator => call.by_operator,
        }
    }

    /// The actions of a handler that it needs: all, or those that change nothing.
    fn handled(self, grant: &HandlerGrant) -> Vec<&'static str> {
        let all = grant.actions.iter().copied();
        match self {
            Self::Deployer { .. } => all.collect(),
            // Nothing that CloudFormation does; but data may be encrypted.
            Self::Operator if grant.is_for_data() => all.collect(),
            Self::Operator => Vec::new(),
            // What is encrypted is read by decrypting it.
            Self::Planner => {
                all.filter(|action| only_reads(action) || (grant.is_for_data() && *action == "kms:Decrypt")).collect()
            }
        }
    }
}

/// Whether an action changes nothing.
fn only_reads(action: &str) -> bool {
    let operation = action.split_once(':').map_or(action, |(_, operation)| operation);
    ["Describe", "Get", "List", "View"].iter().any(|verb| operation.starts_with(verb))
}

/// An environment that the policy allows to deploy.
#[derive(Clone, Copy, Debug)]
pub struct Environment<'a> {
    /// What was rendered for it.
    pub manifest: &'a Manifest,
    /// Its account and partition; the caller's own ARN is not used.
    pub caller: &'a CallerIdentity,
    /// The ARN of the permissions boundary of its roles.
    pub boundary: Option<&'a str>,
    /// The name of the artifact bucket in its account and region.
    pub artifacts: &'a str,
    /// The size of its template, in bytes: one that is too large for a call is uploaded, by `plan` too.
    pub template_bytes: usize,
}

/// A managed policy, with a suggested name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ManagedPolicy {
    /// The suggested name.
    pub name: String,
    /// The policy, in the form that IAM takes.
    pub policy: PolicyDocument,
}

/// A policy in the form that IAM takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    version: &'static str,
    statement: Vec<PolicyStatement>,
}

/// A statement that allows something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyStatement {
    sid: String,
    effect: &'static str,
    action: Vec<&'static str>,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    condition: ConditionBlock,
}

/// Operators, with their keys and the values that they allow.
type ConditionBlock = BTreeMap<&'static str, BTreeMap<&'static str, Vec<String>>>;

/// One resource under one condition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ScopedResource {
    resource: String,
    condition: ConditionBlock,
    reason: Option<&'static str>,
}

/// What all resources of one statement have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct SharedGrant {
    action: Vec<&'static str>,
    condition: ConditionBlock,
    reason: Option<&'static str>,
}

/// Why a policy cannot be derived.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The template has a type without a card.
    #[error(
        "cannot derive what CloudFormation needs for `{id}`: its type {kind} has no card\n  add a card in \
         `generator/src/resources/`"
    )]
    UnknownType {
        /// The resource's logical id.
        id: String,
        /// Its type.
        kind: String,
    },
}

/// What somebody needs for these environments of one pipeline, as policies each small enough to be a managed policy.
///
/// # Errors
/// A resource whose type has no card.
pub fn policies(holder: PolicyHolder, environments: &[Environment<'_>]) -> Result<Vec<ManagedPolicy>, PolicyError> {
    let mut granted: BTreeMap<ScopedResource, BTreeSet<&'static str>> = BTreeMap::new();
    let mut grant = |scopes: Vec<ScopedResource>, actions: &[&'static str]| {
        for scope in scopes.into_iter().filter(|_| !actions.is_empty()) {
            granted.entry(scope).or_default().extend(actions);
        }
    };
    for environment in environments {
        let scopes = EnvironmentScopes::of(environment);
        for call in calls::all().filter(|call| holder.makes(call)) {
            grant(scopes.of_call(call.on), &[call.action]);
        }
        if holder == PolicyHolder::Planner && environment.template_bytes > INLINE_BYTES {
            grant(scopes.of_templates(), &["s3:PutObject"]);
        }
        for handler in handler_grants(environment.manifest)? {
            grant(scopes.of_handler(handler), &holder.handled(handler));
        }
    }
    forget_covered(&mut granted);
    let pipeline = environments.first().map_or("fanggen", |environment| &environment.manifest.pipeline);
    Ok(pack(pipeline, holder, statements(granted)))
}

/// Removes what is allowed under a condition and without one.
fn forget_covered(granted: &mut BTreeMap<ScopedResource, BTreeSet<&'static str>>) {
    let mut always: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    for (scope, actions) in granted.iter().filter(|(scope, _)| scope.condition.is_empty()) {
        always.entry(scope.resource.clone()).or_default().extend(actions);
    }
    granted.retain(|scope, actions| {
        if let Some(covered) = always.get(&scope.resource).filter(|_| !scope.condition.is_empty()) {
            actions.retain(|action| !covered.contains(action));
        }
        !actions.is_empty()
    });
}

/// What CloudFormation needs for the types of a template.
fn handler_grants(manifest: &Manifest) -> Result<Vec<&'static HandlerGrant>, PolicyError> {
    let kinds: BTreeMap<&str, &String> =
        manifest.resources.iter().map(|(id, resource)| (resource.kind.as_str(), id)).collect();
    let mut grants = Vec::new();
    for (kind, id) in kinds {
        let card =
            resources::find(kind).ok_or_else(|| PolicyError::UnknownType { id: id.clone(), kind: kind.to_owned() })?;
        grants.extend(card.handler);
    }
    Ok(grants)
}

/// As few statements as possible: resources that allow the same actions share one.
fn statements(granted: BTreeMap<ScopedResource, BTreeSet<&'static str>>) -> Vec<PolicyStatement> {
    let mut shared: BTreeMap<SharedGrant, Vec<String>> = BTreeMap::new();
    for (scope, actions) in granted {
        let ScopedResource { resource, condition, reason } = scope;
        let action = actions.into_iter().collect();
        shared.entry(SharedGrant { action, condition, reason }).or_default().push(resource);
    }
    let mut statements = Vec::new();
    for (SharedGrant { action, condition, reason }, resource) in shared {
        let service = action.first().and_then(|action| action.split(':').next()).unwrap_or_default();
        let sid = reason.map_or_else(|| capitalized(service), str::to_owned);
        split_to_fit(PolicyStatement { sid, effect: "Allow", action, resource, condition }, &mut statements);
    }
    // A `Sid` must be unique within a policy, and users may merge the policies.
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

/// Splits a statement that would not fit into a policy.
fn split_to_fit(statement: PolicyStatement, into: &mut Vec<PolicyStatement>) {
    let count = statement.resource.len();
    if characters(&statement) <= LIMIT / 2 || count < 2 {
        into.push(statement);
        return;
    }
    let (one, other) = statement.resource.split_at(count / 2);
    for resource in [one, other] {
        split_to_fit(PolicyStatement { resource: resource.to_vec(), ..statement.clone() }, into);
    }
}

/// Puts each statement into the first policy that has room for it.
fn pack(pipeline: &str, holder: PolicyHolder, statements: Vec<PolicyStatement>) -> Vec<ManagedPolicy> {
    let mut policies: Vec<PolicyDocument> = Vec::new();
    for statement in statements {
        let fits = |policy: &&mut PolicyDocument| characters(*policy) + characters(&statement) < LIMIT;
        match policies.iter_mut().find(fits) {
            Some(policy) => policy.statement.push(statement),
            None => policies.push(PolicyDocument { version: "2012-10-17", statement: vec![statement] }),
        }
    }
    let several = policies.len() > 1;
    let holder = holder.name();
    let name = |number: usize| {
        if several { format!("{pipeline}-{holder}-{number}") } else { format!("{pipeline}-{holder}") }
    };
    policies.into_iter().enumerate().map(|(place, policy)| ManagedPolicy { name: name(place + 1), policy }).collect()
}

/// The characters that count against the limit of a policy.
fn characters<T: Serialize>(value: &T) -> usize {
    let json = serde_json::to_string(value).unwrap_or_default();
    json.chars().filter(|c| !c.is_whitespace()).count()
}

fn capitalized(word: &str) -> String {
    let mut rest = word.chars();
    rest.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(rest).collect()
}
