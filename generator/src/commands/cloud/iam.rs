//! `fanggen iam --deployer`: what a person or a pipeline needs to be allowed to deploy.

use clap::Args;

use crate::commands::rendered::Rendered;
use crate::commands::{Done, Failure, Global, pretty, print, words};
use crate::config::mistake::Severity;
use crate::deploy::aws::account::Identity;
use crate::deploy::aws::bucket;
use crate::deploy::error::DeployError;
use crate::deploy::generated::Generated;
use crate::deploy::policy::{Environment, policies};

/// Print the policy that a deployer needs
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanggen iam --deployer                          of all environments
  fanggen iam --deployer --env prod --account 123456789012

Each document is small enough to be a managed policy.")]
pub struct Iam {
    /// The policy of whoever runs plan, apply and destroy
    #[arg(long, required = true)]
    deployer: bool,
    /// Only for this environment
    #[arg(short, long, value_name = "ENV")]
    env: Option<String>,
    /// The account, where the file names none
    #[arg(long, value_name = "DIGITS", value_parser = digits)]
    account: Option<String>,
}

fn digits(text: &str) -> Result<String, String> {
    let good = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if good { Ok(text.to_owned()) } else { Err("an account has 12 digits".into()) }
}

impl Iam {
    pub fn execute(self, global: &Global) -> Done {
        let opened = global.open(Severity::Error)?;
        let rendered = Rendered::of(&opened, global, None)?;
        let environments = opened.environments(self.env.as_deref())?;
        let mut ready = Vec::new();
        for environment in &environments {
            let text = |name: &str| rendered.text(environment, name);
            let generated = Generated::of(text("plan.json"), text("template.yaml").to_owned())
                .map_err(|error| DeployError::Other(format!("what was rendered cannot be read back: {error}")))?;
            let manifest = generated.manifest;
            if let (Some(file), Some(given)) = (&manifest.account, &self.account)
                && file != given
            {
                let words = format!(
                    "environment `{environment}` is for account {file}, as `[aws] account` says, and not for {given}\n  leave \
                     `--account` out, or change the file"
                );
                return Err(DeployError::Other(words).into());
            }
            let account = manifest.account.clone().or_else(|| self.account.clone());
            let account = account.ok_or_else(|| {
                let words = format!(
                    "the policy names exact resources, and `[aws] account` of environment `{environment}` says no \
                     account\n  add it to the file, or give `--account` (`aws sts get-caller-identity` says which is yours)"
                );
                Failure::from(DeployError::Other(words))
            })?;
            let boundary = opened.pipeline(environment)?.iam.permissions_boundary.as_ref().map(ToString::to_string);
            let partition = if manifest.region.starts_with("cn-") {
                "aws-cn"
            } else if manifest.region.starts_with("us-gov-") {
                "aws-us-gov"
            } else {
                "aws"
            };
            let caller = Identity { arn: format!("arn:{partition}:iam::{account}:root"), account };
            let artifacts = bucket::name(&caller.account, &manifest.region);
            ready.push((manifest, caller, boundary, artifacts));
        }
        let all: Vec<Environment<'_>> = ready
            .iter()
            .map(|(manifest, caller, boundary, artifacts)| Environment {
                manifest,
                caller,
                boundary: boundary.as_deref(),
                artifacts,
            })
            .collect();
        let documents = policies(&all).map_err(|error| DeployError::Other(error.to_string()))?;
        if documents.len() > 1 && !global.json {
            words(&format!(
                "{} managed policies, since one may have 6,144 characters: attach all of them",
                documents.len()
            ));
        }
        print(&pretty(&documents));
        Ok(())
    }
}
