//! Stand-ins for AWS, and what `fanggen` and the SDK need to call them.
#![allow(clippy::panic, reason = "a test without its harness has nothing to judge")]
#![allow(dead_code, reason = "each test crate uses its own part of the harness")]

pub mod botocore;
pub mod budgets;
pub mod call_server;
mod catalog;
pub mod comprehend;
pub mod deployed;
pub mod deployer;
pub mod emulator;
pub mod faults;
pub mod fresh_account;
pub mod gate;
pub mod inventory;
pub mod json_call;
pub mod log_events;
pub mod permissions;
pub mod person;
pub mod proxy;
pub mod queues;
pub mod requests;
pub mod scripted_cloudformation;
pub mod secrets;
pub mod services;
pub mod shared;
pub mod small_pipeline;
pub mod stacks;
pub mod strict;
pub mod sweep;
pub mod target_account;
pub mod template;
pub mod upstream;
pub mod wire;

use std::path::Path;
use std::process::Command;

/// `fanggen` in a folder, with nothing of this machine's environment but the path: see `Emulator::environment`.
pub fn fanggen(folder: &Path, environment: &[(&'static str, String)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanggen"));
    command.args(arguments).current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(environment.iter().map(|(name, value)| (*name, value)));
    command
}
