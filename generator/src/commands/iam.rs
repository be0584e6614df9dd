//! `fanggen iam`: the IAM policies that a deployer, a planner and an operator need, and those of the functions' roles.

use std::collections::BTreeMap;

use clap::{ArgGroup, Args};

use super::args::GlobalArgs;
use super::error::{CommandError, CommandResult};
use super::output::{Style, message, print, to_json};
use super::pipeline_file::LoadedPipeline;
use super::rendered::Rendered;
use crate::config::mistake::Severity;
use crate::config::partition_of;
use crate::deploy::aws::account::CallerIdentity;
use crate::deploy::aws::s3::artifacts;
use crate::deploy::error::DeployError;
use crate::deploy::generated::Generated;
use crate::deploy::policy::{Environment, PolicyHolder, policies, suffix};
use crate::plan::{ACCOUNT, PARTITION, REGION, SUFFIX};
use crate::show::roles::{self, ExplainedRole, PseudoParameters, RolePolicy};

/// Print the IAM policies of a deployer, a planner, an operator, or the functions
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("whose").required(true)), after_help = "Examples:
  fanggen iam --deployer --artifacts              for all environments, and the first deployment of a region
  fanggen iam --deployer --env prod --account 123456789012
  fanggen iam --planner --env prod                for the job that plans pull requests
  fanggen iam --operator --env prod               for whoever looks after a running pipeline
  fanggen iam --runtime --explain                 what the functions may do, and why

Each document of a deployer, planner or operator fits into one managed policy.")]
pub struct IamArgs {
    /// Print the policy needed to run plan, apply and destroy
    #[arg(long, group = "whose")]
    deployer: bool,
    /// Print the policy needed to run plan: it reads, and creates change sets without executing them
    #[arg(long, group = "whose")]
    planner: bool,
    /// Print the policy needed to run `items`, `results`, `replay`, `logs` and `dlq`: it edits items, reads results and logs,
    /// has texts analysed again, moves dead letters, and deploys nothing
    #[arg(long, group = "whose")]
    operator: bool,
    /// Print the policies of the roles of the functions and the schedule; a key's ARN, which only the deployed stack knows, is
    /// printed as `${Key.Arn}`
    #[arg(long, group = "whose")]
    runtime: bool,
    /// Include the artifact bucket itself, which all pipelines of an account and region share: to create it before the first
    /// deployment, and to delete it with `destroy --artifacts`
    #[arg(long, conflicts_with_all = ["planner", "operator", "runtime"])]
    artifacts: bool,
    /// Print a table: each action with the line of the file that asked for it, and why
    #[arg(long, conflicts_with_all = ["deployer", "planner", "operator"])]
    explain: bool,
    /// Only this environment
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// The account, if the file names none
    #[arg(long, value_name = "DIGITS", value_parser = digits)]
    account: Option<String>,
}

fn digits(text: &str) -> Result<String, String> {
    let good = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if good { Ok(text.to_owned()) } else { Err("an account has 12 digits".into()) }
}

impl IamArgs {
    pub fn execute(self, global: &GlobalArgs) -> CommandResult {
        let file = LoadedPipeline::load(global, Severity::Error)?;
        let environments = file.environments(self.env.as_deref())?;
        if self.runtime {
            self.of_functions(&file, &environments, global)
        } else {
            self.of_people(&file, &environments, global)
        }
    }

    /// Who deploys, plans, or looks after the pipeline.
    fn of_people(&self, file: &LoadedPipeline, environments: &[String], global: &GlobalArgs) -> CommandResult {
        let rendered = Rendered::of(file, global, None)?;
        let mut ready = Vec::new();
        let mut unbounded = Vec::new();
        for environment in environments {
            let text = |name: &str| rendered.text(environment, name);
            let generated = Generated::of(text("plan.json"), text("template.yaml").to_owned())
                .map_err(|error| DeployError::Other(format!("the rendered files cannot be read: {error}")))?;
            let manifest = &generated.manifest;
            let account = self.account_of(environment, manifest.account.as_deref())?;
            let account = account.ok_or_else(|| no_account(environment))?;
            let boundary = file.pipeline(environment)?.iam.permissions_boundary.as_ref().map(ToString::to_string);
            if boundary.is_none() {
                unbounded.push(format!("`{environment}`"));
            }
            let partition = partition_of(&manifest.region);
            let caller = CallerIdentity { arn: format!("arn:{partition}:iam::{account}:root"), account };
            let bucket = artifacts::name(&caller.account, &manifest.region);
            ready.push((generated, caller, boundary, bucket));
        }
        let all: Vec<Environment<'_>> = ready
            .iter()
            .map(|(generated, caller, boundary, bucket)| Environment {
                manifest: &generated.manifest,
                caller,
                boundary: boundary.as_deref(),
                artifacts: bucket,
                template_bytes: generated.template.len(),
            })
            .collect();
        let holder = if self.planner {
            PolicyHolder::Planner
        } else if self.operator {
            PolicyHolder::Operator
        } else {
            PolicyHolder::Deployer { shared_bucket: self.artifacts }
        };
        let documents = policies(holder, &all).map_err(|error| DeployError::Other(error.to_string()))?;
        if documents.len() > 1 && !global.json {
            message(&format!(
                "{} managed policies, since one is limited to 6,144 characters: attach all of them",
                documents.len()
            ));
        }
        if self.deployer && !unbounded.is_empty() {
            message(&format!(
                "{}note{}: whoever has this policy can give themselves more permissions: it may create the roles of {} and \
                 write their policies, and no `[iam] permissions_boundary` limits those roles",
                Style::WARNING,
                Style::END,
                unbounded.join(" and ")
            ));
        }
        print(&to_json(&documents));
        Ok(())
    }

    /// The functions, and the schedule.
    fn of_functions(&self, file: &LoadedPipeline, environments: &[String], global: &GlobalArgs) -> CommandResult {
        let mut explained: Vec<ExplainedRole> = Vec::new();
        let mut documents: Vec<RolePolicy> = Vec::new();
        for environment in environments {
            let plan = file.plan(environment)?;
            let account = self.account_of(environment, plan.account.as_deref())?;
            if account.is_none() && !self.explain {
                return Err(no_account(environment));
            }
            let partition = partition_of(&plan.region);
            let mut values = BTreeMap::from([
                (PARTITION, partition.to_owned()),
                (REGION, plan.region.clone()),
                (SUFFIX, suffix(partition).to_owned()),
            ]);
            values.extend(account.map(|account| (ACCOUNT, account)));
            let parameters = PseudoParameters(values);
            let line = |path: &str| file.config.source.place(file.config.span(environment, path).start).line;
            for role in &plan.roles {
                explained.push(roles::explained(environment, role, &parameters, &line));
                documents.push(roles::policy(environment, role, &parameters));
            }
        }
        match (self.explain, global.json) {
            (false, _) => print(&to_json(&documents)),
            (true, true) => print(&to_json(&explained)),
            (true, false) => {
                let all: Vec<String> = explained.iter().map(ToString::to_string).collect();
                print(&all.join("\n\n"));
            }
        }
        Ok(())
    }

    /// The account of an environment, as the file or the command line says it.
    fn account_of(&self, environment: &str, named: Option<&str>) -> Result<Option<String>, CommandError> {
        if let (Some(named), Some(given)) = (named, &self.account)
            && named != given
        {
            let text = format!(
                "`[aws] account` of environment `{environment}` is {named}, and `--account` is {given}\n  leave out \
                 `--account`, or change the file"
            );
            return Err(DeployError::Other(text).into());
        }
        Ok(named.map(str::to_owned).or_else(|| self.account.clone()))
    }
}

fn no_account(environment: &str) -> CommandError {
    let text = format!(
        "the policy names exact resources, and environment `{environment}` names no account\n  set `[aws] account` in the \
         file, or add `--account` (`aws sts get-caller-identity` shows yours)"
    );
    DeployError::Other(text).into()
}
