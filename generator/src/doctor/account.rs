//! The credentials of an environment, its region, and what the account allows.

use super::{Check, CheckOutcome};
use crate::deploy::aws::account::Account;
use crate::deploy::aws::lambda::LambdaClient;
use crate::deploy::concurrency;
use crate::deploy::error::DeployError;
use crate::deploy::generated::Manifest;

/// The checks of an account: two calls, neither of which changes anything. `manifest` is what is to be deployed there.
pub async fn checks(environment: &str, account: &Account, manifest: &Manifest) -> Vec<Check> {
    let credentials = format!("AWS credentials ({environment})");
    let quota = format!("Lambda quota ({environment})");
    let caller = match account.identity().await.map_err(DeployError::from) {
        Ok(caller) => caller,
        Err(error) => {
            return vec![
                Check::failed(credentials, CheckOutcome::Problem, &error),
                Check::skipped(quota, "needs working credentials"),
            ];
        }
    };
    let identity = match &manifest.account {
        Some(wanted) if *wanted != caller.account => {
            let found = format!("account {}, but `[aws] account` is {wanted}", caller.account);
            let mend = format!("use credentials for account {wanted}, not those of {}", caller.arn);
            Check::bad(credentials, CheckOutcome::Problem, found, mend)
        }
        _ => Check::ok(credentials, format!("{} in {}", caller.arn, account.region)),
    };
    vec![identity, quota_check(quota, account, manifest).await]
}

/// Whether the account may run as many functions at once as the environment asks for.
async fn quota_check(name: String, account: &Account, manifest: &Manifest) -> Check {
    match LambdaClient::open(account).concurrent_executions().await {
        Ok(Some(quota)) => match concurrency::shortage(manifest, quota) {
            None => Check::ok(name, format!("up to {quota} concurrent executions")),
            Some(shortage) => Check::bad(name, CheckOutcome::Warning, shortage.found, shortage.mend),
        },
        Ok(None) => Check::skipped(name, "Lambda did not report the concurrency quota"),
        Err(error) => Check::skipped(name, error.to_string().lines().next().unwrap_or_default()),
    }
}
