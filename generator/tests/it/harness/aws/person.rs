//! Somebody who may do exactly what `fanggen iam` prints.

use std::process::{Command, Stdio};

use aws_sdk_sts::config::Credentials;
use fanggen_runtime::testing::process::ProcessOutput;
use serde_json::{Value, json};

use super::deployed::{Deployed, ran};
use super::deployer;
use super::emulator::Emulator;
use super::target_account::target_account;

/// Somebody with exactly the documents that `fanggen iam` prints for these arguments.
pub struct Person<'a> {
    of: &'a Deployed,
    key: Credentials,
}

impl<'a> Person<'a> {
    pub fn new(of: &'a Deployed, name: &str, arguments: &[&str]) -> Self {
        let printed = of.project.fanggen(&[&["iam"], arguments].concat());
        assert_eq!(printed.code, 0, "{printed:?}");
        let documents = printed.json();
        let documents = documents.as_array().expect("a list").iter().map(|one| with_batches(&one["policy"]));
        Self { of, key: deployer::key(emulator(), name, &documents.collect::<Vec<_>>()) }
    }

    pub fn run(&self, arguments: &[&str]) -> ProcessOutput {
        self.through(&emulator().endpoint(), arguments)
    }

    /// Runs `fanggen` with AWS at this address: that of a proxy, say.
    pub fn through(&self, endpoint: &str, arguments: &[&str]) -> ProcessOutput {
        ran(&mut self.command(endpoint, arguments))
    }

    /// `fanggen`, not run yet.
    pub fn command(&self, endpoint: &str, arguments: &[&str]) -> Command {
        let mut environment = target_account().environment(endpoint, Some(&self.key));
        environment.push(("HOME", self.of.path().join("home").display().to_string()));
        let mut command = super::fanggen(self.of.path(), &environment, arguments);
        command.stdin(Stdio::null());
        command
    }

    pub fn sdk(&self) -> aws_config::SdkConfig {
        emulator().sdk(&emulator().endpoint(), &self.key)
    }
}

/// The emulator asks for permissions such as `sqs:DeleteMessageBatch`, which AWS has not: there, that of the single call admits
/// both. It is added on the same queues and no others.
fn with_batches(policy: &Value) -> String {
    const SINGLE: [&str; 3] = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:SendMessage"];
    let mut policy = policy.clone();
    for statement in policy["Statement"].as_array_mut().into_iter().flatten() {
        let Some(actions) = statement["Action"].as_array_mut() else { continue };
        let own: Vec<Value> = SINGLE.into_iter().filter(|one| actions.contains(&json!(one))).map(Value::from).collect();
        actions.extend(own.iter().filter_map(Value::as_str).map(|action| json!(format!("{action}Batch"))));
    }
    policy.to_string()
}

fn emulator() -> &'static Emulator {
    target_account().emulator.expect("users are made here: this is for the emulator only")
}
