//! From a pipeline's file to a deployment: the account, who is calling, and what was rendered.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use super::terminal::Terminal;
use crate::commands::rendered::Rendered;
use crate::commands::{Failure, Opened, Style, words};
use crate::deploy::audience::Interrupt;
use crate::deploy::aws::account::{Account, Identity};
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::generated::Generated;

/// An environment, ready to be deployed.
pub struct Cloud {
    /// What was rendered.
    pub generated: Generated,
    /// The account.
    pub account: Account,
    /// Who is calling.
    pub caller: Identity,
    interrupt: Interrupt,
}

impl Cloud {
    /// Asks who is calling, and stops where that is not who the file asks for.
    ///
    /// # Errors
    /// Credentials that do not work.
    pub async fn open(opened: &Opened, environment: &str, rendered: &Rendered) -> Result<Self, Failure> {
        let pipeline = opened.pipeline(environment)?;
        let text = |name: &str| rendered.text(environment, name);
        let generated = Generated::of(text("plan.json"), text("template.yaml").to_owned())
            .map_err(|error| DeployError::Other(format!("what was rendered cannot be read back: {error}")))?;
        // Before the first call: until then a Ctrl-C ends the process without a word.
        let interrupt = watched();
        let profile = pipeline.aws.profile.as_ref().map(ToString::to_string);
        let account = Account::open(&generated.manifest.region, profile.as_deref()).await;
        if let Some(address) = account.stand_in() {
            words(&format!("{}note{}: AWS is stood in for by {address}", Style::WARNING, Style::END));
        }
        let caller = account.identity().await.map_err(DeployError::from)?;
        Ok(Self { generated, account, caller, interrupt })
    }

    /// The deployment of this environment.
    ///
    /// # Errors
    /// Another account than the file's.
    pub fn deployment(&self, yes: bool, json: bool) -> Result<Deployment<'_>, Failure> {
        let terminal = Arc::new(Terminal::new(yes, json, &self.generated.manifest));
        Ok(Deployment::new(&self.account, &self.caller, &self.generated, terminal, &self.interrupt, locks())?)
    }
}

/// Raised by Ctrl-C; a second one ends the process at once.
fn watched() -> Interrupt {
    let interrupt = Interrupt::default();
    let raised = interrupt.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if raised.raised() {
                std::process::exit(130);
            }
            words("interrupted: coming to a sane end; again to stop at once");
            raised.raise();
        }
    });
    interrupt
}

/// Where this machine's locks are: one place for all checkouts of its user.
fn locks() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("fanggen").join("locks")
}

/// Runs what waits for AWS.
///
/// # Errors
/// A system that refuses the threads for it.
pub fn wait_for<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::System("the work cannot be started", error))?;
    let done = runtime.block_on(work);
    // A question that nobody answered must not keep the process.
    runtime.shutdown_background();
    Ok(done)
}

/// A failure with its place in the pipeline's file, where its resource was asked for by it.
pub fn placed(error: DeployError, opened: &Opened, environment: &str) -> Failure {
    let mut error = error;
    if let DeployError::Failed(failed) = &mut error
        && let Some(path) = &failed.path
    {
        let place = opened.config.source.place(opened.config.span(environment, path).start);
        failed.asked = Some(format!("`{path}` ({}:{})", opened.config.source.path, place.line));
    }
    error.into()
}
