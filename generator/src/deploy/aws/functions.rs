//! The door to Lambda: whether a function is there and what feeds it, and invoking it.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use tokio::time::{Instant, sleep};

use super::account::Account;
use super::allow::Call;
use super::call::CallError;
use crate::resources::{self, Target};

const FUNCTION: Target = Target::Each(&resources::lambda::FUNCTION);

/// How often a function that is being made ready is invoked again, and for how long.
const POLL: Duration = Duration::from_secs(1);
const READY: Duration = Duration::from_secs(60);

/// What the calls of this door need.
pub const CALLS: &[Call] = &[
    Call::new("lambda:GetFunction", FUNCTION),
    Call::new("lambda:InvokeFunction", FUNCTION),
    Call::new("lambda:ListEventSourceMappings", Target::Everything("MappingsAreListedWithoutAResource")),
];

/// The door.
#[derive(Clone, Debug)]
pub struct Functions(Client);

impl Functions {
    /// Opens the door; nothing is called.
    #[must_use]
    pub fn open(account: &Account) -> Self {
        Self(Client::new(&account.sdk))
    }

    /// Whether the function is there.
    ///
    /// # Errors
    /// A call that failed.
    pub async fn there(&self, function: &str) -> Result<bool, CallError> {
        let answer = self.0.get_function().function_name(function).send().await;
        CallError::there(answer.map_err(|error| CallError::of("lambda:GetFunction", error)))
    }

    /// How many event source mappings feed the function; one that is being deleted is not counted.
    ///
    /// # Errors
    /// A call that failed.
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

    /// Hands the function an event, and does not wait for what it makes of it. A function that was made a moment ago may
    /// need a moment more.
    ///
    /// # Errors
    /// A call that failed, and a function that is not ready after a minute.
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
