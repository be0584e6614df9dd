//! What a command that needs AWS starts with: the rendered environment, the account, and who is calling.

use std::path::PathBuf;
use std::sync::Arc;

use super::args::GlobalArgs;
use super::error::CommandError;
use super::output::{Style, message};
use super::pipeline_file::LoadedPipeline;
use super::rendered::Rendered;
use super::stop_signals::interrupt_on_signal;
use super::terminal::TerminalUi;
use crate::deploy::aws::account::{Account, CallerIdentity};
use crate::deploy::aws::call_error::CallError;
use crate::deploy::aws::dynamodb::run_rows::RunRowsClient;
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::generated::{Generated, Manifest, ManifestResource};
use crate::deploy::interrupt::Interrupt;
use crate::not_deployed::NotDeployed;
use crate::resources;

/// One environment, and the account that it is deployed to.
pub struct AwsSession {
    /// What was rendered.
    pub generated: Generated,
    /// The SDK's configuration.
    pub account: Account,
    /// Who is calling.
    pub caller: CallerIdentity,
    interrupt: Interrupt,
}

impl AwsSession {
    /// Loads the credentials and asks AWS whose they are.
    ///
    /// # Errors
    /// Credentials that do not work.
    pub async fn open(file: &LoadedPipeline, environment: &str, rendered: &Rendered) -> Result<Self, CommandError> {
        let text = |name: &str| rendered.text(environment, name);
        let generated = Generated::of(text("plan.json"), text("template.yaml").to_owned())
            .map_err(|error| DeployError::Other(format!("the rendered files cannot be read: {error}")))?;
        // Before the first call: without a handler, a signal ends the process without a message.
        let interrupt = interrupt_on_signal();
        let account = open_account(file, environment, &generated.manifest.region).await?;
        let caller = account.identity().await.map_err(DeployError::from)?;
        Ok(Self { generated, account, caller, interrupt })
    }

    /// The deployment of this environment.
    ///
    /// # Errors
    /// Credentials of another account than the file names.
    pub fn deployment(&self, yes: bool, json: bool) -> Result<Deployment<'_>, CommandError> {
        let terminal = Arc::new(TerminalUi::new(yes, json, &self.generated.manifest));
        Ok(Deployment::new(&self.account, &self.caller, &self.generated, terminal, &self.interrupt, lock_folder()?)?)
    }
}

/// One environment for the commands of a running pipeline: nobody is asked who is calling unless that matters.
pub struct EnvironmentAccount {
    /// The SDK's configuration.
    pub account: Account,
    /// What was rendered for the environment.
    pub manifest: Manifest,
    /// Raised when the user wants to stop; never by itself where a command only reads.
    pub interrupt: Interrupt,
}

impl EnvironmentAccount {
    /// Loads the credentials, without a call.
    ///
    /// # Errors
    /// An environment with mistakes.
    pub async fn open(file: &LoadedPipeline, environment: &str, global: &GlobalArgs) -> Result<Self, CommandError> {
        let interrupt = interrupt_on_signal();
        Ok(Self { interrupt, ..Self::open_to_read(file, environment, global).await? })
    }

    /// The same for a command that leaves nothing half done: a signal ends it at once.
    ///
    /// # Errors
    /// An environment with mistakes.
    pub async fn open_to_read(
        file: &LoadedPipeline,
        environment: &str,
        global: &GlobalArgs,
    ) -> Result<Self, CommandError> {
        let (account, manifest) = account_of(file, environment, &Rendered::of(file, global, None)?).await?;
        Ok(Self { account, manifest, interrupt: Interrupt::default() })
    }

    /// Asks who is calling, and refuses another account than the file names.
    ///
    /// # Errors
    /// Credentials that do not work, or of another account.
    pub async fn caller(&self) -> Result<CallerIdentity, CommandError> {
        let caller = self.account.identity().await.map_err(DeployError::from)?;
        match &self.manifest.account {
            Some(wanted) if *wanted != caller.account => {
                Err(DeployError::WrongAccount { found: caller.account, wanted: wanted.clone(), caller: caller.arn }
                    .into())
            }
            _ => Ok(caller),
        }
    }

    /// The resource of this type that a component asked for.
    ///
    /// # Errors
    /// A plan without one, which is a bug.
    pub fn resource(&self, kind: &str, path: &str) -> Result<&ManifestResource, CommandError> {
        let mut all = self.manifest.resources.values();
        let found = all.find(|resource| resource.kind == kind && resource.path == path);
        found.ok_or_else(|| DeployError::Other(format!("the plan has no {kind} of `{path}`")).into())
    }
}

impl EnvironmentAccount {
    /// The state table. One call, if the file names the account.
    ///
    /// # Errors
    /// Credentials of another account, and a plan without the table.
    pub async fn state_table(&self) -> Result<RunRowsClient, CommandError> {
        if self.manifest.account.is_some() {
            self.caller().await?;
        }
        Ok(RunRowsClient::open(&self.account, self.state_table_name()?.to_owned()))
    }

    fn state_table_name(&self) -> Result<&str, CommandError> {
        let table = self.resource(resources::dynamodb::TABLE.name, "pipeline")?;
        let name = table.name.as_ref().and_then(serde_json::Value::as_str);
        name.ok_or_else(|| DeployError::Other("the state table has no name".to_owned()).into())
    }

    /// The error of a call to the state table; says that nothing is deployed where that is why.
    pub fn explained(&self, error: CallError, environment: &str) -> CommandError {
        match self.state_table_name() {
            Ok(table) if error.is_absent() => DeployError::from(NotDeployed::new(environment, "table", table)).into(),
            Ok(_) => DeployError::from(error).into(),
            Err(nameless) => nameless,
        }
    }
}

/// The account of an environment, and what is to be deployed there, without a call.
///
/// # Errors
/// An environment with mistakes.
pub async fn account_of(
    file: &LoadedPipeline,
    environment: &str,
    rendered: &Rendered,
) -> Result<(Account, Manifest), CommandError> {
    let generated = Generated::of(rendered.text(environment, "plan.json"), String::new())
        .map_err(|error| DeployError::Other(format!("the rendered files cannot be read: {error}")))?;
    let account = open_account(file, environment, &generated.manifest.region).await?;
    Ok((account, generated.manifest))
}

/// Loads the credentials of an environment, without a call, and says where AWS is if that is not AWS.
///
/// # Errors
/// An environment with mistakes.
async fn open_account(file: &LoadedPipeline, environment: &str, region: &str) -> Result<Account, CommandError> {
    let profile = file.pipeline(environment)?.aws.profile.as_ref().map(ToString::to_string);
    let account = Account::open(region, profile.as_deref()).await;
    if let Some(address) = account.endpoint() {
        message(&format!("{}note{}: using {address} instead of AWS", Style::WARNING, Style::END));
    }
    Ok(account)
}

/// Where this machine's lock files are: one folder for all checkouts of a user, and never one that users share.
///
/// # Errors
/// A user without a home.
fn lock_folder() -> Result<PathBuf, DeployError> {
    let set = std::env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    // Without HOME, the home that the system knows of the user.
    let home = || std::env::home_dir().filter(|home| !home.as_os_str().is_empty()).map(|home| home.join(".cache"));
    let cache = set.or_else(home).ok_or_else(|| {
        DeployError::Other("there is no folder for the lock file: set HOME or XDG_CACHE_HOME".to_owned())
    })?;
    Ok(cache.join("fanggen").join("locks"))
}

/// Adds to a failure where in the pipeline's file its resource was asked for.
pub fn with_location(error: DeployError, file: &LoadedPipeline, environment: &str) -> CommandError {
    let mut error = error;
    if let DeployError::Failed(failed) = &mut error
        && let Some(path) = &failed.path
    {
        let place = file.config.source.place(file.config.span(environment, path).start);
        failed.asked = Some(format!("`{path}` ({}:{})", file.config.source.path, place.line));
    }
    error.into()
}
