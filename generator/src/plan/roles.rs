//! One role per function: each statement an exact action on an exact resource, with the line that asked for it.

use std::collections::{BTreeMap, BTreeSet};

use fanggen_runtime::component::{PermissionTarget, Store};
use fanggen_runtime::model::tree::quoted_list;
use fanggen_runtime::model::values::SecretArn;
use serde::Serialize;
use serde_json::{Value, json};

use super::functions::FlowPlan;
use super::key;
use super::notifier::NOTIFIER;
use super::pages;
use super::queues::queue_name;
use super::reasons::Reasons;
use super::storage::{self, TablePlan};
use super::template_value::{IN_TEMPLATE, LogicalId, TemplateValue};
use super::{PlannedResource, Problem, ResourceNames, alarms};
use crate::config::mistake::MistakeCode;
use crate::config::pipeline::{ComponentConfig, Pipeline};
use crate::config::shape::{PRODUCER, Shape};
use crate::config::suggestion::did_you_mean;
use crate::resources::{KeyUse, ResourceType, dynamodb, iam, lambda, logs, scheduler, sqs};

/// What derived permissions are values of: a role, by its name.
pub const PERMISSIONS_OF: &str = "role ";

/// An IAM role.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RolePlan {
    /// Its name within the template.
    pub id: LogicalId,
    /// Its physical name.
    pub name: TemplateValue,
    /// The one service that may assume it.
    pub service: &'static str,
    /// Its permissions boundary.
    pub boundary: Option<String>,
    /// The statements of its policy.
    pub statements: Vec<RoleStatement>,
    /// What asked for it.
    pub path: String,
}

impl RolePlan {
    /// Its resources in the template.
    pub fn resources(&self) -> [PlannedResource<'_>; 1] {
        [PlannedResource::named(&iam::ROLE, &self.id, &self.name, &self.path)]
    }
}

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RoleStatement {
    /// Its `Sid`.
    pub sid: String,
    /// The actions.
    pub actions: Vec<String>,
    /// The resources.
    pub resources: Vec<TemplateValue>,
    /// The conditions.
    pub conditions: BTreeMap<String, BTreeMap<String, Value>>,
    /// Why.
    pub why: String,
    /// The path in `pipeline.toml` that asked for it.
    pub path: String,
    /// Whether it is about the pipeline's own data, which its key encrypts.
    #[serde(skip)]
    own: bool,
}

/// Plans the roles of all functions and of the schedule.
pub fn plan(
    pipeline: &Pipeline,
    names: &ResourceNames,
    shapes: &[Shape<'_>],
    flow: &FlowPlan,
    tables: &[TablePlan],
    reasons: &mut Reasons,
    problems: &mut Vec<Problem>,
) -> Vec<RolePlan> {
    let boundary = pipeline.iam.permissions_boundary.as_ref().map(ToString::to_string);
    let mut roles: Vec<RolePlan> = shapes
        .iter()
        .map(|shape| RolePlan {
            id: LogicalId::of(&shape.name, "Role"),
            name: TemplateValue::physical(names.global(&shape.name)),
            service: "lambda.amazonaws.com",
            boundary: boundary.clone(),
            statements: statements(pipeline, names, shape, tables),
            path: shape.path.clone(),
        })
        .collect();
    if let Some(secret) = &pipeline.alarms.slack_url_secret {
        roles.push(RolePlan {
            id: LogicalId::of(NOTIFIER, "Role"),
            name: TemplateValue::physical(names.global(NOTIFIER)),
            service: "lambda.amazonaws.com",
            boundary: boundary.clone(),
            statements: notifier_statements(pipeline, names, secret),
            path: alarms::PATH.to_owned(),
        });
    }
    add_file_scopes(pipeline, shapes, &mut roles, problems);
    let invoke = statement(
        "schedule",
        "the schedule invokes the producer",
        &["lambda:InvokeFunction"],
        vec![arn(&lambda::FUNCTION, &names.of_part(PRODUCER))],
    );
    let dead = statement(
        "schedule",
        "invocations that reach no function are kept in the dead-letter queue",
        &["sqs:SendMessage"],
        vec![arn(&sqs::QUEUE, &queue_name(names, "schedule", true))],
    );
    let mut statements = vec![invoke, dead];
    if pipeline.data.kms {
        statements.extend(own_key_use(&scheduler::SCHEDULE));
        statements = with_key_statements(statements);
    }
    roles.push(RolePlan {
        id: flow.schedule.role.clone(),
        name: TemplateValue::physical(names.global("schedule")),
        service: "scheduler.amazonaws.com",
        boundary,
        statements,
        path: "schedule".into(),
    });
    for role in &mut roles {
        for (place, statement) in role.statements.iter_mut().enumerate() {
            statement.sid = format!("{}{place}", LogicalId::of(&statement.path, "").as_str());
            let resources: Vec<&str> = statement.resources.iter().map(TemplateValue::plain).collect();
            let what = format!("may {}", statement.actions.join(", "));
            let why = format!("{} (`{}`)", statement.why, statement.path);
            reasons.derive(
                &format!("{PERMISSIONS_OF}{}", role.name.plain()),
                &what,
                resources.join(", "),
                why,
                pages::LEAST,
            );
        }
    }
    roles
}

fn statements(
    pipeline: &Pipeline,
    names: &ResourceNames,
    shape: &Shape<'_>,
    tables: &[TablePlan],
) -> Vec<RoleStatement> {
    let path = shape.path.as_str();
    let mut all = of_every_function(pipeline, names, &shape.name, path);
    let producer = shape.name == PRODUCER;
    if producer {
        all.push(statement(
            path,
            "a failed run is kept in the dead-letter queue",
            &["sqs:SendMessage"],
            vec![arn(&sqs::QUEUE, &queue_name(names, PRODUCER, true))],
        ));
    } else {
        all.push(statement(
            path,
            "the function receives chunks from its queue",
            &["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
            vec![arn(&sqs::QUEUE, &queue_name(names, &shape.name, false))],
        ));
        all.push(statement(
            path,
            "an unreadable message is moved to the dead-letter queue, with its reason",
            &["sqs:SendMessage"],
            vec![arn(&sqs::QUEUE, &queue_name(names, &shape.name, true))],
        ));
    }
    if let Some(next) = &shape.next {
        all.push(statement(
            path,
            "chunks go on to the next function",
            &["sqs:SendMessage"],
            vec![arn(&sqs::QUEUE, &queue_name(names, next, false))],
        ));
    }
    // A function in the middle records nothing itself; the cards of its stages say what they store.
    if let Some(state) = tables.last().filter(|_| producer || shape.next.is_none()) {
        // A transaction of updates needs only the permission for the updates.
        let calls: &[&str] =
            if producer { &["dynamodb:UpdateItem"] } else { &["dynamodb:GetItem", "dynamodb:UpdateItem"] };
        all.push(statement(
            path,
            "the state of runs and chunks is recorded",
            calls,
            vec![arn(&dynamodb::TABLE, state.name.plain())],
        ));
    }
    let mut components: Vec<&ComponentConfig> = shape.stages.clone();
    if producer {
        components.extend(&pipeline.sources);
    } else if shape.next.is_none() {
        components.extend(pipeline.sinks.iter().filter(|sink| !sink.kind.card.local_only));
    }
    if pipeline.data.kms {
        all.extend(own_key_use(&lambda::FUNCTION));
    }
    for more in components.into_iter().flat_map(|component| component_statements(component, names)) {
        // Several components may need the same: one statement is enough.
        if !all.iter().any(|known| known.actions == more.actions && known.resources == more.resources) {
            all.push(more);
        }
    }
    if pipeline.data.kms { with_key_statements(all) } else { all }
}

/// What every function may do: write its log, and its traces if there are any.
fn of_every_function(pipeline: &Pipeline, names: &ResourceNames, function: &str, path: &str) -> Vec<RoleStatement> {
    // The streams of the group.
    let log_group = format!("/aws/lambda/{}:*", names.of_part(function));
    let mut all = vec![statement(
        path,
        "the function writes to its log group, which the stack creates",
        &["logs:CreateLogStream", "logs:PutLogEvents"],
        vec![arn(&logs::LOG_GROUP, &log_group)],
    )];
    if pipeline.functions.tracing {
        all.push(statement(
            "functions.tracing",
            "X-Ray has no resource level for these calls",
            &["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
            vec![TemplateValue::Literal("*".into())],
        ));
    }
    all
}

/// What the notifier may do besides: read one secret, and leave what it cannot post.
fn notifier_statements(pipeline: &Pipeline, names: &ResourceNames, secret: &SecretArn) -> Vec<RoleStatement> {
    let mut all = of_every_function(pipeline, names, NOTIFIER, alarms::PATH);
    all.push(statement(
        alarms::PATH,
        "an alarm that cannot be posted is kept in the dead-letter queue",
        &["sqs:SendMessage"],
        vec![arn(&sqs::QUEUE, &queue_name(names, NOTIFIER, true))],
    ));
    all.push(RoleStatement {
        own: false,
        ..statement(
            "alarms.slack_url_secret",
            "the notifier reads the URL that it posts to",
            &["secretsmanager:GetSecretValue"],
            vec![TemplateValue::Literal(secret.to_string())],
        )
    });
    if pipeline.data.kms {
        all.extend(own_key_use(&lambda::FUNCTION));
        all = with_key_statements(all);
    }
    all
}

/// Appends what the statements need of the key, once per service.
fn with_key_statements(mut all: Vec<RoleStatement>) -> Vec<RoleStatement> {
    let mut more: Vec<(&str, BTreeSet<&str>, &RoleStatement)> = Vec::new();
    for statement in all.iter().filter(|statement| statement.own) {
        let needs: Vec<_> = statement.actions.iter().filter_map(|action| key::needed(action)).collect();
        let Some((service, _)) = needs.first() else { continue };
        let actions: BTreeSet<&str> = needs.iter().flat_map(|(_, actions)| *actions).copied().collect();
        if !more.iter().any(|(known, has, _)| known == service && has.is_superset(&actions)) {
            more.retain(|(known, has, _)| known != service || !has.is_subset(&actions));
            more.push((service, actions, statement));
        }
    }
    let more: Vec<RoleStatement> = more
        .into_iter()
        .map(|(service, actions, statement)| {
            let why = format!("{}, under the key of {}", statement.why, key::PATH);
            via_service(service, &statement.path, &why, &Vec::from_iter(actions))
        })
        .collect();
    all.extend(more);
    all
}

/// What a service may do with the key on behalf of the role.
fn via_service(service: &str, path: &str, why: &str, actions: &[&str]) -> RoleStatement {
    let via = json!({ "Fn::Sub": key::via(service) });
    RoleStatement {
        conditions: BTreeMap::from([("StringEquals".into(), BTreeMap::from([("kms:ViaService".into(), via)]))]),
        ..statement(path, why, actions, vec![key::arn()])
    }
}

/// What the role of a resource needs of the key for the resource itself.
fn own_key_use(card: &ResourceType) -> Option<RoleStatement> {
    let Some(KeyUse::ByRole { via, actions, why }) = card.key_use else { return None };
    Some(match via {
        Some(service) => via_service(service, key::PATH, why, actions),
        None => statement(key::PATH, why, actions, vec![key::arn()]),
    })
}

/// The statements that a component's card asks for.
fn component_statements(component: &ComponentConfig, names: &ResourceNames) -> Vec<RoleStatement> {
    let store: Option<Store> = component.settings.store(&component.name);
    let existing = matches!(store, Some(Store::Existing(_)));
    let own = store.map(|store| storage::binding_and_arn(names, &store).1);
    component
        .settings
        .permissions(&component.name)
        .into_iter()
        .filter_map(|permission| {
            let foreign = matches!(permission.target, PermissionTarget::Arn(_))
                || existing && permission.target == PermissionTarget::Store;
            let (resource, why) = match permission.target {
                PermissionTarget::Store => (own.clone()?, permission.reason.to_owned()),
                PermissionTarget::Objects(keys) => {
                    (format!("{}/{keys}", own.as_deref()?), permission.reason.to_owned())
                }
                PermissionTarget::Arn(arn) => (arn.to_string(), permission.reason.to_owned()),
                PermissionTarget::StateTable => (storage::state_arn(names), permission.reason.to_owned()),
                PermissionTarget::AllResources(because) => ("*".into(), format!("{}; {because}", permission.reason)),
            };
            let resources = vec![TemplateValue::physical(resource)];
            Some(RoleStatement { own: !foreign, ..statement(&component.path, &why, &permission.actions, resources) })
        })
        .collect()
}

/// The permissions that `[[iam.scopes]]` adds.
fn add_file_scopes(pipeline: &Pipeline, shapes: &[Shape<'_>], roles: &mut [RolePlan], problems: &mut Vec<Problem>) {
    let notifier = pipeline.alarms.slack_url_secret.as_ref().map(|_| NOTIFIER);
    let known: Vec<&str> = shapes.iter().map(|shape| shape.name.as_str()).chain(notifier).collect();
    for (place, scope) in pipeline.iam.scopes.iter().enumerate() {
        let path = format!("iam.scopes.{place}");
        let wanted = LogicalId::of(scope.function.as_str(), "Role");
        let Some(role) = roles.iter_mut().find(|role| role.id == wanted) else {
            problems.push(Problem {
                code: MistakeCode::UnknownFunction,
                path: format!("{path}.function"),
                title: format!("there is no function `{}`", scope.function),
                found: "not a function of this pipeline".into(),
                allowed: quoted_list(&known),
                help: did_you_mean(scope.function.as_str(), &known),
            });
            continue;
        };
        role.statements.push(RoleStatement {
            sid: String::new(),
            actions: scope.actions.iter().map(ToString::to_string).collect(),
            resources: scope.resources.iter().map(|arn| TemplateValue::Literal(arn.to_string())).collect(),
            conditions: scope
                .conditions
                .iter()
                .map(|(operator, keys)| {
                    (operator.clone(), keys.iter().map(|(key, values)| (key.clone(), json!(values))).collect())
                })
                .collect(),
            why: "requested in the file".into(),
            path,
            own: false,
        });
    }
}

fn statement(path: &str, why: &str, actions: &[&str], resources: Vec<TemplateValue>) -> RoleStatement {
    RoleStatement {
        sid: String::new(),
        actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        resources,
        conditions: BTreeMap::new(),
        why: why.to_owned(),
        path: path.to_owned(),
        own: true,
    }
}

fn arn(card: &ResourceType, name: &str) -> TemplateValue {
    TemplateValue::physical(card.arn(name, IN_TEMPLATE))
}
