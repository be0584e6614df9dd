//! Somebody who may do exactly what `fanggen iam` prints.

use aws_sdk_sts::config::Credentials;
use fanggen_runtime::testing::process::ProcessOutput;

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
        let documents = documents.as_array().expect("a list").iter().map(|one| one["policy"].to_string());
        Self { of, key: deployer::key(emulator(), name, &documents.collect::<Vec<_>>()) }
    }

    pub fn run(&self, arguments: &[&str]) -> ProcessOutput {
        let mut environment = target_account().environment(&emulator().endpoint(), Some(&self.key));
        environment.push(("HOME", self.of.path().join("home").display().to_string()));
        ran(super::fanggen(self.of.path(), &environment, arguments).stdin(std::process::Stdio::null()))
    }

    pub fn sdk(&self) -> aws_config::SdkConfig {
        emulator().sdk(&emulator().endpoint(), &self.key)
    }
}

fn emulator() -> &'static Emulator {
    target_account().emulator.expect("users are made here: this is for the emulator only")
}
