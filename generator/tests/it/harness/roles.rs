//! The roles of a deployed pipeline: their permissions, which can be revoked, and how IAM evaluates them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::PolicyEvaluationDecisionType;
use serde_json::{Value, json};

use crate::harness::aws::emulator::block_on;
use crate::harness::aws::target_account::target_account;
use crate::harness::aws::template;
use crate::harness::deployed_pipeline::DeployedPipeline;

/// The name of the secret with the URL that alarms are posted to.
pub const SLACK_URL: &str = "slack-url";

/// One action on one resource, both as the deployed policy has them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    pub action: String,
    /// By its name in the template.
    pub resource: String,
    pub arn: String,
}

impl Grant {
    /// An example of a resource that it covers.
    pub fn place(&self) -> String {
        if self.arn == "*" { self.arn.clone() } else { self.arn.replace('*', "x") }
    }

    fn covers(&self, action: &str, place: &str) -> bool {
        let arn = match self.arn.strip_suffix('*') {
            Some(start) => place.starts_with(start),
            None => place == self.arn,
        };
        self.action == action && arn
    }
}

/// The roles, by their names in the template, with what they may do as deployed.
pub struct Roles<'a> {
    live: &'a DeployedPipeline,
    client: aws_sdk_iam::Client,
    pub all: BTreeMap<String, BTreeSet<Grant>>,
    whole: BTreeMap<String, Value>,
}

impl<'a> Roles<'a> {
    /// Reads the policies of all roles from the account.
    pub fn of(live: &'a DeployedPipeline) -> Self {
        let names = template::names(&live.deployed.plan(live.environment));
        let roles = names.keys().filter(|id| id.ends_with("Role"));
        let whole: BTreeMap<String, Value> = roles.map(|id| (id.clone(), live.policy(id))).collect();
        let all = whole.iter().map(|(id, policy)| (id.clone(), grants(policy, &names))).collect();
        Self { live, client: aws_sdk_iam::Client::new(&target_account().sdk), all, whole }
    }

    /// The one permission of a role by these names.
    #[track_caller]
    pub fn grant(&self, role: &str, action: &str, resource: &str) -> Grant {
        let found = self.all[role].iter().find(|grant| grant.action == action && grant.resource == resource);
        found.cloned().unwrap_or_else(|| panic!("{role} has no {action} on {resource}: {:#?}", self.all[role]))
    }

    /// Revokes exactly these permissions of a role.
    pub fn revoke(&self, role: &str, taken: &[&Grant]) {
        let left = self.all[role].iter().filter(|grant| !taken.contains(grant));
        let statement = |grant: &Grant| json!({ "Effect": "Allow", "Action": [grant.action], "Resource": grant.arn });
        let statements: Vec<Value> = left.map(statement).collect();
        self.put(role, &json!({ "Version": "2012-10-17", "Statement": statements }));
    }

    /// Restores the permissions of a role.
    pub fn restore(&self, role: &str) {
        self.put(role, &self.whole[role]);
    }

    fn put(&self, role: &str, policy: &Value) {
        let put = self.client.put_role_policy().role_name(self.live.name(role)).policy_name("derived");
        block_on(put.policy_document(policy.to_string()).send()).unwrap_or_else(|error| panic!("not put: {error:?}"));
        self.live.allow_send_batches_of(role, policy);
    }

    /// The actions among these that IAM allows a role on a resource.
    pub fn simulate(&self, role: &str, actions: &BTreeSet<String>, place: &str) -> BTreeSet<String> {
        let arn = format!("arn:aws:iam::{}:role/{}", target_account().account, self.live.name(role));
        let ask = self.client.simulate_principal_policy().policy_source_arn(arn).resource_arns(place);
        let ask = ask.set_action_names(Some(actions.iter().cloned().collect()));
        let answer = block_on(ask.send()).unwrap_or_else(|error| panic!("no simulation: {error:?}"));
        assert_eq!(answer.evaluation_results().len(), actions.len());
        let allowed =
            |one: &&aws_sdk_iam::types::EvaluationResult| *one.eval_decision() == PolicyEvaluationDecisionType::Allowed;
        let results = answer.evaluation_results().iter().filter(allowed);
        results.map(|one| one.eval_action_name().to_owned()).collect()
    }

    /// The actions among these that the policy of a role names on a resource.
    pub fn named(&self, role: &str, actions: &BTreeSet<String>, place: &str) -> BTreeSet<String> {
        let covers = |action: &&String| self.all[role].iter().any(|grant| grant.covers(action, place));
        actions.iter().filter(covers).cloned().collect()
    }
}

fn grants(policy: &Value, names: &BTreeMap<String, String>) -> BTreeSet<Grant> {
    let mut all = BTreeSet::new();
    for statement in policy["Statement"].as_array().expect("statements") {
        assert_eq!((&statement["Effect"], &statement["Condition"]), (&json!("Allow"), &Value::Null), "{statement}");
        for action in texts(&statement["Action"]) {
            for arn in texts(&statement["Resource"]) {
                let resource = named(&arn, names);
                all.insert(Grant { action: action.clone(), resource, arn });
            }
        }
    }
    all
}

fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    value.as_array().map_or_else(|| vec![text(value)], |all| all.iter().map(text).collect())
}

/// A resource by its name in the template, with its suffix.
fn named(arn: &str, names: &BTreeMap<String, String>) -> String {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, _, service, _, _, rest] = parts[..] else { return arn.to_owned() };
    let (kind, name, behind) = match service {
        "s3" => match rest.split_once('/') {
            Some((bucket, keys)) => ("Bucket", bucket, format!("/{keys}")),
            None => ("Bucket", rest, String::new()),
        },
        "dynamodb" => ("Table", rest.trim_start_matches("table/"), String::new()),
        "lambda" => ("Function", rest.trim_start_matches("function:"), String::new()),
        "logs" => ("Logs", rest.trim_start_matches("log-group:").trim_end_matches(":*"), ":*".to_owned()),
        "sns" => ("Topic", rest, String::new()),
        "sqs" => ("Queue", rest, String::new()),
        // They are no part of the stack: the file names them.
        "secretsmanager" if rest.contains(SLACK_URL) => return "the secret of `alarms.slack_url_secret`".to_owned(),
        "secretsmanager" => return "the secret of `sinks.hook`".to_owned(),
        _ => panic!("no name for {arn}"),
    };
    let found = names.iter().find(|(id, physical)| id.ends_with(kind) && *physical == name);
    format!("{}{behind}", found.unwrap_or_else(|| panic!("{arn} is in no template")).0)
}
