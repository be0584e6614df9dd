//! Lambda: whether a function and its event source mappings exist, and invoking it.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use tokio::time::{Instant, sleep};

use super::account::Account;
use super::api_call::ApiCall;
use super::call_error::CallError;
use crate::deploy::aws::call_log::logged_client;
use crate::resources::{self, Target};

const FUNCTION: Target = Target::Each(&resources::lambda::FUNCTION);

/// How often, and for how long, a function that is not active yet is invoked again.
const POLL: Duration = Duration::from_secs(1);
const READY: Duration = Duration::from_secs(60);

/// The IAM actions of this client's calls.
pub const CALLS: &[ApiCall] = &[
    ApiCall::new("lambda:GetAccountSettings", Target::Everything("TheAccountItselfHasNoResource")).plan(),
    ApiCall::new("lambda:GetFunction", FUNCTION),
    // The event of a run is that of the schedule, so no other function is invoked.
    ApiCall::new("lambda:InvokeFunction", Target::ScheduledFunction).operate(),
    ApiCall::new("lambda:ListEventSourceMappings", Target::Everything("MappingsAreListedWithoutAResource")),
];

/// The client.
#[derive(Clone, Debug)]
pub struct LambdaClient(Client);

impl LambdaClient {
    /// Creates the client without a call.
    #[must_use]
    pub fn open(account: &Account) -> Self {
        Self(logged_client!(aws_sdk_lambda, account))
    }

    /// Whether the function exists.
    ///
    /// # Errors
    /// A failed call.
    pub async fn exists(&self, function: &str) -> Result<bool, CallError> {
        let answer = self.0.get_function().function_name(function).send().await;
        CallError::exists(answer.map_err(|error| CallError::of("lambda:GetFunction", error)))
    }

    /// How many functions may run at once that have no concurrency reserved for them.
    ///
    /// # Errors
    /// A failed call.
    pub async fn concurrent_executions(&self) -> Result<Option<u64>, CallError> {
        let answer = self.0.get_account_settings().send().await;
        let answer = answer.map_err(|error| CallError::of("lambda:GetAccountSettings", error))?;
        let limit = answer.account_limit.and_then(|limit| limit.unreserved_concurrent_executions);
        Ok(limit.and_then(|limit| u64::try_from(limit).ok()))
    }

    /// The number of event source mappings of the function, without those that are being deleted.
    ///
    /// # Errors
    /// A failed call.
    pub async fn mappings(&self, function: &str) -> Result<usize, CallError> {
        let mut count = 0;
        let mut pages = self.0.list_event_source_mappings().function_name(function).into_paginator().send();
        while let Some(page) = pages.next().await {
            match page.map_err(|error| CallError::of("lambda:ListEventSourceMappings", error)) {
                Err(error) if error.is_absent() => return Ok(0),
                page => {
                    let lives = |state: Option<&str>| state != Some("Deleting");
                    count += page?.event_source_mappings().iter().filter(|mapping| lives(mapping.state())).count();
                }
            }
        }
        Ok(count)
    }

    /// Invokes the function asynchronously. A function that was just created may not be active yet.
    ///
    /// # Errors
    /// A call that failed, and a function that is not active after a minute.
    pub async fn invoke(&self, function: &str, payload: &str) -> Result<(), CallError> {
        let start = Instant::now();
        loop {
            let call = self.0.invoke().function_name(function).invocation_type(InvocationType::Event);
            let answer = call.payload(Blob::new(payload)).send().await;
            match answer.map_err(|error| CallError::of("lambda:InvokeFunction", error)) {
                Err(error) if error.is("ResourceConflictException") && start.elapsed() < READY => sleep(POLL).await,
                answer => return answer.map(|_| ()),
            }
        }
    }
}
