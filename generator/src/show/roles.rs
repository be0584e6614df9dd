//! What the functions' roles may do: as policies, or each action with the line of the file that asked for it and the reason.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use crate::plan::RolePlan;

const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const END: &str = "\x1b[0m";

/// A role of an environment.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedRole {
    /// The environment.
    pub environment: String,
    /// The role's name.
    pub name: String,
    /// The one service that may assume it.
    pub service: &'static str,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
    /// What it may do.
    pub permissions: Vec<ExplainedPermission>,
}

/// An action that a role is allowed.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedPermission {
    /// The action.
    pub action: String,
    /// The resources, by ARN.
    pub resources: Vec<String>,
    /// The conditions.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub conditions: Value,
    /// The line of the file that asked for it.
    pub line: usize,
    /// The path in the file that asked for it.
    pub path: String,
    /// Why.
    pub why: String,
}

/// A role as a policy.
#[derive(Clone, Debug, Serialize)]
pub struct RolePolicy {
    /// The environment.
    pub environment: String,
    /// The role's name.
    pub name: String,
    /// The one service that may assume it.
    pub service: &'static str,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
    /// Its policy, in the form that IAM takes.
    pub policy: Value,
}

/// The pseudo parameters of a template, with their values.
#[derive(Clone, Debug)]
pub struct PseudoParameters(pub BTreeMap<&'static str, String>);

impl PseudoParameters {
    /// A text with every known value in place.
    fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (place, value)| text.replace(place, value))
    }

    /// A value of a template without its functions. What only a deployed stack knows, such as the id of a key, stays a
    /// reference: `${Key.Arn}`.
    fn plain(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill(text)),
            Value::Array(all) => all.iter().map(|one| self.plain(one)).collect(),
            Value::Object(map) => match (map.get("Fn::Sub"), map.get("Fn::GetAtt"), map.get("Ref")) {
                (Some(text), ..) => self.plain(text),
                (_, Some(of), _) => {
                    let parts = of.as_array().into_iter().flatten().filter_map(Value::as_str);
                    Value::String(format!("${{{}}}", parts.collect::<Vec<_>>().join(".")))
                }
                (.., Some(id)) => Value::String(format!("${{{}}}", id.as_str().unwrap_or_default())),
                _ => map.iter().map(|(key, value)| (key.clone(), self.plain(value))).collect(),
            },
            other => other.clone(),
        }
    }
}

/// A role with the reasons of what it may do. `line` gives the line of a path in the file.
#[must_use]
pub fn explained(
    environment: &str,
    role: &RolePlan,
    parameters: &PseudoParameters,
    line: &dyn Fn(&str) -> usize,
) -> ExplainedRole {
    let permissions = role.statements.iter().flat_map(|statement| {
        statement.actions.iter().map(|action| ExplainedPermission {
            action: action.clone(),
            resources: statement
                .resources
                .iter()
                .filter_map(|one| parameters.plain(&json!(one)).as_str().map(str::to_owned))
                .collect(),
            conditions: match statement.conditions.is_empty() {
                true => Value::Null,
                false => parameters.plain(&json!(statement.conditions)),
            },
            line: line(&statement.path),
            path: statement.path.clone(),
            why: statement.why.clone(),
        })
    });
    ExplainedRole {
        environment: environment.to_owned(),
        name: parameters.fill(role.name.plain()),
        service: role.service,
        boundary: role.boundary.clone(),
        permissions: permissions.collect(),
    }
}

/// A role as a policy.
#[must_use]
pub fn policy(environment: &str, role: &RolePlan, parameters: &PseudoParameters) -> RolePolicy {
    let statements = role.statements.iter().map(|statement| {
        let mut value = json!({
            "Sid": statement.sid, "Effect": "Allow", "Action": statement.actions,
            "Resource": parameters.plain(&json!(statement.resources)),
        });
        if !statement.conditions.is_empty() {
            value["Condition"] = parameters.plain(&json!(statement.conditions));
        }
        value
    });
    RolePolicy {
        environment: environment.to_owned(),
        name: parameters.fill(role.name.plain()),
        service: role.service,
        boundary: role.boundary.clone(),
        policy: json!({ "Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>() }),
    }
}

impl fmt::Display for ExplainedRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {BOLD}{}{END}, assumed by {}", self.environment, self.name, self.service)?;
        if let Some(boundary) = &self.boundary {
            write!(f, ", within {boundary}")?;
        }
        let width = self.permissions.iter().map(|one| one.action.len()).max().unwrap_or_default();
        let digits = self.permissions.iter().map(|one| one.line.to_string().len()).max().unwrap_or_default();
        write!(f, "\n  {DIM}{:width$}  {:>indent$}  why{END}", "action", "line", indent = digits.max(4))?;
        for ExplainedPermission { action, resources, line, path, why, .. } in &self.permissions {
            write!(f, "\n  {action:width$}  {line:>indent$}  {why} (`{path}`)", indent = digits.max(4))?;
            for resource in resources {
                write!(f, "\n  {:width$}  {:indent$}  {DIM}on {resource}{END}", "", "", indent = digits.max(4))?;
            }
        }
        Ok(())
    }
}
