//! One environment of a pipeline in one account: its stack, its bucket of artifacts, and who is told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::audience::{Answer, Audience, Interrupt};
use super::aws::account::{Account, Identity};
use super::aws::bucket::Bucket;
use super::aws::stack::Stack;
use super::error::{DeployError, Failed};
use super::events::cause;
use super::follow::{Ended, follow};
use super::generated::Generated;
use super::lock::{Lock, LockError};
use super::stack_state::{Described, ENVIRONMENT_TAG, PIPELINE_TAG, Standing};

/// How change sets of ours begin: those of a look, of an apply, and those that were saved.
pub const SETS: &str = "fanggen-";

/// One environment of a pipeline, in one account.
pub struct Deployment<'a> {
    /// The account.
    pub account: &'a Account,
    /// Who is calling.
    pub caller: &'a Identity,
    /// What was rendered.
    pub generated: &'a Generated,
    /// Its stack.
    pub stack: Stack,
    /// The bucket of artifacts.
    pub bucket: Bucket,
    /// Who is told and asked.
    pub audience: Arc<dyn Audience>,
    /// Whether somebody wants this to end.
    pub interrupt: &'a Interrupt,
    /// Where this machine's locks are.
    pub locks: PathBuf,
    /// Whether the lock, where it was taken, is lost.
    lost: OnceLock<Arc<AtomicBool>>,
}

impl<'a> Deployment<'a> {
    /// Compares the caller with the file, before anything is touched.
    ///
    /// # Errors
    /// Another account than the file's.
    pub fn new(
        account: &'a Account,
        caller: &'a Identity,
        generated: &'a Generated,
        audience: Arc<dyn Audience>,
        interrupt: &'a Interrupt,
        locks: PathBuf,
    ) -> Result<Self, DeployError> {
        let manifest = &generated.manifest;
        if let Some(wanted) = manifest.account.as_ref().filter(|wanted| **wanted != caller.account) {
            return Err(DeployError::WrongAccount {
                found: caller.account.clone(),
                wanted: wanted.clone(),
                caller: caller.arn.clone(),
            });
        }
        Ok(Self {
            account,
            caller,
            generated,
            stack: Stack::new(account, &manifest.stack),
            bucket: Bucket::new(account, caller),
            audience,
            interrupt,
            locks,
            lost: OnceLock::new(),
        })
    }

    /// The name of the environment.
    #[must_use]
    pub fn environment(&self) -> &str {
        &self.generated.manifest.environment
    }

    /// What the stack is marked with.
    #[must_use]
    pub fn tags(&self) -> BTreeMap<String, String> {
        let manifest = &self.generated.manifest;
        let tags = [(PIPELINE_TAG, &manifest.pipeline), (ENVIRONMENT_TAG, &manifest.environment)];
        tags.into_iter().map(|(key, value)| (key.to_owned(), value.clone())).collect()
    }

    /// How its stack stands, if there is one and it is ours.
    ///
    /// # Errors
    /// A stack that is somebody else's, and failed calls.
    pub async fn find(&self) -> Result<Option<Described>, DeployError> {
        let Some(found) = self.stack.describe(None).await? else { return Ok(None) };
        let manifest = &self.generated.manifest;
        let ours = match found.standing() {
            Standing::Absent => return Ok(None),
            // A stack that was never executed may not show its tags yet.
            Standing::Shell if found.tags.is_empty() => {
                self.stack.change_sets().await?.iter().all(|name| name.starts_with(SETS))
            }
            _ => found.is_of(&manifest.pipeline, &manifest.environment),
        };
        if ours { Ok(Some(found)) } else { Err(DeployError::Foreign(self.stack.name.clone())) }
    }

    /// The stack, which must be there.
    ///
    /// # Errors
    /// Its absence, and all of [`Self::find`].
    pub async fn found(&self) -> Result<Described, DeployError> {
        let found = self.find().await?.filter(|found| found.standing() != Standing::Shell);
        found.ok_or_else(|| DeployError::NoStack {
            stack: self.stack.name.clone(),
            region: self.account.region.clone(),
            account: self.caller.account.clone(),
            environment: self.environment().to_owned(),
        })
    }

    /// Makes the bucket of artifacts, as far as it is not there.
    ///
    /// # Errors
    /// See [`super::aws::bucket::BucketError`].
    pub async fn ensure_bucket(&self) -> Result<bool, DeployError> {
        let before = self.bucket.ensure().await?;
        if before == super::aws::bucket::State::Absent {
            self.audience.say(&format!("made the bucket of artifacts `{}`", self.bucket.name));
        }
        Ok(before == super::aws::bucket::State::Absent)
    }

    /// Takes the lock.
    ///
    /// # Errors
    /// See [`super::lock::LockError`].
    pub async fn lock(&self, what: &str) -> Result<Lock, DeployError> {
        let lock = Lock::take(&self.bucket, &self.stack.name, &self.caller.arn, what, &self.locks).await?;
        // Taken once in the life of a deployment.
        let _ = self.lost.set(lock.lost());
        Ok(lock)
    }

    /// Stops where the lock is lost: a machine that slept, or a network that was away for minutes.
    ///
    /// # Errors
    /// A lock that is somebody else's by now.
    pub fn holds_lock(&self) -> Result<(), DeployError> {
        let lost = self.lost.get().is_some_and(|lost| lost.load(Ordering::SeqCst));
        if lost { Err(DeployError::LockLost(self.stack.name.clone())) } else { Ok(()) }
    }

    /// Removes what a process of this machine left behind when it was ended: its lock, its change sets. Calls nobody
    /// where nothing is left, and leaves what somebody else is at work on to them.
    ///
    /// # Errors
    /// A failed call.
    pub async fn remove_left(&self, what: &str) -> Result<(), DeployError> {
        self.remove_left_sets().await?;
        if !Lock::is_left(&self.bucket, &self.stack.name, &self.locks) {
            return Ok(());
        }
        match self.lock(what).await {
            Ok(lock) => Ok(lock.release().await?),
            Err(DeployError::Lock(LockError::Held { .. } | LockError::Here(_))) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks for a yes.
    ///
    /// # Errors
    /// A no, and nobody to ask.
    pub async fn agree(&self, question: &str) -> Result<(), DeployError> {
        let (audience, question) = (Arc::clone(&self.audience), question.to_owned());
        // On a thread of its own, so that an interruption and the renewal of the lock do not wait for a person.
        let asked = tokio::task::spawn_blocking(move || audience.agree(&question));
        let answer = tokio::select! {
            answer = asked => answer.unwrap_or(Answer::No),
            () = self.interrupt.wait() => return Err(DeployError::Interrupted),
        };
        match answer {
            _ if self.interrupt.raised() => Err(DeployError::Interrupted),
            Answer::Yes => Ok(()),
            Answer::No => Err(DeployError::Declined),
            Answer::Nobody => Err(DeployError::NobodyToAsk),
        }
    }

    /// The last event so far, after which a new operation begins.
    ///
    /// # Errors
    /// A failed call.
    pub async fn mark(&self, id: &str) -> Result<Option<String>, DeployError> {
        Ok(self.stack.events(id, None).await?.pop().map(|event| event.id))
    }

    /// Follows an operation, and tells the audience.
    ///
    /// # Errors
    /// See [`follow`].
    pub async fn watch(&self, what: &str, count: usize, id: &str, mark: Option<&str>) -> Result<Ended, DeployError> {
        self.audience.begin(what, count);
        let ended = follow(&self.stack, id, mark, &*self.audience, self.interrupt).await;
        self.audience.end();
        ended
    }

    /// An operation that did not do what it was asked to, with its first cause in the words of the file.
    #[must_use]
    pub fn failed(&self, ended: &Ended, next: &str) -> DeployError {
        let cause = cause(&ended.events).cloned();
        let resources = &self.generated.manifest.resources;
        let path = cause.as_ref().and_then(|event| resources.get(&event.resource)).map(|asked| asked.path.clone());
        DeployError::Failed(Box::new(Failed {
            stack: self.stack.name.clone(),
            status: ended.status.clone(),
            cause,
            asked: None,
            path,
            next: next.to_owned(),
        }))
    }

    /// The next command after a failure.
    #[must_use]
    pub fn again(&self, before: &str) -> String {
        format!("{before}mend the cause, then run `fanggen apply --env {}` again", self.environment())
    }

    /// Removes a change set, and the shell of a stack if nothing else is in it.
    ///
    /// # Errors
    /// A failed call.
    pub async fn discard(&self, set: &str) -> Result<(), DeployError> {
        self.stack.forget(set).await?;
        self.remove_shell().await
    }

    /// Removes the shell of a stack that has neither resources nor a saved change set.
    ///
    /// # Errors
    /// A failed call.
    pub async fn remove_shell(&self) -> Result<(), DeployError> {
        let Some(stack) = self.find().await? else { return Ok(()) };
        if stack.standing() == Standing::Shell && self.sweep().await?.is_empty() {
            let mark = self.mark(&stack.id).await?;
            self.stack.delete(&stack.id).await?;
            follow(&self.stack, &stack.id, mark.as_deref(), &*self.audience, &Interrupt::default()).await?;
        }
        Ok(())
    }
}
