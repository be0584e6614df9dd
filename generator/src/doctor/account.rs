//! The credentials of an environment, its region, and what the account allows.

use super::{Check, Outcome};
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
                Check::failed(credentials, Outcome::Problem, &error),
                Check::skipped(quota, "needs credentials that work"),
            ];
        }
    };
    let identity = match &manifest.account {
        Some(wanted) if *wanted != caller.account => {
            let found = format!("account {}, but `[aws] account` is {wanted}", caller.account);
            let mend = format!("use other credentials than {}", caller.arn);
            Check::bad(credentials, Outcome::Problem, found, mend)
        }
        _ => Check::ok(credentials, format!("{} in {}", caller.arn, account.region)),
    };
    vec![identity, quota_check(quota, account, manifest).await]
}

/// Whether the account may run as many functions at once as the environment asks for.
async fn quota_check(name: String, account: &Account, manifest: &Manifest) -> Check {
    match LambdaClient::open(account).concurrent_executions().await {
        Ok(Some(quota)) => match concurrency::shortage(manifest, quota) {
            None => Check::ok(name, format!("{quota} functions at once")),
            Some(shortage) => Check::bad(name, Outcome::Warning, shortage.found, shortage.mend),
        },
        Ok(None) => Check::skipped(name, "Lambda did not say how many functions may run at once"),
        Err(error) => Check::skipped(name, error.to_string().lines().next().unwrap_or_default()),
    }
}
