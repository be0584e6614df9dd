//! `fanggen iam --deployer`: the IAM policy that a deployer needs.

use clap::Args;

use super::args::GlobalArgs;
use super::error::{CommandError, CommandResult};
use super::output::{message, print, to_json};
use super::pipeline_file::LoadedPipeline;
use super::rendered::Rendered;
use crate::config::mistake::Severity;
use crate::config::partition_of;
use crate::deploy::aws::account::CallerIdentity;
use crate::deploy::aws::s3::artifacts;
use crate::deploy::error::DeployError;
use crate::deploy::generated::Generated;
use crate::deploy::policy::{Environment, policies};

/// Print the IAM policy that a deployer needs
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen iam --deployer                          for all environments
  fanggen iam --deployer --env prod --account 123456789012

Each document fits into one managed policy.")]
pub struct IamArgs {
    /// Print the policy needed to run plan, apply and destroy
    #[arg(long, required = true)]
    deployer: bool,
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
        let rendered = Rendered::of(&file, global, None)?;
        let environments = file.environments(self.env.as_deref())?;
        let mut ready = Vec::new();
        for environment in &environments {
            let text = |name: &str| rendered.text(environment, name);
            let generated = Generated::of(text("plan.json"), text("template.yaml").to_owned())
                .map_err(|error| DeployError::Other(format!("the rendered files cannot be read: {error}")))?;
            let manifest = generated.manifest;
            if let (Some(named), Some(given)) = (&manifest.account, &self.account)
                && named != given
            {
                let text = format!(
                    "`[aws] account` of environment `{environment}` is {named}, and `--account` is {given}\n  leave out \
                     `--account`, or change the file"
                );
                return Err(DeployError::Other(text).into());
            }
            let account = manifest.account.clone().or_else(|| self.account.clone());
            let account = account.ok_or_else(|| {
                let text = format!(
                    "the policy names exact resources, and environment `{environment}` names no account\n  set `[aws] \
                     account` in the file, or add `--account` (`aws sts get-caller-identity` shows yours)"
                );
                CommandError::from(DeployError::Other(text))
            })?;
            let boundary = file.pipeline(environment)?.iam.permissions_boundary.as_ref().map(ToString::to_string);
            let partition = partition_of(&manifest.region);
            let caller = CallerIdentity { arn: format!("arn:{partition}:iam::{account}:root"), account };
            let bucket = artifacts::name(&caller.account, &manifest.region);
            ready.push((manifest, caller, boundary, bucket));
        }
        let all: Vec<Environment<'_>> = ready
            .iter()
            .map(|(manifest, caller, boundary, bucket)| Environment {
                manifest,
                caller,
                boundary: boundary.as_deref(),
                artifacts: bucket,
            })
            .collect();
        let documents = policies(&all).map_err(|error| DeployError::Other(error.to_string()))?;
        if documents.len() > 1 && !global.json {
            message(&format!(
                "{} managed policies, since one is limited to 6,144 characters: attach all of them",
                documents.len()
            ));
        }
        print(&to_json(&documents));
        Ok(())
    }
}
