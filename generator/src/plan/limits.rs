//! The limits of AWS that only a whole plan can break: lengths and collisions of names, counts, sizes.

use std::collections::BTreeMap;

use super::functions::MAX_ENVIRONMENT_BYTES;
use super::template_value::TemplateValue;
use super::{Plan, Problem};
use crate::config::Config;
use crate::config::mistake::{Mistake, MistakeCode};
use crate::metadata::READY;

/// Who owns the parameters, in a mistake about a collision.
const OWN: &str = "the template's own parameters";
/// The names of the template's own parameters.
const PARAMETERS: [&str; 3] = ["ArtifactBucket", "ArtifactKey", READY];

/// Resources of a stack (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>).
pub const RESOURCES: usize = 500;
/// Outputs of a stack (same page).
const OUTPUTS: usize = 200;
/// Characters of a role's inline policies, without white space
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
const POLICY: usize = 10_240;

/// Reports every limit that the plan breaks.
pub fn check(plan: &Plan, problems: &mut Vec<Problem>) {
    name_lengths(plan, problems);
    reserved_prefixes(plan, problems);
    name_collisions(plan, problems);
    variables(plan, problems);
    policies(plan, problems);
    let fewer_stages = "isolate fewer stages, or split the pipeline";
    let fewer_stores = "each of their tables, buckets, queues and topics is an output: split the pipeline";
    let counts = [
        ("resources", plan.count(), RESOURCES, MistakeCode::TooManyResources, "stages", fewer_stages),
        ("outputs", plan.outputs.len(), OUTPUTS, MistakeCode::TooManyOutputs, "sinks", fewer_stores),
    ];
    for (what, count, most, code, path, help) in counts {
        if count > most {
            problems.push(Problem {
                code,
                path: path.into(),
                title: format!("the stack of environment `{}` would have too many {what}", plan.environment),
                found: format!("{count} {what}"),
                allowed: format!("{most} {what} per stack"),
                help: Some(help.into()),
            });
        }
    }
}

fn name_lengths(plan: &Plan, problems: &mut Vec<Problem>) {
    for resource in plan.resources() {
        let (Some(name), Some(limit)) = (resource.name, resource.card.name_limit) else { continue };
        let most = limit.characters;
        let length = name.longest();
        if length > most {
            // A name without the component's name in it is too long because of the pipeline's.
            let part = resource.path.rsplit('.').next().unwrap_or_default();
            let named = resource.path.contains('.') && name.plain().contains(part);
            problems.push(Problem {
                code: MistakeCode::NameTooLong,
                path: if named { resource.path.to_owned() } else { "pipeline.name".into() },
                title: format!("the name of a resource is too long in environment `{}`", plan.environment),
                found: format!("`{}` has {length} characters, {} too many", name.plain(), length - most),
                allowed: format!("{most} characters for an {}", resource.card.name),
                help: Some("shorten this name, the environment's or the pipeline's".into()),
            });
        }
    }
}

fn reserved_prefixes(plan: &Plan, problems: &mut Vec<Problem>) {
    for resource in plan.resources() {
        let (Some(name), Some(limit)) = (resource.name, resource.card.name_limit) else { continue };
        if let Some(reserved) = limit.reserved.iter().find(|reserved| name.plain().starts_with(**reserved)) {
            problems.push(Problem {
                code: MistakeCode::ReservedBucketName,
                path: "pipeline.name".into(),
                title: format!("{} keeps names that begin with `{reserved}` for itself", resource.card.service()),
                found: format!("the {} would be called `{}`", resource.card.noun, name.plain()),
                allowed: format!("a name that does not begin with `{reserved}`"),
                help: Some("give the pipeline another name".into()),
            });
        }
    }
}

/// Two names that result in the same logical id or physical name: the template would have only one of the two.
fn name_collisions(plan: &Plan, problems: &mut Vec<Problem>) {
    let mut ids: BTreeMap<&str, &str> = PARAMETERS.into_iter().map(|id| (id, OWN)).collect();
    let mut names: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for resource in plan.resources() {
        let one_id = ids.insert(resource.id.as_str(), resource.path);
        let one_name = resource.name.and_then(|name| names.insert((resource.card.name, name.plain()), resource.path));
        if let Some(other) = one_id.or(one_name).filter(|other| *other != resource.path) {
            // The name of the state table is fixed, so the other one has to be renamed.
            let (path, other) = match resource.path {
                "pipeline" => (other, "the pipeline's state"),
                path => (path, other),
            };
            problems.push(Problem {
                code: MistakeCode::NameCollision,
                path: path.to_owned(),
                title: if other == OWN {
                    format!("`{path}` would have the same name as one of {OWN}")
                } else {
                    format!("`{path}` and {} would become the same resource", quoted(other))
                },
                found: format!("`{}` is taken by {}", resource.id.as_str(), quoted(other)),
                allowed: "names that differ in more than their dashes, and a separate store for each component".into(),
                help: Some(format!("rename `{path}`")),
            });
        }
    }
}

/// Two environments that result in the same physical name and may share an account and region: the second stack could not
/// be created. One mistake per pair, since renaming one environment fixes them all.
pub fn across_environments(config: &Config, plans: &BTreeMap<String, Plan>) -> Vec<Mistake> {
    let mut taken: BTreeMap<(&str, &str), Vec<(&str, &str)>> = BTreeMap::new();
    let mut met: BTreeMap<(&str, &str), Mistake> = BTreeMap::new();
    for (environment, plan) in plans {
        let Some(aws) = config.pipelines.get(environment).map(|pipeline| &pipeline.aws) else { continue };
        for resource in plan.resources() {
            let Some(name) = resource.name.map(TemplateValue::plain) else { continue };
            let owners = taken.entry((resource.card.name, name)).or_default();
            for (other, path) in owners.iter().filter(|(other, _)| other != environment) {
                let Some(theirs) = config.pipelines.get(*other).map(|pipeline| &pipeline.aws) else { continue };
                let apart = theirs.account.is_some() && aws.account.is_some() && theirs.account != aws.account;
                if theirs.region != aws.region || apart {
                    continue;
                }
                let title = format!("environments `{other}` and `{environment}` would create the same resource");
                let found =
                    format!("`{name}` would be created by `{}` here and by `{path}` in `{other}`", resource.path);
                met.entry((*other, environment)).or_insert_with(|| {
                    Mistake::new(MistakeCode::EnvironmentCollision, &config.named(environment), title, found)
                        .allowed(format!("one {} of a name, in an account and region", resource.card.name))
                        .help("give the environment, or the stage, another name; or name two accounts".to_owned())
                        .other(&config.named(other), "the other environment")
                });
            }
            owners.push((environment, resource.path));
        }
    }
    met.into_values().collect()
}

/// A path in backticks; other words unchanged.
fn quoted(path: &str) -> String {
    if path.contains(' ') { path.to_owned() } else { format!("`{path}`") }
}

fn variables(plan: &Plan, problems: &mut Vec<Problem>) {
    for function in &plan.functions {
        let bytes = function.environment_bytes();
        if bytes > MAX_ENVIRONMENT_BYTES {
            problems.push(Problem {
                code: MistakeCode::VariablesTooLarge,
                path: function.path.clone(),
                title: format!("the settings of function `{}` exceed the size of its environment", function.word),
                found: format!("{bytes} bytes of variables, as JSON"),
                allowed: format!("{MAX_ENVIRONMENT_BYTES} bytes per function"),
                help: Some(if function.path == "schedule" {
                    "the producer has the settings of all sources: split the pipeline".into()
                } else {
                    "give a stage `isolate = true`: it gets its own function".into()
                }),
            });
        }
    }
}

fn policies(plan: &Plan, problems: &mut Vec<Problem>) {
    for role in &plan.roles {
        let text = |text: &TemplateValue| text.longest() + 3;
        let mut parts: BTreeMap<&str, usize> = BTreeMap::new();
        for statement in &role.statements {
            let conditions = serde_json::to_string(&statement.conditions).map_or(0, |json| json.len());
            *parts.entry(&statement.path).or_default() += 60
                + statement.sid.len()
                + statement.actions.iter().map(|action| action.len() + 3).sum::<usize>()
                + statement.resources.iter().map(text).sum::<usize>()
                + conditions;
        }
        let bytes: usize = parts.values().sum();
        if bytes > POLICY {
            let largest = parts.iter().max_by_key(|(_, bytes)| **bytes).map_or(role.path.as_str(), |(path, _)| *path);
            problems.push(Problem {
                code: MistakeCode::PolicyTooLarge,
                path: largest.to_owned(),
                title: format!("the policy of role `{}` is too large", role.name.plain()),
                found: format!("about {bytes} characters"),
                allowed: format!("{POLICY} characters per role"),
                help: Some(if largest.starts_with("iam.") {
                    "this is its largest part: name fewer resources, using `*` for common prefixes".into()
                } else {
                    "give a stage `isolate = true`: its function gets its own role".into()
                }),
            });
        }
    }
}
