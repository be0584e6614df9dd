//! The limits of AWS that only a whole plan can break: names, their meetings, counts, the size of variables.

use std::collections::BTreeMap;

use super::text::Text;
use super::{Plan, Problem};

/// Characters of a name, by type (pages of the services' API references).
const NAMES: [(&str, usize); 7] = [
    ("AWS::S3::Bucket", 63),
    ("AWS::Lambda::Function", 64),
    ("AWS::IAM::Role", 64),
    ("AWS::Scheduler::Schedule", 64),
    ("AWS::SQS::Queue", 80),
    ("AWS::DynamoDB::Table", 255),
    ("AWS::Logs::LogGroup", 512),
];

/// Resources of a stack (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>).
pub const RESOURCES: usize = 500;
/// Outputs of a stack (same page).
const OUTPUTS: usize = 200;
/// Bytes of all environment variables of a function
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const VARIABLES: usize = 4_096;
/// Characters of a role's inline policies, without white space
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
const POLICY: usize = 10_240;

/// Notes every limit that the plan breaks.
pub fn check(plan: &Plan, problems: &mut Vec<Problem>) {
    lengths(plan, problems);
    meetings(plan, problems);
    variables(plan, problems);
    policies(plan, problems);
    let counts = [("resources", plan.count(), RESOURCES, "E063"), ("outputs", plan.outputs.len(), OUTPUTS, "E065")];
    for (what, count, most, code) in counts {
        if count > most {
            problems.push(Problem {
                code,
                path: "stages".into(),
                title: format!("the stack of environment `{}` would have too many {what}", plan.environment),
                found: format!("{count} {what}"),
                allowed: format!("{most} {what} a stack"),
                help: Some("isolate fewer stages, or make two pipelines of it".into()),
            });
        }
    }
}

fn lengths(plan: &Plan, problems: &mut Vec<Problem>) {
    for resource in plan.resources() {
        let most = NAMES.iter().find(|(kind, _)| *kind == resource.kind).map_or(usize::MAX, |(_, most)| *most);
        let length = resource.name.longest();
        if length > most {
            problems.push(Problem {
                code: "E060",
                path: resource.path.to_owned(),
                title: format!("the name of a resource becomes too long in environment `{}`", plan.environment),
                found: format!("`{}` has {length} characters", resource.name.plain()),
                allowed: format!("{most} characters for a {}", resource.kind),
                help: Some("shorten this name, the environment's or the pipeline's".into()),
            });
        }
    }
}

/// Two names that give one logical id, or one physical name: the template would hold only one of the two.
fn meetings(plan: &Plan, problems: &mut Vec<Problem>) {
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    let mut names: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for resource in plan.resources() {
        let one_id = ids.insert(resource.id.as_str(), resource.path);
        let one_name = names.insert((resource.kind, resource.name.plain()), resource.path);
        if let Some(other) = one_id.or(one_name).filter(|other| *other != resource.path) {
            problems.push(Problem {
                code: "E061",
                path: resource.path.to_owned(),
                title: format!("`{other}` and `{}` would become one resource", resource.path),
                found: format!("`{}` is taken by `{other}`", resource.id.as_str()),
                allowed: "names that differ in more than dashes, and stores that differ".into(),
                help: Some("rename one of them".into()),
            });
        }
    }
}

fn variables(plan: &Plan, problems: &mut Vec<Problem>) {
    for function in &plan.functions {
        let size = |name: &str, value: &Text| name.len() + value.longest();
        let bytes: usize = function.variables.iter().map(|variable| size(&variable.name, &variable.value)).sum();
        if bytes > VARIABLES {
            problems.push(Problem {
                code: "E062",
                path: function.path.clone(),
                title: format!("the settings of function `{}` do not fit into its environment", function.word),
                found: format!("{bytes} bytes of variables"),
                allowed: format!("{VARIABLES} bytes a function"),
                help: Some("give a stage `isolate = true`: it gets a function of its own".into()),
            });
        }
    }
}

fn policies(plan: &Plan, problems: &mut Vec<Problem>) {
    for role in &plan.roles {
        let text = |text: &Text| text.longest() + 3;
        let bytes: usize = role
            .statements
            .iter()
            .map(|statement| {
                let conditions = serde_json::to_string(&statement.conditions).map_or(0, |json| json.len());
                60 + statement.sid.len()
                    + statement.actions.iter().map(|action| action.len() + 3).sum::<usize>()
                    + statement.resources.iter().map(text).sum::<usize>()
                    + conditions
            })
            .sum();
        if bytes > POLICY {
            problems.push(Problem {
                code: "E064",
                path: role.path.clone(),
                title: format!("the policy of role `{}` becomes too large", role.name.plain()),
                found: format!("about {bytes} characters"),
                allowed: format!("{POLICY} characters a role"),
                help: Some("give a stage `isolate = true`: its function gets a role of its own".into()),
            });
        }
    }
}
